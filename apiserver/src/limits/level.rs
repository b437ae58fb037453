//! Which requests wait for which others.

use crate::identity::{CONTROLLER_MANAGER, Identity, SCHEDULER};
use crate::request::RequestInfo;

/// Requests of one level never wait for those of another. Kubernetes has levels of these names, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityLevel {
    /// Health checks: never refused.
    Exempt,
    /// Heartbeats of nodes: their Leases, and what they say of themselves.
    NodeHigh,
    /// The Leases by which controllers and schedulers elect a leader.
    LeaderElection,
    /// What else nodes ask.
    System,
    /// Controllers and scheduler.
    WorkloadHigh,
    /// Everybody else.
    GlobalDefault,
    /// Who does not say who it is.
    CatchAll,
}

impl PriorityLevel {
    pub const ALL: [PriorityLevel; 7] = [
        PriorityLevel::Exempt,
        PriorityLevel::NodeHigh,
        PriorityLevel::LeaderElection,
        PriorityLevel::System,
        PriorityLevel::WorkloadHigh,
        PriorityLevel::GlobalDefault,
        PriorityLevel::CatchAll,
    ];

    pub fn of(identity: &Identity, info: &RequestInfo) -> PriorityLevel {
        if !info.is_resource && ["/healthz", "/livez", "/readyz"].iter().any(|path| info.path.starts_with(path)) {
            return PriorityLevel::Exempt;
        }
        if identity.is_anonymous() {
            return PriorityLevel::CatchAll;
        }
        let about_leases = info.group == "coordination.k8s.io" && info.resource == "leases";
        if matches!(&*identity.user, CONTROLLER_MANAGER | SCHEDULER) {
            return if about_leases { PriorityLevel::LeaderElection } else { PriorityLevel::WorkloadHigh };
        }
        if identity.node_name().is_some() {
            let about_nodes = info.group.is_empty() && info.resource == "nodes";
            return if about_leases || about_nodes { PriorityLevel::NodeHigh } else { PriorityLevel::System };
        }
        PriorityLevel::GlobalDefault
    }

    /// As metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            PriorityLevel::Exempt => "exempt",
            PriorityLevel::NodeHigh => "node-high",
            PriorityLevel::LeaderElection => "leader-election",
            PriorityLevel::System => "system",
            PriorityLevel::WorkloadHigh => "workload-high",
            PriorityLevel::GlobalDefault => "global-default",
            PriorityLevel::CatchAll => "catch-all",
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::query::Query;

    #[test]
    fn a_heartbeat_waits_for_no_other_request() {
        let node = Identity::node("n1");
        let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1";
        let election = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/timonier-controllers";
        let pods = "/api/v1/namespaces/a/pods";
        let cases = [
            (node.clone(), Method::PUT, lease, "node-high"),
            (node.clone(), Method::PATCH, "/api/v1/nodes/n1/status", "node-high"),
            (node.clone(), Method::GET, pods, "system"),
            (Identity::controller_manager(), Method::PUT, election, "leader-election"),
            (Identity::controller_manager(), Method::POST, pods, "workload-high"),
            (Identity::admin(), Method::PUT, lease, "global-default"),
            (Identity::anonymous(), Method::GET, pods, "catch-all"),
            (Identity::anonymous(), Method::GET, "/readyz", "exempt"),
        ];
        for (identity, method, path, level) in cases {
            let info = RequestInfo::read(&method, path, &Query::default());
            assert_eq!(PriorityLevel::of(&identity, &info).name(), level, "{} {method} {path}", identity.user);
        }
    }
}
