//! Which nodes a DaemonSet's pods belong on. Pure.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use timonier_client::object::null_as_default;
use timonier_scheduling::{self as scheduling, Effect, Toleration, selector::NodeSelector};

use crate::objects::Node;

/// What every daemon's pods put up with: it is the node itself that they look after.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
/// And those on the node's own network need no other.
const NETWORK: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// The tolerations that are added to a template's pods.
pub fn tolerations(spec: &Value) -> impl Iterator<Item = Value> {
    let network = (spec["hostNetwork"] == true).then_some(NETWORK);
    let added = TOLERATED.into_iter().chain(network);
    added.map(|(key, effect)| json!({"key": key, "operator": "Exists", "effect": effect}))
}

/// What a template asks of its node.
pub struct Fit {
    node_name: Option<String>,
    labels: Vec<(String, String)>,
    affinity: Option<NodeSelector>,
    tolerations: Vec<Toleration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    Here,
    /// Nothing new is put here, but what runs may stay.
    MayStay,
    Elsewhere,
}

/// Reads what is there; what cannot be read was refused by the server, and counts as absent.
fn read<T: DeserializeOwned>(value: Option<&Value>) -> Option<T> {
    value.filter(|value| !value.is_null()).and_then(|value| T::deserialize(value).ok())
}

#[derive(Default, Deserialize)]
struct Labels(#[serde(deserialize_with = "null_as_default")] std::collections::BTreeMap<String, String>);

impl Fit {
    pub fn of(template: &Value) -> Fit {
        let spec = &template["spec"];
        let required = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
        let own: Vec<core::Toleration> = read(spec.get("tolerations")).unwrap_or_default();
        let added = tolerations(spec).filter_map(|value| read(Some(&value)));
        Fit {
            node_name: read(spec.get("nodeName")).filter(|name: &String| !name.is_empty()),
            labels: read::<Labels>(spec.get("nodeSelector")).unwrap_or_default().0.into_iter().collect(),
            affinity: read::<core::NodeSelector>(spec.pointer(required)).map(|selector| NodeSelector::parse(&selector)),
            tolerations: own.into_iter().chain(added).filter_map(|found| Toleration::parse(&found)).collect(),
        }
    }

    pub fn judge(&self, node: &Node) -> Belongs {
        let meta = &node.metadata;
        let named = self.node_name.as_ref().is_none_or(|name| **name == *meta.name);
        let labelled = self.labels.iter().all(|(key, value)| meta.labels.get(key) == Some(value));
        if !named || !labelled || !self.affinity.as_ref().is_none_or(|affinity| matches(affinity, node)) {
            return Belongs::Elsewhere;
        }
        let repels = |effect: Effect, name: &str| {
            let taints = node.spec.taints.iter().filter(|taint| &*taint.effect == name);
            let tolerated = |key: &str, value: &str| self.tolerations.iter().any(|t| t.tolerates(key, value, effect));
            taints.into_iter().any(|taint| !tolerated(&taint.key, &taint.value))
        };
        if repels(Effect::NoExecute, "NoExecute") {
            Belongs::Elsewhere
        } else if repels(Effect::NoSchedule, "NoSchedule") {
            Belongs::MayStay
        } else {
            Belongs::Here
        }
    }
}

/// Selectors are asked about a node as the scheduler knows it: its name and its labels.
fn matches(selector: &NodeSelector, node: &Node) -> bool {
    let metadata = ObjectMeta {
        name: Some(node.metadata.name.to_string()),
        labels: Some(node.metadata.labels.clone()),
        ..ObjectMeta::default()
    };
    let known = scheduling::Node::parse(&core::Node { metadata, ..core::Node::default() });
    known.is_ok_and(|known| selector.matches(&known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: Value, node: Value, expect: Belongs) {
        let mut whole = json!({"metadata": {"name": "a", "labels": {"disk": "ssd"}}});
        whole["spec"] = node.clone();
        let node: Node = serde_json::from_value(whole).expect("a node");
        assert_eq!(Fit::of(&json!({"spec": template})).judge(&node), expect, "{template} {node:?}");
    }

    fn affinity(term: Value) -> Value {
        json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}})
    }

    #[test]
    fn pods_belong_where_name_labels_and_affinity_say() {
        let anywhere = || json!({});
        check(json!({}), anywhere(), Belongs::Here);
        check(json!({"nodeName": "a"}), anywhere(), Belongs::Here);
        check(json!({"nodeName": "b"}), anywhere(), Belongs::Elsewhere);
        check(json!({"nodeSelector": {"disk": "ssd"}}), anywhere(), Belongs::Here);
        check(json!({"nodeSelector": {"disk": "hdd"}}), anywhere(), Belongs::Elsewhere);
        let field =
            |operator: &str| json!({"matchFields": [{"key": "metadata.name", "operator": operator, "values": ["a"]}]});
        check(affinity(field("In")), anywhere(), Belongs::Here);
        check(affinity(field("NotIn")), anywhere(), Belongs::Elsewhere);
        let label = |key: &str| json!({"matchExpressions": [{"key": key, "operator": "Exists"}]});
        check(affinity(label("disk")), anywhere(), Belongs::Here);
        check(affinity(label("gpu")), anywhere(), Belongs::Elsewhere);
    }

    #[test]
    fn taints_keep_pods_away_or_drive_them_off() {
        let tainted = |key: &str, effect: &str| json!({"taints": [{"key": key, "effect": effect}]});
        check(json!({}), tainted("own", "NoSchedule"), Belongs::MayStay);
        check(json!({}), tainted("own", "PreferNoSchedule"), Belongs::Here);
        check(json!({}), tainted("own", "NoExecute"), Belongs::Elsewhere);
        check(
            json!({"tolerations": [{"key": "own", "operator": "Exists"}]}),
            tainted("own", "NoExecute"),
            Belongs::Here,
        );
        for (key, effect) in TOLERATED {
            check(json!({}), tainted(key, effect), Belongs::Here);
        }
        check(json!({}), tainted(NETWORK.0, NETWORK.1), Belongs::MayStay);
        check(json!({"hostNetwork": true}), tainted(NETWORK.0, NETWORK.1), Belongs::Here);
    }
}
