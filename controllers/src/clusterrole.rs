//! ClusterRoles that are made of others: their rules are those of all roles that their selectors find.

use std::sync::Arc;

use kube::api::Patch;
use serde_json::{Value, json};
use timonier_client::{Informer, Next, Object, ObjectKey, Reconcile, Writer};

use crate::objects::ClusterRole;

pub struct AggregatedRoles {
    pub roles: Informer<ClusterRole>,
}

/// The rules that `role` should have, if it has others: each once, in the order of the names of the roles they are of.
fn plan(role: &ClusterRole, all: &[Arc<ClusterRole>]) -> Option<Vec<Value>> {
    let selectors = &role.aggregation_rule.as_ref()?.cluster_role_selectors;
    let chosen = |other: &&Arc<ClusterRole>| {
        other.meta().name != role.meta().name && selectors.iter().any(|selector| selector.matches(&other.meta().labels))
    };
    let mut parts: Vec<&Arc<ClusterRole>> = all.iter().filter(chosen).collect();
    parts.sort_by(|a, b| a.meta().name.cmp(&b.meta().name));
    let mut rules: Vec<Value> = vec![];
    for rule in parts.into_iter().flat_map(|part| &part.rules) {
        if !rules.contains(rule) {
            rules.push(rule.clone());
        }
    }
    (rules != role.rules).then_some(rules)
}

/// The roles that are made of others: any change of a role may be theirs.
pub fn aggregating(roles: &Informer<ClusterRole>) -> Vec<ObjectKey> {
    roles.all().into_iter().filter(|role| role.aggregation_rule.is_some()).map(|role| role.meta().key()).collect()
}

impl Reconcile for AggregatedRoles {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(role) = self.roles.get(key) else { return Ok(Next::Settled) };
        if let Some(rules) = plan(&role, &self.roles.all()) {
            let patch = json!({"metadata": {"uid": role.meta().uid}, "rules": rules});
            writer.patch::<ClusterRole>(key, &Patch::Merge(patch)).await?;
        }
        Ok(Next::Settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(value: Value) -> Arc<ClusterRole> {
        Arc::new(serde_json::from_value(value).expect("a role"))
    }

    #[test]
    fn a_role_is_made_of_those_that_are_labelled_for_it() {
        let rule = |verb: &str| json!({"verbs": [verb], "apiGroups": [""], "resources": ["pods"]});
        let part = |name: &str, label: &str, rules: Value| {
            role(json!({"metadata": {"name": name, "labels": {label: "true"}}, "rules": rules}))
        };
        let selectors = json!({"clusterRoleSelectors": [{"matchLabels": {"into": "true"}}]});
        let whole = |rules: Value| {
            role(
                json!({"metadata": {"name": "whole", "labels": {"into": "true"}}, "aggregationRule": selectors, "rules": rules}),
            )
        };
        let old = whole(json!([rule("delete")]));
        let all = [
            part("b", "into", json!([rule("list"), rule("get")])),
            part("a", "into", json!([rule("get")])),
            part("c", "other", json!([rule("create")])),
            old.clone(),
        ];
        let expected = vec![rule("get"), rule("list")];
        assert_eq!(plan(&old, &all), Some(expected.clone()));
        assert_eq!(plan(&whole(expected.into()), &all), None);
        assert_eq!(plan(&all[0], &all), None);
        assert_eq!(plan(&old, &[]), Some(vec![]));
    }
}
