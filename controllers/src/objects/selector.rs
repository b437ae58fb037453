//! A `LabelSelector` as objects carry it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as Typed;
use serde::{Deserialize, Deserializer};
use timonier_api::selector::LabelSelector;

#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// As it was given, to be written into what is made of it.
    pub given: Typed,
    /// None when it is invalid; it then matches nothing.
    matcher: Option<LabelSelector>,
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given: Typed = timonier_client::object::null_as_default(deserializer)?;
        let matcher = LabelSelector::from_typed(&given).ok();
        Ok(Selector { given, matcher })
    }
}

impl Selector {
    /// All of these labels; without any it matches nothing.
    pub fn of_labels(labels: BTreeMap<String, String>) -> Selector {
        let matches_nothing = labels.is_empty();
        let given = Typed { match_labels: Some(labels), match_expressions: None };
        let matcher = if matches_nothing { None } else { LabelSelector::from_typed(&given).ok() };
        Selector { given, matcher }
    }

    /// An empty selector matches everything, as in Kubernetes.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matcher.as_ref().is_some_and(|matcher| matcher.matches(labels))
    }

    pub fn is_empty(&self) -> bool {
        self.matcher.as_ref().is_some_and(LabelSelector::is_empty)
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

    #[test]
    fn an_invalid_selector_matches_nothing_and_hides_no_object() {
        check(json!({"matchExpressions": [{"key": "app", "operator": "Resembles", "values": ["web"]}]}), false);
    }
}
