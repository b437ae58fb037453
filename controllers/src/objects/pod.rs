//! Pod, as the controllers that own pods read it.

use std::{net::IpAddr, sync::Arc};

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
    /// The one node that its affinity names, as that of a DaemonSet's pod does.
    #[serde(rename = "affinity", deserialize_with = "only_pin")]
    pub pinned_to: Option<Arc<str>>,
    #[serde(deserialize_with = "null_as_default")]
    pub hostname: Arc<str>,
    #[serde(deserialize_with = "null_as_default")]
    pub subdomain: Arc<str>,
    #[serde(deserialize_with = "only_claims")]
    volumes: Vec<PodVolume>,
    /// The ports of its containers that have names.
    #[serde(rename = "containers", deserialize_with = "named_ports")]
    pub named_ports: Vec<NamedPort>,
}

/// A container's port that services may refer to by name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NamedPort {
    pub name: Arc<str>,
    /// Empty for TCP.
    pub protocol: Arc<str>,
    pub container_port: i32,
}

fn named_ports<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<NamedPort>, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Container {
        #[serde(deserialize_with = "null_as_default")]
        ports: Vec<NamedPort>,
    }
    let containers: Vec<Container> = null_as_default(deserializer)?;
    let ports = containers.into_iter().flat_map(|container| container.ports);
    Ok(ports.filter(|port| !port.name.is_empty()).collect())
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

/// The rest of an affinity is nobody's business here.
fn only_pin<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<str>>, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Affinity {
        #[serde(deserialize_with = "null_as_default")]
        node_affinity: NodeAffinity,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct NodeAffinity {
        #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution", deserialize_with = "null_as_default")]
        required: Terms,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Terms {
        #[serde(deserialize_with = "null_as_default")]
        node_selector_terms: Vec<Term>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Term {
        #[serde(deserialize_with = "null_as_default")]
        match_fields: Vec<Requirement>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Requirement {
        key: String,
        operator: String,
        #[serde(deserialize_with = "null_as_default")]
        values: Vec<Arc<str>>,
    }
    let affinity: Affinity = null_as_default(deserializer)?;
    let terms = affinity.node_affinity.required.node_selector_terms.into_iter();
    let mut fields = terms.flat_map(|term| term.match_fields);
    let pin = fields.find(|field| field.key == "metadata.name" && field.operator == "In" && field.values.len() == 1);
    Ok(pin.and_then(|pin| pin.values.into_iter().next()))
}

/// The other volumes are nobody's business here.
fn only_claims<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<PodVolume>, D::Error> {
    let mut volumes: Vec<PodVolume> = null_as_default(deserializer)?;
    volumes.retain(|volume| volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some());
    volumes.shrink_to_fit();
    Ok(volumes)
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "WholeStatus")]
pub struct PodStatus {
    pub phase: Phase,
    /// Its node was short of something.
    evicted: bool,
    /// Ready; all of them when the pod has failed, since a policy may ask for any.
    pub conditions: Vec<Condition>,
    pub addresses: Vec<IpAddr>,
    /// Of the container that restarted most, and of all together, init containers included.
    restarts: (i32, i32),
    /// Its containers that have ended: first those that run side by side, then those that ran before.
    pub ended: Vec<Ended>,
}

/// How a container ended.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    pub container: Arc<str>,
    pub exit_code: i32,
    pub finished_at: Option<Timestamp>,
    /// It ran before the others.
    pub init: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WholeStatus {
    phase: Phase,
    #[serde(deserialize_with = "null_as_default")]
    conditions: Vec<Condition>,
    #[serde(rename = "podIPs", deserialize_with = "null_as_default")]
    pod_ips: Vec<PodAddress>,
    #[serde(deserialize_with = "null_as_default")]
    container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "null_as_default")]
    reason: String,
    #[serde(deserialize_with = "null_as_default")]
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PodAddress {
    ip: String,
}

/// There are many pods, so what nobody asks for is not kept.
impl From<WholeStatus> for PodStatus {
    fn from(whole: WholeStatus) -> PodStatus {
        let mut conditions = whole.conditions;
        if whole.phase != Phase::Failed {
            conditions.retain(|condition| &*condition.kind == "Ready");
            conditions.shrink_to_fit();
        }
        let (main, init) = (whole.container_statuses, whole.init_container_statuses);
        let most = main.iter().map(|status| status.restart_count).max().unwrap_or(0);
        let all = main.iter().chain(&init).fold(0_i32, |sum, status| sum.saturating_add(status.restart_count));
        let main = main.into_iter().filter_map(|status| status.ended(false));
        let ended = main.chain(init.into_iter().filter_map(|status| status.ended(true))).collect();
        let addresses = whole.pod_ips.iter().filter_map(|address| address.ip.parse().ok()).collect();
        let evicted = whole.reason == "Evicted";
        PodStatus { phase: whole.phase, evicted, conditions, addresses, restarts: (most, all), ended }
    }
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

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: Arc<str>,
    restart_count: i32,
    #[serde(deserialize_with = "null_as_default")]
    state: ContainerState,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ContainerState {
    terminated: Option<Terminated>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    exit_code: i32,
    finished_at: Option<Timestamp>,
}

impl ContainerStatus {
    fn ended(self, init: bool) -> Option<Ended> {
        let Terminated { exit_code, finished_at } = self.state.terminated?;
        Some(Ended { container: self.name, exit_code, finished_at, init })
    }
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

    pub fn is_pending(&self) -> bool {
        self.status.phase == Phase::Pending
    }

    pub fn is_running(&self) -> bool {
        self.status.phase == Phase::Running
    }

    pub fn has_failed(&self) -> bool {
        self.status.phase == Phase::Failed
    }

    /// It failed, since its node was short of something.
    pub fn was_evicted(&self) -> bool {
        self.has_failed() && self.status.evicted
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

    /// Restarts of the container that restarted most.
    pub fn restarts(&self) -> i32 {
        self.status.restarts.0
    }

    /// Restarts of all its containers together.
    pub fn all_restarts(&self) -> i32 {
        self.status.restarts.1
    }

    /// What deleting it costs, by `controller.kubernetes.io/pod-deletion-cost`; what is no number counts as 0.
    pub fn deletion_cost(&self) -> i32 {
        let annotation = self.metadata.annotations.get("controller.kubernetes.io/pod-deletion-cost");
        annotation.and_then(|cost| cost.parse().ok()).unwrap_or(0)
    }
}
