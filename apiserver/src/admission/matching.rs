//! Which writes a policy is about: rules over resources, and selectors over what is written and where.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kinds::{json as of, workload};

pub type Labels = BTreeMap<String, String>;

/// A write, as rules and selectors see it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// `CREATE`, `UPDATE`, `DELETE`.
    pub operation: &'static str,
    /// Group, version and plural of the kind; of a custom resource those of its other versions, too.
    pub resources: Vec<(&'a str, &'a str, &'a str)>,
    pub subresource: &'a str,
    pub name: &'a str,
    pub namespaced: bool,
    /// Of the namespace that it is in, or that it is; none for what is in no namespace.
    pub namespace_labels: Option<Labels>,
    /// Of what is written and of what was there.
    pub object_labels: Vec<Labels>,
}

/// Whether what `spec.matchConstraints` or `spec.matchResources` says takes in this write; an absent one takes in all.
pub fn matches(given: &Value, subject: &Subject<'_>) -> bool {
    if given.is_null() {
        return true;
    }
    let rules = of::list(given, "resourceRules");
    let exact = of::text(given, "matchPolicy") == "Exact";
    let excluded = of::list(given, "excludeResourceRules");
    selected(of::get(given, "namespaceSelector"), subject.namespace_labels.iter())
        && selected(of::get(given, "objectSelector"), subject.object_labels.iter())
        && !excluded.iter().any(|rule| self::rule(rule, subject, exact))
        && (rules.is_empty() || rules.iter().any(|rule| self::rule(rule, subject, exact)))
}

/// A selector looks at any of these; where there are none, it has nothing to say.
fn selected<'l>(selector: &Value, labels: impl ExactSizeIterator<Item = &'l Labels>) -> bool {
    let empty = selector.as_object().is_none_or(serde_json::Map::is_empty);
    let mut labels = labels.peekable();
    if empty || labels.peek().is_none() {
        return true;
    }
    workload::typed(selector).is_some_and(|selector| labels.any(|labels| selector.matches(labels)))
}

fn rule(rule: &Value, subject: &Subject<'_>, exact: bool) -> bool {
    let has = |field: &str, wanted: &str| {
        of::list(rule, field).iter().filter_map(Value::as_str).any(|given| given == "*" || given == wanted)
    };
    let names = of::list(rule, "resourceNames");
    let scope = match of::text(rule, "scope") {
        "Cluster" => !subject.namespaced,
        "Namespaced" => subject.namespaced,
        _ => true,
    };
    let known = if exact { &subject.resources[..subject.resources.len().min(1)] } else { &subject.resources[..] };
    let resource = |(group, version, plural): &(&str, &str, &str)| {
        has("apiGroups", group)
            && has("apiVersions", version)
            && of::list(rule, "resources")
                .iter()
                .filter_map(Value::as_str)
                .any(|given| fits(given, plural, subject.subresource))
    };
    scope
        && has("operations", subject.operation)
        && (names.is_empty() || names.iter().any(|name| name == subject.name))
        && known.iter().any(resource)
}

/// `pods`, `pods/status`, `pods/*`, `*/scale`, `*` (no parts of objects), `*/*`.
fn fits(given: &str, plural: &str, subresource: &str) -> bool {
    let (resource, part) = given.split_once('/').unwrap_or((given, ""));
    (resource == "*" || resource == plural) && (part == "*" || part == subresource)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn subject(subresource: &'static str) -> Subject<'static> {
        Subject {
            operation: "CREATE",
            resources: vec![("apps", "v1", "deployments"), ("apps", "v2", "deployments")],
            subresource,
            name: "web",
            namespaced: true,
            namespace_labels: Some(labels(&[("env", "prod")])),
            object_labels: vec![labels(&[("app", "web")]), labels(&[("app", "old")])],
        }
    }

    #[test]
    fn rules_name_what_they_are_about() {
        let rule = |more: Value| {
            let mut rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"],
                "resources": ["deployments"]});
            for (name, value) in more.as_object().into_iter().flatten() {
                rule[name] = value.clone();
            }
            json!({"resourceRules": [rule]})
        };
        let cases = [
            (rule(json!({})), "", true),
            (rule(json!({})), "scale", false),
            (rule(json!({"resources": ["*"]})), "", true),
            (rule(json!({"resources": ["*"]})), "scale", false),
            (rule(json!({"resources": ["*/*"]})), "scale", true),
            (rule(json!({"resources": ["deployments/*"]})), "", true),
            (rule(json!({"resources": ["*/scale"]})), "scale", true),
            (rule(json!({"resources": ["*/scale"]})), "status", false),
            (rule(json!({"operations": ["*"]})), "", true),
            (rule(json!({"operations": ["UPDATE", "DELETE"]})), "", false),
            (rule(json!({"apiGroups": ["*"]})), "", true),
            (rule(json!({"apiGroups": [""]})), "", false),
            (rule(json!({"apiVersions": ["v2"]})), "", true),
            (rule(json!({"apiVersions": ["v3"]})), "", false),
            (rule(json!({"scope": "Cluster"})), "", false),
            (rule(json!({"scope": "Namespaced"})), "", true),
            (rule(json!({"resourceNames": ["web"]})), "", true),
            (rule(json!({"resourceNames": ["db"]})), "", false),
            (Value::Null, "", true),
        ];
        for (given, subresource, expected) in cases {
            assert_eq!(matches(&given, &subject(subresource)), expected, "{given} {subresource}");
        }
        let mut exact = rule(json!({"apiVersions": ["v2"]}));
        exact["matchPolicy"] = "Exact".into();
        assert!(!matches(&exact, &subject("")));
        let mut excluded = rule(json!({}));
        excluded["excludeResourceRules"] = excluded["resourceRules"].clone();
        assert!(!matches(&excluded, &subject("")));
    }

    #[test]
    fn selectors_look_at_the_namespace_and_at_both_states_of_the_object() {
        let cases = [
            (json!({"namespaceSelector": {"matchLabels": {"env": "prod"}}}), true),
            (json!({"namespaceSelector": {"matchLabels": {"env": "test"}}}), false),
            (json!({"namespaceSelector": {}}), true),
            (json!({"objectSelector": {"matchLabels": {"app": "old"}}}), true),
            (json!({"objectSelector": {"matchLabels": {"app": "new"}}}), false),
            (json!({"objectSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}), true),
        ];
        for (given, expected) in cases {
            assert_eq!(matches(&given, &subject("")), expected, "{given}");
        }
        let nowhere = Subject { namespace_labels: None, ..subject("") };
        assert!(matches(&json!({"namespaceSelector": {"matchLabels": {"env": "test"}}}), &nowhere));
    }
}
