//! What Deployments write on themselves and on their sets, as Kubernetes does.

use std::collections::BTreeMap;

pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// Earlier numbers of a set that was returned to, separated by commas.
pub const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The Deployment's replicas when the set was last resized.
pub const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The same, plus surge.
pub const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// An annotation that holds a number.
pub fn number<N: std::str::FromStr>(annotations: &BTreeMap<String, String>, key: &str) -> Option<N> {
    annotations.get(key)?.parse().ok()
}
