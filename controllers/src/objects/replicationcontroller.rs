//! ReplicationController: a ReplicaSet from before selectors were more than labels.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::{PodOwner, ReplicaSetSpec, ReplicaSetStatus, Replicated, Selector};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct ReplicationController {
    pub metadata: Meta,
    #[serde(default, deserialize_with = "with_labels")]
    pub spec: ReplicaSetSpec,
    #[serde(default)]
    pub status: ReplicaSetStatus,
}

/// The selector is a map of labels; the rest is a ReplicaSet's.
fn with_labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ReplicaSetSpec, D::Error> {
    #[derive(Deserialize)]
    struct Spec {
        #[serde(default, deserialize_with = "null_as_default")]
        selector: BTreeMap<String, String>,
        #[serde(flatten)]
        rest: serde_json::Map<String, Value>,
    }
    let Spec { selector, rest } = Spec::deserialize(deserializer)?;
    let rest = serde_json::from_value(Value::Object(rest)).map_err(serde::de::Error::custom)?;
    Ok(ReplicaSetSpec { selector: Selector::of_labels(selector), ..rest })
}

impl Object for ReplicationController {
    const KIND: &'static str = "ReplicationController";
    const RESOURCE: Resource = Resource::of("", "v1", "replicationcontrollers");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl PodOwner for ReplicationController {
    fn selector(&self) -> &Selector {
        &self.spec.selector
    }
    fn template(&self) -> &Value {
        &self.spec.template
    }
}

impl Replicated for ReplicationController {
    const COUNTS_TERMINATING: bool = false;
    fn spec(&self) -> &ReplicaSetSpec {
        &self.spec
    }
    fn status(&self) -> &ReplicaSetStatus {
        &self.status
    }
}
