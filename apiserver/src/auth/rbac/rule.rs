//! One rule of a role: what it allows, and whether it says all that another one says.

use std::fmt;

use serde_json::{Value, json};

use crate::auth::Attributes;
use crate::kinds::json as fields;

type Texts = Vec<Box<str>>;

/// A PolicyRule as it is matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    pub verbs: Texts,
    pub groups: Texts,
    pub resources: Texts,
    /// Empty: all names.
    pub names: Texts,
    pub urls: Texts,
}

fn has(texts: &[Box<str>], text: &str) -> bool {
    texts.iter().any(|known| **known == *text)
}

fn has_or_all(texts: &[Box<str>], text: &str) -> bool {
    texts.iter().any(|known| **known == *text || &**known == "*")
}

impl Rule {
    pub fn read(rule: &Value) -> Rule {
        let texts = |field| fields::list(rule, field).iter().filter_map(Value::as_str).map(Box::from).collect();
        Rule {
            verbs: texts("verbs"),
            groups: texts("apiGroups"),
            resources: texts("resources"),
            names: texts("resourceNames"),
            urls: texts("nonResourceURLs"),
        }
    }

    /// All rules of a role.
    pub fn of_role(role: &Value) -> Vec<Rule> {
        fields::list(role, "rules").iter().map(Rule::read).collect()
    }

    pub fn to_json(&self) -> Value {
        let mut rule = json!({"verbs": self.verbs});
        let others = [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
            ("nonResourceURLs", &self.urls),
        ];
        for (field, texts) in others.into_iter().filter(|(_, texts)| !texts.is_empty()) {
            fields::set(&mut rule, field, json!(texts));
        }
        rule
    }

    /// Whether the rule is about this request, but for the object's name.
    pub fn matches_kind(&self, asked: &Attributes<'_>) -> bool {
        if !has_or_all(&self.verbs, asked.verb) {
            return false;
        }
        if !asked.is_resource {
            return self.urls.iter().any(|url| matches_url(url, asked.path));
        }
        has_or_all(&self.groups, asked.group) && self.matches_resource(asked.resource, asked.subresource)
    }

    fn matches_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|known| match (&**known, subresource) {
            ("*", _) => true,
            (known, "") => known == resource,
            (known, subresource) => known
                .split_once('/')
                .is_some_and(|(known, part)| part == subresource && (known == "*" || known == resource)),
        })
    }

    /// Whether the rule allows whatever `other` allows. `other` is one verb of one resource, name or path.
    fn covers_one(&self, other: &Rule) -> bool {
        let all = |mine: &Texts, theirs: &Texts| theirs.iter().all(|text| has_or_all(mine, text));
        let resources = other.resources.iter().all(|resource| match resource.split_once('/') {
            Some((_, part)) => has_or_all(&self.resources, resource) || has(&self.resources, &format!("*/{part}")),
            None => has_or_all(&self.resources, resource),
        });
        let names = self.names.is_empty() || (!other.names.is_empty() && all(&self.names, &other.names));
        let urls = other.urls.iter().all(|url| self.urls.iter().any(|known| matches_url(known, url)));
        all(&self.verbs, &other.verbs) && all(&self.groups, &other.groups) && resources && names && urls
    }

    /// The same as many rules, each for one verb of one resource, name or path.
    fn parts(&self) -> Vec<Rule> {
        let one = |text: &str| vec![Box::from(text)];
        let mut parts = vec![];
        for verb in &self.verbs {
            for url in &self.urls {
                parts.push(Rule { verbs: one(verb), urls: one(url), ..Rule::default() });
            }
            for group in &self.groups {
                for resource in &self.resources {
                    let part =
                        Rule { verbs: one(verb), groups: one(group), resources: one(resource), ..Rule::default() };
                    match self.names.is_empty() {
                        true => parts.push(part),
                        false => parts.extend(self.names.iter().map(|name| Rule { names: one(name), ..part.clone() })),
                    }
                }
            }
        }
        parts
    }
}

/// A URL's pattern ends in a star, or is the URL.
fn matches_url(pattern: &str, url: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => url.starts_with(prefix),
        None => pattern == url,
    }
}

/// What `wanted` allows and `held` does not.
pub fn missing(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let parts = wanted.iter().flat_map(Rule::parts);
    compact(parts.filter(|part| !held.iter().any(|rule| rule.covers_one(part))).collect())
}

/// Rules that differ in their verbs only become one.
fn compact(parts: Vec<Rule>) -> Vec<Rule> {
    let mut whole: Vec<Rule> = vec![];
    for part in parts {
        let same = |rule: &&mut Rule| {
            (&rule.groups, &rule.resources, &rule.names, &rule.urls)
                == (&part.groups, &part.resources, &part.names, &part.urls)
        };
        match whole.iter_mut().find(same) {
            Some(rule) => rule.verbs.extend(part.verbs),
            None => whole.push(part),
        }
    }
    whole
}

/// As Kubernetes says it to whom may not grant it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("NonResourceURLs", &self.urls),
            ("APIGroups", &self.groups),
            ("Resources", &self.resources),
            ("ResourceNames", &self.names),
            ("Verbs", &self.verbs),
        ];
        let shown = parts.iter().filter(|(_, texts)| !texts.is_empty());
        let words: Vec<String> = shown
            .map(|(name, texts)| {
                let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
                format!("{name}:[{}]", quoted.join(" "))
            })
            .collect();
        write!(f, "{{{}}}", words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource<'a>(verb: &'a str, group: &'a str, resource: &'a str, subresource: &'a str) -> Attributes<'a> {
        Attributes { verb, group, resource, subresource, is_resource: true, ..Attributes::default() }
    }

    #[test]
    fn a_rule_matches_by_verb_group_resource_and_subresource() {
        let rule = |verbs: &str, group: &str, resource: &str| {
            Rule::read(&json!({"verbs": [verbs], "apiGroups": [group], "resources": [resource]}))
        };
        let log = resource("get", "", "pods", "log");
        let cases = [
            (rule("get", "", "pods"), resource("get", "", "pods", ""), true),
            (rule("get", "", "pods"), log, false),
            (rule("get", "", "pods/log"), log, true),
            (rule("get", "", "pods/log"), resource("get", "", "pods", ""), false),
            (rule("get", "", "*/log"), log, true),
            (rule("get", "", "*/scale"), log, false),
            (rule("*", "*", "*"), log, true),
            (rule("list", "", "pods"), resource("get", "", "pods", ""), false),
            (rule("get", "apps", "pods"), resource("get", "", "pods", ""), false),
        ];
        for (rule, asked, expected) in cases {
            assert_eq!(rule.matches_kind(&asked), expected, "{rule} {asked:?}");
        }
        let paths = Rule::read(&json!({"verbs": ["get"], "nonResourceURLs": ["/healthz", "/logs/*"]}));
        for (path, expected) in [("/healthz", true), ("/healthz/a", false), ("/logs/a/b", true), ("/log", false)] {
            assert_eq!(
                paths.matches_kind(&Attributes { verb: "get", path, ..Attributes::default() }),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_named_by_resource() {
        let rules = |rule: Value| vec![Rule::read(&rule)];
        let held =
            rules(json!({"verbs": ["get", "list"], "apiGroups": ["", "apps"], "resources": ["pods", "*/scale"]}));
        let cases = [
            (json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]}), ""),
            (json!({"verbs": ["list"], "apiGroups": ["apps"], "resources": ["deployments/scale"]}), ""),
            (
                json!({"verbs": ["get", "watch", "delete"], "apiGroups": [""], "resources": ["pods", "nodes"]}),
                "{APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"get\" \"watch\" \"delete\"]} \
                 {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"watch\" \"delete\"]}",
            ),
            (
                json!({"verbs": ["*"], "apiGroups": [""], "resources": ["pods"]}),
                "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"*\"]}",
            ),
            (json!({"verbs": ["get"], "nonResourceURLs": ["/x"]}), "{NonResourceURLs:[\"/x\"], Verbs:[\"get\"]}"),
        ];
        for (wanted, expected) in cases {
            let mut found: Vec<String> = missing(&held, &rules(wanted.clone())).iter().map(Rule::to_string).collect();
            found.sort();
            assert_eq!(found.join(" "), expected, "{wanted}");
        }
        let named = rules(json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]}));
        assert_eq!(missing(&named, &held[..1]).len(), 4);
        assert!(missing(&rules(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})), &held).is_empty());
        let all = rules(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
        assert!(missing(&all, &rules(json!({"verbs": ["get"], "nonResourceURLs": ["/a/*"]}))).is_empty());
    }

    #[test]
    fn a_rule_reads_back_as_it_was_written() {
        let rule = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]});
        assert_eq!(Rule::read(&rule).to_json(), rule);
    }
}
