//! The pod that a DaemonSet makes for one node. Pure.

use serde_json::{Value, json};

use super::fit::tolerations;
use crate::{objects::DaemonSet, pods::template::pod_of};

pub const REVISION: &str = "controller-revision-hash";

/// The scheduler binds it, and to this node only: so that resources and ports are counted as for any pod.
pub fn body(set: &DaemonSet, node: &str, hash: &str) -> Value {
    let mut pod = pod_of(set);
    pod["metadata"]["generateName"] = json!(format!("{}-", set.metadata.name));
    pod["metadata"]["labels"][REVISION] = json!(hash);
    let spec = &mut pod["spec"];
    let mut tolerated = spec["tolerations"].as_array().cloned().unwrap_or_default();
    let same = |one: &Value, other: &Value| ["key", "effect"].iter().all(|field| one[field] == other[field]);
    for added in tolerations(spec) {
        // A toleration for a time only would drive it off a node that it looks after.
        tolerated.retain(|own| !same(own, &added));
        tolerated.push(added);
    }
    spec["tolerations"] = tolerated.into();
    let name = json!({"key": "metadata.name", "operator": "In", "values": [node]});
    spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
        json!({"nodeSelectorTerms": [{"matchFields": [name]}]});
    pod
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_pinned_to_its_node_and_stays_when_the_node_is_in_trouble() {
        let set: DaemonSet = serde_json::from_value(json!({"metadata": {"name": "agent", "uid": "d"}, "spec": {"template": {
            "metadata": {"labels": {"app": "agent"}},
            "spec": {"affinity": {"podAffinity": {"x": 1}, "nodeAffinity": {"preferred": 1}}, "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1},
                {"key": "own", "operator": "Exists"}]}}}}))
        .expect("a set");
        let pod = body(&set, "node-1", "abc");
        assert_eq!(pod["metadata"]["generateName"], "agent-");
        assert_eq!(pod["metadata"]["labels"], json!({"app": "agent", REVISION: "abc"}));
        let affinity = &pod["spec"]["affinity"];
        assert_eq!((&affinity["podAffinity"]["x"], &affinity["nodeAffinity"]["preferred"]), (&json!(1), &json!(1)));
        assert_eq!(
            affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"],
            json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}])
        );
        let tolerations = pod["spec"]["tolerations"].as_array().expect("a list");
        assert_eq!((tolerations.len(), &tolerations[0]["key"]), (7, &json!("own")));
        assert!(tolerations.iter().all(|found| found["tolerationSeconds"].is_null()));
    }
}
