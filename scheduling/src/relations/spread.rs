//! `spec.topologySpreadConstraints`.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

use super::query::Query;
use super::selector;

#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    pub pods: Arc<Query>,
    pub key: Arc<str>,
    pub max_skew: i64,
    /// `DoNotSchedule`; otherwise it only makes nodes better or worse.
    pub hard: bool,
    /// With fewer domains than this, the fewest pods of a domain count as none.
    pub min_domains: i64,
    /// Nodes that the pod's node selector and affinity exclude are no part of the topology.
    pub honors_affinity: bool,
    /// Nor are nodes with taints that the pod does not tolerate.
    pub honors_taints: bool,
}

impl Constraint {
    pub fn parse(
        constraint: &core::TopologySpreadConstraint,
        labels: &BTreeMap<String, String>,
        namespace: &Arc<str>,
    ) -> Constraint {
        let same = constraint.match_label_keys.as_deref().unwrap_or_default();
        let selector = selector(constraint.label_selector.as_ref(), labels, same, &[]);
        Constraint {
            pods: Arc::new(Query::spread(namespace, selector)),
            key: constraint.topology_key.as_str().into(),
            max_skew: i64::from(constraint.max_skew),
            hard: constraint.when_unsatisfiable == "DoNotSchedule",
            min_domains: constraint.min_domains.map_or(1, i64::from),
            honors_affinity: constraint.node_affinity_policy.as_deref() != Some("Ignore"),
            honors_taints: constraint.node_taints_policy.as_deref() == Some("Honor"),
        }
    }
}
