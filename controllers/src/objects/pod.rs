//! Pod, as the controllers that own pods read it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::condition::{Condition, ConditionStatus, condition};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Pod {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: PodSpec,
    #[serde(default)]
    pub status: PodStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    pub node_name: Option<Arc<str>>,
    #[serde(deserialize_with = "only_claims")]
    volumes: Vec<PodVolume>,
}

/// A volume that is a claim's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodVolume {
    name: Arc<str>,
    persistent_volume_claim: Option<NamedClaim>,
    ephemeral: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NamedClaim {
    claim_name: Arc<str>,
}

/// The other volumes are nobody's business here.
fn only_claims<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<PodVolume>, D::Error> {
    let mut volumes: Vec<PodVolume> = null_as_default(deserializer)?;
    volumes.retain(|volume| volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some());
    volumes.shrink_to_fit();
    Ok(volumes)
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    pub phase: Phase,
    #[serde(deserialize_with = "only_ready")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "null_as_default")]
    container_statuses: Vec<ContainerStatus>,
}

/// Declared in the order in which Kubernetes would rather delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
pub enum Phase {
    #[default]
    Pending,
    Unknown,
    Running,
    Succeeded,
    Failed,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    restart_count: i32,
}

/// The other conditions are nobody's business here, and there are many pods.
fn only_ready<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    let mut conditions: Vec<Condition> = null_as_default(deserializer)?;
    conditions.retain(|condition| &*condition.kind == "Ready");
    conditions.shrink_to_fit();
    Ok(conditions)
}

impl Object for Pod {
    const KIND: &'static str = "Pod";
    const RESOURCE: Resource = Resource::of("", "v1", "pods");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Pod {
    /// The claims of its volumes, those made for it included.
    pub fn claims(&self) -> impl Iterator<Item = String> {
        let named = self.spec.volumes.iter().filter_map(|volume| volume.persistent_volume_claim.as_ref());
        named.map(|claim| claim.claim_name.to_string()).chain(self.ephemeral_claims().map(|(_, claim)| claim))
    }

    /// Volumes whose claims are made for it, and these claims.
    pub fn ephemeral_claims(&self) -> impl Iterator<Item = (Arc<str>, String)> {
        let volumes = self.spec.volumes.iter().filter(|volume| volume.ephemeral.is_some());
        volumes.map(|volume| (volume.name.clone(), format!("{}-{}", self.metadata.name, volume.name)))
    }

    /// It has run to its end.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase, Phase::Succeeded | Phase::Failed)
    }

    /// It counts towards replicas: neither finished nor being deleted.
    pub fn is_active(&self) -> bool {
        !self.is_finished() && !self.metadata.is_deleting()
    }

    /// Since when it is ready; None when it is not. The time may be missing although it is ready.
    pub fn ready_since(&self) -> Option<Option<Timestamp>> {
        let ready = condition(&self.status.conditions, "Ready")?;
        (ready.status == ConditionStatus::True).then_some(ready.last_transition_time)
    }

    pub fn is_ready(&self) -> bool {
        self.ready_since().is_some()
    }

    /// How long until it has been ready for `min_ready` seconds: zero when it is available, None when it is
    /// not even ready.
    pub fn available_in(&self, min_ready: i32, now: Timestamp) -> Option<SignedDuration> {
        let since = self.ready_since()?;
        if min_ready <= 0 {
            return Some(SignedDuration::ZERO);
        }
        let until = since? + SignedDuration::from_secs(min_ready.into());
        Some(until.duration_since(now).max(SignedDuration::ZERO))
    }

    pub fn restarts(&self) -> i32 {
        self.status.container_statuses.iter().map(|status| status.restart_count).max().unwrap_or(0)
    }

    /// What deleting it costs, by `controller.kubernetes.io/pod-deletion-cost`; what is no number counts as 0.
    pub fn deletion_cost(&self) -> i32 {
        let annotation = self.metadata.annotations.get("controller.kubernetes.io/pod-deletion-cost");
        annotation.and_then(|cost| cost.parse().ok()).unwrap_or(0)
    }
}
