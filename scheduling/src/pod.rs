//! What scheduling needs to know of a pod, read once from the API's object.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

use crate::QuantityError;
use crate::host_port::HostPort;
use crate::pod_claim::PodClaim;
use crate::relations::{Member, NamespaceLabels, Relations};
use crate::resource::Resources;
use crate::selector::{NodeSelector, Term};
use crate::taint::Toleration;

/// A container without a request counts as this much when nodes are *scored*, so that pods that
/// request nothing spread too. As in Kubernetes: a tenth of a CPU and 200 MiB.
const UNREQUESTED_MILLI_CPU: i64 = 100;
const UNREQUESTED_MEMORY: i64 = 200 << 20;

/// The scheduler of pods that name none.
pub const DEFAULT_SCHEDULER: &str = "default-scheduler";

/// The reason in the condition `DisruptionTarget` of a pod that makes room for another.
pub const PREEMPTED_BY_SCHEDULER: &str = "PreemptionByScheduler";

#[derive(Debug, Clone)]
pub struct Pod {
    pub uid: Arc<str>,
    pub name: Arc<str>,
    /// `spec.nodeName`; `None` when not set.
    pub node_name: Option<Arc<str>>,
    /// It is being deleted.
    pub terminating: bool,
    /// It ends to make room for another.
    pub preempted: bool,
    /// When its node took it in, in microseconds since 1970.
    pub(crate) started: Option<i64>,
    /// All that others may have as well.
    pub(crate) template: Arc<Template>,
}

/// What pods that were made alike have in common. A pod reads as if these fields were its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    pub namespace: Arc<str>,
    /// `spec.schedulerName`.
    pub scheduler: Arc<str>,
    pub priority: i32,
    /// Others may have to make room for it.
    pub preempts: bool,
    pub labels: BTreeMap<String, String>,
    /// The controller's uid: pods that share it are spread.
    pub controller: Option<Arc<str>>,
    /// What must be free on the node.
    pub requests: Resources,
    /// CPU (thousandths) and memory (bytes) for scores, see [`Pod::parse`].
    pub weight: (i64, i64),
    pub host_ports: Vec<HostPort>,
    pub tolerations: Vec<Toleration>,
    /// `spec.nodeSelector`: labels that the node must have.
    pub node_labels: Vec<(Box<str>, Box<str>)>,
    pub node_affinity: Option<NodeSelector>,
    /// Preferred terms with their weights, 1 to 100.
    pub node_preferences: Vec<(i64, Term)>,
    /// Claims of its volumes.
    pub claims: Vec<PodClaim>,
    /// Of its containers, with their tags.
    pub images: Vec<Arc<str>>,
    /// Rules about other pods.
    pub relations: Relations,
}

impl Deref for Pod {
    type Target = Template;
    fn deref(&self) -> &Template {
        &self.template
    }
}

impl Pod {
    /// Whether the rules of either bring the two together or keep them apart: what happens to the one may change what is
    /// decided for the other.
    pub fn relates_to(&self, other: &Pod, namespaces: &NamespaceLabels) -> bool {
        let ours = self.relations.counted().any(|(query, _)| query.matches_but_for_life(other, namespaces));
        ours || other.relations.held.iter().any(|held| held.term.pods.matches(self, namespaces))
    }
}

impl Member for Pod {
    fn namespace(&self) -> &Arc<str> {
        &self.namespace
    }

    fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    fn is_ending(&self) -> bool {
        self.terminating
    }
}

/// Who changes one of the shared fields has a template of its own from then on.
impl DerefMut for Pod {
    fn deref_mut(&mut self) -> &mut Template {
        Arc::make_mut(&mut self.template)
    }
}

impl PartialEq for Pod {
    fn eq(&self, other: &Pod) -> bool {
        fn of_its_own(pod: &Pod) -> impl PartialEq + '_ {
            (pod.terminating, pod.preempted, pod.started, &pod.uid, &pod.name, &pod.node_name)
        }
        of_its_own(self) == of_its_own(other)
            && (Arc::ptr_eq(&self.template, &other.template) || self.template == other.template)
    }
}

impl Pod {
    pub fn parse(pod: &core::Pod) -> Result<Pod, QuantityError> {
        let none = core::PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&none);
        let meta = &pod.metadata;
        let status = pod.status.as_ref();
        let started = status.and_then(|status| status.start_time.as_ref()).map(|time| time.0.as_microsecond());
        Ok(Pod {
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            name: meta.name.as_deref().unwrap_or_default().into(),
            node_name: spec.node_name.as_deref().filter(|name| !name.is_empty()).map(Arc::from),
            terminating: meta.deletion_timestamp.is_some(),
            preempted: meta.deletion_timestamp.is_some() && is_preempted(status),
            started,
            template: Arc::new(Template::parse(pod, spec)?),
        })
    }

    /// Whether [local](crate::filter::Filter::is_local) filters and preemption treat both pods alike.
    pub(crate) fn asks_the_same(&self, other: &Pod) -> bool {
        let (a, b) = (&*self.template, &*other.template);
        let same = || {
            a.priority == b.priority
                && a.requests == b.requests
                && a.preempts == b.preempts
                && a.host_ports == b.host_ports
                && a.node_labels == b.node_labels
                && a.tolerations == b.tolerations
                && a.node_affinity == b.node_affinity
        };
        self.node_name == other.node_name && (std::ptr::eq(a, b) || same())
    }

    /// The same pod, told to end so that another can run.
    pub fn to_be_preempted(&self) -> Pod {
        Pod { terminating: true, preempted: true, ..self.clone() }
    }

    /// The same pod, when it stays after all.
    pub fn spared(&self) -> Pod {
        Pod { terminating: false, preempted: false, ..self.clone() }
    }

    /// When it began to run; one that has not begun is younger than all others.
    pub(crate) fn started(&self) -> i64 {
        self.started.unwrap_or(i64::MAX)
    }

    /// The controller whose pods it is counted among.
    pub(crate) fn counted_controller(&self) -> Option<&Arc<str>> {
        self.controller.as_ref().filter(|_| !self.terminating)
    }
}

impl Template {
    fn parse(pod: &core::Pod, spec: &core::PodSpec) -> Result<Template, QuantityError> {
        let meta = &pod.metadata;
        let affinity = spec.affinity.as_ref().and_then(|all| all.node_affinity.as_ref());
        let (requests, weight) = requests(spec)?;
        let labels = meta.labels.clone().unwrap_or_default();
        let namespace: Arc<str> = meta.namespace.as_deref().unwrap_or_default().into();
        Ok(Template {
            claims: PodClaim::of(pod),
            images: images(spec),
            relations: Relations::parse(spec, &labels, &namespace),
            labels,
            namespace,
            scheduler: spec.scheduler_name.as_deref().unwrap_or(DEFAULT_SCHEDULER).into(),
            priority: spec.priority.unwrap_or_default(),
            preempts: spec.preemption_policy.as_deref() != Some("Never"),
            controller: meta
                .owner_references
                .iter()
                .flatten()
                .find(|owner| owner.controller == Some(true))
                .map(|owner| owner.uid.as_str().into()),
            requests,
            weight,
            host_ports: host_ports(spec),
            tolerations: spec.tolerations.iter().flatten().filter_map(Toleration::parse).collect(),
            node_labels: spec
                .node_selector
                .iter()
                .flatten()
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            node_affinity: affinity
                .and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref())
                .map(NodeSelector::parse),
            node_preferences: affinity
                .and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref())
                .into_iter()
                .flatten()
                .map(|term| (i64::from(term.weight), Term::parse(&term.preference)))
                .collect(),
        })
    }
}

fn is_preempted(status: Option<&core::PodStatus>) -> bool {
    let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    conditions.into_iter().any(|condition| {
        condition.type_ == "DisruptionTarget"
            && condition.status == "True"
            && condition.reason.as_deref() == Some(PREEMPTED_BY_SCHEDULER)
    })
}

/// What the pod takes at its worst moment: all containers together with the sidecars, or one init
/// container with the sidecars that were started before it; plus the overhead of its runtime class.
/// Requests of the pod as a whole (`spec.resources`) replace the sums that they name.
fn requests(spec: &core::PodSpec) -> Result<(Resources, (i64, i64)), QuantityError> {
    let mut total = Total::default();
    for (index, container) in spec.containers.iter().enumerate() {
        total.add(&Total::of(container, "containers", index)?);
    }
    let mut sidecars = Total::default();
    let mut worst_init = Total::default();
    for (index, container) in spec.init_containers.iter().flatten().enumerate() {
        let mut one = Total::of(container, "initContainers", index)?;
        if is_sidecar(container) {
            total.add(&one);
            sidecars.add(&one);
            one = sidecars.clone();
        } else {
            one.add(&sidecars);
        }
        worst_init.raise_to(&one);
    }
    total.raise_to(&worst_init);
    if let Some(whole) = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()) {
        total.replace(&Resources::parse(whole, &"spec.resources.requests")?, whole);
    }
    if let Some(overhead) = &spec.overhead {
        let overhead = Resources::parse(overhead, &"spec.overhead")?;
        total.add(&Total { weight: (overhead.milli_cpu, overhead.memory), requests: overhead });
    }
    Ok((total.requests, total.weight))
}

#[derive(Clone, Default)]
struct Total {
    requests: Resources,
    weight: (i64, i64),
}

impl Total {
    fn of(container: &core::Container, list: &str, index: usize) -> Result<Total, QuantityError> {
        let none = Default::default();
        let map = container.resources.as_ref().and_then(|r| r.requests.as_ref()).unwrap_or(&none);
        let field = format_args!("spec.{list}[{index}].resources.requests");
        let requests = Resources::parse(map, &field)?;
        let or = |key: &str, amount, unrequested| {
            if map.contains_key(key) { amount } else { unrequested }
        };
        let weight =
            (or("cpu", requests.milli_cpu, UNREQUESTED_MILLI_CPU), or("memory", requests.memory, UNREQUESTED_MEMORY));
        Ok(Total { requests, weight })
    }

    fn add(&mut self, other: &Total) {
        self.requests.add(&other.requests);
        self.weight.0 = self.weight.0.saturating_add(other.weight.0);
        self.weight.1 = self.weight.1.saturating_add(other.weight.1);
    }

    fn raise_to(&mut self, other: &Total) {
        self.requests.raise_to(&other.requests);
        self.weight.0 = self.weight.0.max(other.weight.0);
        self.weight.1 = self.weight.1.max(other.weight.1);
    }

    fn replace<V>(&mut self, whole: &Resources, named: &BTreeMap<String, V>) {
        for name in named.keys() {
            match name.as_str() {
                "cpu" => {
                    self.requests.milli_cpu = whole.milli_cpu;
                    self.weight.0 = whole.milli_cpu;
                }
                "memory" => {
                    self.requests.memory = whole.memory;
                    self.weight.1 = whole.memory;
                }
                huge if huge.starts_with("hugepages-") => {
                    self.requests.set_extended(huge, whole.extended(huge));
                }
                _ => {}
            }
        }
    }
}

/// One without a tag or a digest is the latest.
fn images(spec: &core::PodSpec) -> Vec<Arc<str>> {
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let images = containers.filter_map(|container| {
        let image = container.image.as_deref().filter(|image| !image.is_empty())?;
        let name = image.rsplit('/').next().unwrap_or(image);
        Some(if name.contains([':', '@']) { image.into() } else { format!("{image}:latest").into() })
    });
    images.collect()
}

fn is_sidecar(container: &core::Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// Ports of containers and sidecars; an init container that ends holds none.
fn host_ports(spec: &core::PodSpec) -> Vec<HostPort> {
    let sidecars = spec.init_containers.iter().flatten().filter(|c| is_sidecar(c));
    spec.containers
        .iter()
        .chain(sidecars)
        .flat_map(|container| container.ports.iter().flatten())
        .filter_map(|port| {
            // On the node's own network a port is taken whether or not it says so.
            let number = match spec.host_network {
                Some(true) => port.host_port.or(Some(port.container_port)),
                _ => port.host_port,
            };
            HostPort::parse(port.host_ip.as_deref(), port.protocol.as_deref(), number)
        })
        .collect()
}

#[cfg(test)]
#[path = "pod_tests.rs"]
mod tests;
