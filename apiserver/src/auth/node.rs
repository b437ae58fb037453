//! What the agents of nodes may do, whatever roles say.

use super::Attributes;

const READS: [&str; 3] = ["get", "list", "watch"];

/// What the agent of `node` needs. Writes to objects of others are refused in admission.
pub fn may(node: &str, asked: &Attributes<'_>) -> bool {
    let read = READS.contains(&asked.verb);
    let write = matches!(asked.verb, "create" | "update" | "patch");
    match (asked.group, asked.resource, asked.subresource) {
        ("", "nodes", "") => read || (write && (asked.verb == "create" || asked.name == node)),
        ("", "nodes", "status") => (read || write) && asked.name == node,
        // What it creates are mirrors, which admission sees to.
        ("", "pods", "") => read || matches!(asked.verb, "create" | "delete"),
        ("", "pods", "status") => matches!(asked.verb, "get" | "update" | "patch"),
        ("", "services" | "configmaps" | "secrets" | "namespaces" | "serviceaccounts", "") => read,
        // Only for pods of its own, which the registry sees to.
        ("", "serviceaccounts", "token") => asked.verb == "create",
        ("certificates.k8s.io", "certificatesigningrequests", "") => matches!(asked.verb, "create" | "get"),
        ("", "persistentvolumeclaims", "") => read,
        ("", "persistentvolumes", "") => read || asked.verb == "patch",
        ("coordination.k8s.io", "leases", "") => {
            asked.namespace == "kube-node-lease"
                && (asked.verb == "create" || (asked.name == node && (read || write || asked.verb == "delete")))
        }
        ("" | "events.k8s.io", "events", "") => write,
        _ => false,
    }
}
