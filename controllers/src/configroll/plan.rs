//! Which configuration a pod template uses, and a short name for its content. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    ConfigMap,
    Secret,
}

/// What a template refers to by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used {
    pub kind: Kind,
    pub name: String,
}

/// Keys and values, texts and bytes apart.
pub type Content = BTreeMap<String, String>;

/// What the template uses, and whether its pods can start without it.
pub fn used(template: &Value) -> BTreeMap<Used, bool> {
    let mut found = BTreeMap::new();
    let mut add = |kind: Kind, source: &Value, name: &str| {
        let Some(name) = source[name].as_str().filter(|name| !name.is_empty()) else { return };
        let optional = source["optional"] == true;
        let entry = found.entry(Used { kind, name: name.into() }).or_insert(optional);
        *entry &= optional;
    };
    let spec = &template["spec"];
    for volume in list(&spec["volumes"]) {
        add(Kind::ConfigMap, &volume["configMap"], "name");
        add(Kind::Secret, &volume["secret"], "secretName");
        for source in list(&volume["projected"]["sources"]) {
            add(Kind::ConfigMap, &source["configMap"], "name");
            add(Kind::Secret, &source["secret"], "name");
        }
    }
    let containers = list(&spec["initContainers"]).chain(list(&spec["containers"]));
    for container in containers {
        for source in list(&container["envFrom"]) {
            add(Kind::ConfigMap, &source["configMapRef"], "name");
            add(Kind::Secret, &source["secretRef"], "name");
        }
        for variable in list(&container["env"]) {
            add(Kind::ConfigMap, &variable["valueFrom"]["configMapKeyRef"], "name");
            add(Kind::Secret, &variable["valueFrom"]["secretKeyRef"], "name");
        }
    }
    found
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The same for equal content. None: something without which pods don't start is not there, so that nothing can be said.
pub fn hash(used: &BTreeMap<Used, bool>, contents: &BTreeMap<Used, Content>) -> Option<String> {
    let mut hasher = Sha256::new();
    // Lengths first, so that no two different lists are one text.
    let mut add = |text: &str| {
        hasher.update(text.len().to_be_bytes());
        hasher.update(text);
    };
    for (one, optional) in used {
        let Some(content) = contents.get(one) else {
            if *optional {
                continue;
            }
            return None;
        };
        add(if one.kind == Kind::Secret { "secret" } else { "configmap" });
        add(&one.name);
        add(&content.len().to_string());
        content.iter().for_each(|(key, value)| {
            add(key);
            add(value);
        });
    }
    let digest = hasher.finalize();
    Some(digest[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What to do, given the hash that was noted on the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Nothing,
    /// The first look: nothing has changed since pods were made.
    Note,
    Roll,
}

pub fn step(noted: Option<&str>, now: Option<&str>) -> Step {
    match (noted, now) {
        (_, None) => Step::Nothing,
        (None, Some(_)) => Step::Note,
        (Some(noted), Some(now)) if noted == now => Step::Nothing,
        (Some(_), Some(_)) => Step::Roll,
    }
}

/// The names of one kind that a template uses.
pub fn names(template: &Value, kind: Kind) -> BTreeSet<String> {
    used(template).into_keys().filter(|used| used.kind == kind).map(|used| used.name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template() -> Value {
        json!({"spec": {
            "volumes": [
                {"configMap": {"name": "files"}}, {"secret": {"secretName": "tls", "optional": true}}, {"emptyDir": {}},
                {"projected": {"sources": [{"configMap": {"name": "more"}}, {"secret": {"name": "token"}}]}},
            ],
            "initContainers": [{"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "tls", "key": "k"}}}]}],
            "containers": [{"envFrom": [{"configMapRef": {"name": "env", "optional": true}}, {"secretRef": {"name": "keys"}}],
                "env": [{"name": "B", "value": "x"}, {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "files", "key": "k"}}}]}],
        }})
    }

    #[test]
    fn every_way_to_use_configuration_is_found() {
        let found: Vec<_> =
            used(&template()).into_iter().map(|(used, optional)| (used.kind, used.name, optional)).collect();
        let config = |name: &str, optional: bool| (Kind::ConfigMap, name.to_owned(), optional);
        let secret = |name: &str, optional: bool| (Kind::Secret, name.to_owned(), optional);
        // Optional in one place only is not optional.
        assert_eq!(
            found,
            [
                config("env", true),
                config("files", false),
                config("more", false),
                secret("keys", false),
                secret("tls", false),
                secret("token", false)
            ]
        );
        assert_eq!(names(&template(), Kind::Secret).len(), 3);
        assert!(used(&json!({})).is_empty());
    }

    #[test]
    fn only_content_changes_the_hash() {
        let uses = BTreeMap::from([
            (Used { kind: Kind::ConfigMap, name: "a".into() }, false),
            (Used { kind: Kind::Secret, name: "b".into() }, true),
        ]);
        let of = |kind: Kind, name: &str, pairs: &[(&str, &str)]| {
            let content = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            (Used { kind, name: name.into() }, content)
        };
        let hash = |contents: &[(Used, Content)]| hash(&uses, &contents.iter().cloned().collect());
        let first = hash(&[of(Kind::ConfigMap, "a", &[("k", "v")])]);
        assert!(first.is_some());
        assert_eq!(first, hash(&[of(Kind::ConfigMap, "a", &[("k", "v")]), of(Kind::Secret, "unused", &[("k", "v")])]));
        assert_ne!(first, hash(&[of(Kind::ConfigMap, "a", &[("k", "w")])]));
        assert_ne!(first, hash(&[of(Kind::ConfigMap, "a", &[("kv", "")])]));
        assert_ne!(first, hash(&[of(Kind::ConfigMap, "a", &[("k", "v")]), of(Kind::Secret, "b", &[])]));
        assert_eq!(hash(&[of(Kind::Secret, "b", &[])]), None, "pods cannot start anyway");
    }

    #[test]
    fn the_first_look_rolls_nothing() {
        for (noted, now, expect) in [
            (None, None, Step::Nothing),
            (None, Some("a"), Step::Note),
            (Some("a"), Some("a"), Step::Nothing),
            (Some("a"), Some("b"), Step::Roll),
            (Some("a"), None, Step::Nothing),
        ] {
            assert_eq!(step(noted, now), expect, "{noted:?} {now:?}");
        }
    }
}
