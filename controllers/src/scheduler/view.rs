//! Pods and nodes as far as the scheduler reads them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer};
use timonier_client::object::{Meta, Object, Resource, Revision};
use timonier_client::unmanaged;
pub use timonier_scheduling::Stage;
use timonier_scheduling::templates::Templates;
use timonier_scheduling::{Node, Pod, QuantityError};

#[derive(Debug, Clone)]
pub struct PodView {
    pub meta: Meta,
    /// `Unscheduled` is said of pods of all schedulers.
    pub stage: Stage,
    /// An error only when the object came past the API server's validation.
    pub pod: Result<Arc<Pod>, QuantityError>,
    /// The message of `PodScheduled=False`, when the pod has that condition.
    pub refusal: Option<Box<str>>,
    /// The node that it was promised.
    pub nominated: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub struct NodeView {
    pub meta: Meta,
    pub node: Result<Node, QuantityError>,
}

impl PodView {
    pub fn of(pod: &core::Pod) -> PodView {
        let refusal = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let nominated = pod.status.as_ref().and_then(|status| status.nominated_node_name.as_deref());
        PodView {
            meta: meta(&pod.metadata),
            stage: Stage::of(pod, |_| true),
            refusal: refusal
                .filter(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
                .find_map(|condition| condition.message.as_deref().map(Box::from)),
            nominated: nominated.filter(|node| !node.is_empty()).map(Arc::from),
            pod: Pod::parse(pod).map(|mut pod| {
                TEMPLATES.lock().share(&mut pod);
                Arc::new(pod)
            }),
        }
    }
}

/// Of all pods that are decoded: shared when a list of thousands comes in, not after it.
static TEMPLATES: LazyLock<Mutex<Templates>> = LazyLock::new(Mutex::default);

pub fn meta(meta: &ObjectMeta) -> Meta {
    let revision = meta.resource_version.as_deref().and_then(|version| version.parse().ok());
    Meta {
        name: meta.name.as_deref().unwrap_or_default().into(),
        namespace: meta.namespace.as_deref().map(Arc::from),
        uid: meta.uid.as_deref().unwrap_or_default().into(),
        resource_version: Revision(revision.unwrap_or_default()),
        creation_timestamp: meta.creation_timestamp.as_ref().map(|time| time.0),
        ..Meta::default()
    }
}

/// A pod without what is not read here: each pod is decoded several times in its life.
#[derive(Deserialize)]
struct Wire {
    #[serde(deserialize_with = "unmanaged::metadata")]
    metadata: ObjectMeta,
    spec: Option<core::PodSpec>,
    #[serde(default)]
    status: WireStatus,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct WireStatus {
    phase: Option<String>,
    reason: Option<String>,
    start_time: Option<Time>,
    nominated_node_name: Option<String>,
    conditions: Option<Vec<core::PodCondition>>,
}

/// A node likewise.
#[derive(Deserialize)]
struct WireNode {
    #[serde(deserialize_with = "unmanaged::metadata")]
    metadata: ObjectMeta,
    spec: Option<core::NodeSpec>,
    #[serde(default)]
    status: WireNodeStatus,
}

#[derive(Deserialize, Default)]
struct WireNodeStatus {
    allocatable: Option<BTreeMap<String, Quantity>>,
    images: Option<Vec<core::ContainerImage>>,
}

impl<'de> Deserialize<'de> for PodView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { metadata, spec, status } = Wire::deserialize(deserializer)?;
        let WireStatus { phase, reason, start_time, nominated_node_name, conditions } = status;
        let status =
            core::PodStatus { phase, reason, start_time, nominated_node_name, conditions, ..Default::default() };
        Ok(PodView::of(&core::Pod { metadata, spec, status: Some(status) }))
    }
}

impl<'de> Deserialize<'de> for NodeView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let WireNode { metadata, spec, status } = WireNode::deserialize(deserializer)?;
        let WireNodeStatus { allocatable, images } = status;
        let status = Some(core::NodeStatus { allocatable, images, ..Default::default() });
        let node = core::Node { metadata, spec, status };
        Ok(NodeView { meta: meta(&node.metadata), node: Node::parse(&node) })
    }
}

impl Object for PodView {
    const KIND: &'static str = "Pod";
    const RESOURCE: Resource = Resource::of("", "v1", "pods");
    fn meta(&self) -> &Meta {
        &self.meta
    }
}

impl Object for NodeView {
    const KIND: &'static str = "Node";
    const RESOURCE: Resource = Resource::of("", "v1", "nodes");
    fn meta(&self) -> &Meta {
        &self.meta
    }
}
