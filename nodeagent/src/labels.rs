//! The labels by which containers, networks and volumes are recognised as ours, also by an agent that just started.

use std::collections::HashMap;

use crate::observed::PodIdentity;

pub const CLUSTER: &str = "io.timonier.cluster";
pub const NODE: &str = "io.timonier.node";
pub const POD_UID: &str = "io.timonier.pod-uid";
pub const POD_NAME: &str = "io.timonier.pod-name";
pub const POD_NAMESPACE: &str = "io.timonier.pod-namespace";
pub const CONTAINER: &str = "io.timonier.container";
pub const ATTEMPT: &str = "io.timonier.attempt";
pub const SPEC_HASH: &str = "io.timonier.spec-hash";
/// Id of the sandbox that a container joined.
pub const SANDBOX_ID: &str = "io.timonier.sandbox";
/// Seconds that the container gets to end.
pub const GRACE: &str = "io.timonier.grace";
/// Value of [`CONTAINER`] on a sandbox. A pod may have a container of that name too: only a sandbox lacks [`SANDBOX_ID`].
pub const SANDBOX: &str = "sandbox";

/// Labels of everything that one pod has.
pub fn of_pod(cluster: &str, node: &str, pod: &PodIdentity) -> HashMap<String, String> {
    [(CLUSTER, cluster), (NODE, node), (POD_UID, &pod.uid), (POD_NAME, &pod.name), (POD_NAMESPACE, &pod.namespace)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// `tim_<container>_<pod>_<namespace>_<first 8 of uid>_<attempt>`
pub fn container_name(container: &str, pod: &PodIdentity, attempt: u32) -> String {
    format!("tim_{container}_{}_{}_{}_{attempt}", pod.name, pod.namespace, short(&pod.uid))
}

/// `tim_<volume>_<first 8 of uid>`
pub fn volume_name(volume: &str, pod_uid: &str) -> String {
    format!("tim_{volume}_{}", short(pod_uid))
}

/// `timonier-<first 8 of the cluster's id>`
pub fn network_name(cluster: &str) -> String {
    format!("timonier-{}", short(cluster))
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whose_they_are() {
        let pod = PodIdentity { uid: "0123456789".into(), name: "web-1".into(), namespace: "default".into() };
        assert_eq!(container_name("nginx", &pod, 2), "tim_nginx_web-1_default_01234567_2");
        assert_eq!(network_name("abc"), "timonier-abc");
    }
}
