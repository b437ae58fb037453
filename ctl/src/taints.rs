//! Taints as a command line writes them, and what they make of those that a node has. Pure.

use crate::error::Error;
use serde_json::{Value, json};
use timonier_api::names;

/// `key=value:Effect`; a removal may leave out value and effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    key: String,
    value: String,
    effect: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    add: Vec<Spec>,
    remove: Vec<Spec>,
}

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Whether a word is a taint and not the name of an object.
pub fn is_taint(word: &str) -> bool {
    word.contains('=') || word.contains(':') || word.ends_with('-')
}

impl Spec {
    fn parse(text: &str) -> Result<Spec, Error> {
        let invalid = |why: &[String]| match why {
            [] => misread(&format!("invalid taint spec: {text}")),
            why => misread(&format!("invalid taint spec: {text}, {}", why.join("; "))),
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (key, value, effect) = match parts.as_slice() {
            [key] => (*key, "", ""),
            [pair, effect] => {
                if !EFFECTS.contains(effect) {
                    return Err(misread(&format!("invalid taint effect: {effect}, unsupported taint effect")));
                }
                match pair.split('=').collect::<Vec<_>>().as_slice() {
                    [key] => (*key, "", *effect),
                    [key, value] => (*key, *value, *effect),
                    _ => return Err(invalid(&[])),
                }
            }
            _ => return Err(invalid(&[])),
        };
        let mut why = names::label_value(value);
        if why.is_empty() {
            why = names::qualified_name(key);
        }
        if !why.is_empty() {
            return Err(invalid(&why));
        }
        Ok(Spec { key: key.into(), value: value.into(), effect: effect.into() })
    }

    fn is(&self, taint: &Value) -> bool {
        taint["key"] == self.key && (self.effect.is_empty() || taint["effect"] == self.effect)
    }

    fn same(&self, other: &Spec) -> bool {
        self.key == other.key && self.effect == other.effect
    }
}

impl std::fmt::Display for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Spec { key, value, effect } = self;
        match (value.is_empty(), effect.is_empty()) {
            (true, true) => write!(f, "{key}"),
            (true, false) => write!(f, "{key}:{effect}"),
            (false, true) => write!(f, "{key}={value}:"),
            (false, false) => write!(f, "{key}={value}:{effect}"),
        }
    }
}

fn misread(why: &str) -> Error {
    Error::usage(format!("{why}\nSee 'kctl taint -h' for help and examples"))
}

impl Change {
    pub fn parse(words: &[String]) -> Result<Change, Error> {
        let mut change = Change::default();
        for word in words {
            if let Some(removal) = word.strip_suffix('-') {
                change.remove.push(Spec { value: String::new(), ..Spec::parse(removal)? });
                continue;
            }
            let spec = Spec::parse(word)?;
            if spec.effect.is_empty() {
                return Err(misread(&format!("invalid taint spec: {word}")));
            }
            if change.add.iter().any(|other| other.same(&spec)) {
                let Spec { key, value, effect } = &spec;
                return Err(misread(&format!(
                    "duplicated taints with the same key and effect: {{{key} {value} {effect} <nil>}}"
                )));
            }
            change.add.push(spec);
        }
        let both: Vec<String> = change
            .remove
            .iter()
            .filter(|gone| change.add.iter().any(|added| added.same(gone)))
            .map(|gone| format!("{}={}", gone.key, gone.effect))
            .collect();
        if !both.is_empty() {
            return Err(Error::usage(format!(
                "can not both modify and remove the following taint(s) in the same command: {}",
                both.join(", ")
            )));
        }
        Ok(change)
    }

    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// The node's new taints, and the word for what was done to it.
    pub fn apply(&self, node: &str, present: &[Value], overwrite: bool) -> Result<(Vec<Value>, &'static str), Error> {
        let has = |spec: &&Spec| present.iter().any(|taint| spec.is(taint));
        if !overwrite {
            let there: Vec<&str> = self.add.iter().filter(has).map(|spec| spec.key.as_str()).collect();
            if !there.is_empty() {
                let there = there.join(",");
                return Err(Error::usage(format!(
                    "node {node} already has {there} taint(s) with same effect(s) and --overwrite is false"
                )));
            }
        }
        let missing = self.remove.iter().filter(|spec| !has(spec));
        let missing: Vec<Error> =
            missing.map(|spec| Error::usage(format!("taint {:?} not found", spec.to_string()))).collect();
        Error::collect(missing)?;
        let written = |spec: &Spec| match spec.value.is_empty() {
            true => json!({"key": spec.key, "effect": spec.effect}),
            false => json!({"key": spec.key, "value": spec.value, "effect": spec.effect}),
        };
        let mut taints: Vec<Value> = self.add.iter().map(written).collect();
        let stays = |taint: &&Value| !self.add.iter().chain(&self.remove).any(|spec| spec.is(taint));
        taints.extend(present.iter().filter(stays).cloned());
        let replaces = self.add.iter().any(|spec| has(&spec));
        let done = match (self.add.is_empty(), self.remove.is_empty()) {
            (false, true) if !replaces => "tainted",
            (true, _) => "untainted",
            (false, _) => "modified",
        };
        Ok((taints, done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(line: &str) -> Result<Change, Error> {
        Change::parse(&line.split_whitespace().map(str::to_string).collect::<Vec<_>>())
    }

    fn check(line: &str, overwrite: bool, expect: Result<(&[&str], &str), &str>) {
        let present =
            [json!({"key": "a", "value": "1", "effect": "NoSchedule"}), json!({"key": "a", "effect": "NoExecute"})];
        let applied = change(line).and_then(|change| change.apply("n", &present, overwrite));
        let text = |taint: &Value| {
            let part = |field: &str| taint[field].as_str().unwrap_or_default().to_string();
            Spec { key: part("key"), value: part("value"), effect: part("effect") }.to_string()
        };
        let applied = applied.map(|(taints, done)| (taints.iter().map(text).collect::<Vec<_>>(), done));
        match (applied, expect) {
            (Ok((taints, done)), Ok((expected, word))) => {
                assert_eq!((taints.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), done), (expected, word));
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{line}: {error}"),
            (other, _) => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn taints_are_added_removed_and_overwritten() {
        let both = ["a=1:NoSchedule", "a:NoExecute"];
        check("b=x:NoSchedule", false, Ok((&["b=x:NoSchedule", both[0], both[1]], "tainted")));
        check("a-", false, Ok((&[], "untainted")));
        check("a:NoExecute-", false, Ok((&[both[0]], "untainted")));
        check("a=2:NoSchedule", true, Ok((&["a=2:NoSchedule", "a:NoExecute"], "modified")));
        check("b:NoExecute a:NoSchedule-", false, Ok((&["b:NoExecute", "a:NoExecute"], "modified")));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        check(
            "a=2:NoSchedule",
            false,
            Err("node n already has a taint(s) with same effect(s) and --overwrite is false"),
        );
        check("c-", false, Err("taint \"c\" not found"));
        check("c:NoExecute-", false, Err("taint \"c:NoExecute\" not found"));
        check("b=x", false, Err("invalid taint spec: b=x"));
        check("b=x:Never", false, Err("invalid taint effect: Never, unsupported taint effect"));
        check("b=x=y:NoSchedule", false, Err("invalid taint spec: b=x=y:NoSchedule"));
        check("-b:NoSchedule", false, Err("invalid taint spec: -b:NoSchedule, name part must consist of"));
        check("b:NoExecute b=1:NoExecute", false, Err("duplicated taints with the same key and effect"));
        check("b:NoExecute b:NoExecute-", false, Err("can not both modify and remove the following taint(s)"));
    }
}
