//! A `LabelSelector` as objects carry it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use timonier_client::object::null_as_default;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    #[serde(deserialize_with = "null_as_default")]
    pub match_labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_as_default")]
    pub match_expressions: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// An empty selector matches everything, as in Kubernetes.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| requirement.matches(labels))
    }

    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}

impl Requirement {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(selector: serde_json::Value, expect: bool) {
        let labels = BTreeMap::from([("app".to_string(), "web".to_string())]);
        let read: Selector = serde_json::from_value(selector.clone()).expect("a selector");
        assert_eq!(read.matches(&labels), expect, "{selector}");
    }

    #[test]
    fn selectors_match_as_kubernetes_defines_them() {
        check(json!({}), true);
        check(json!({"matchLabels": {"app": "web"}, "matchExpressions": null}), true);
        check(json!({"matchLabels": {"app": "web", "tier": "x"}}), false);
        let expression = |operator: &str, key: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        check(expression("In", "app", &["a", "web"]), true);
        check(expression("NotIn", "app", &["web"]), false);
        check(expression("NotIn", "absent", &["web"]), true);
        check(expression("Exists", "absent", &[]), false);
        check(expression("DoesNotExist", "absent", &[]), true);
    }
}
