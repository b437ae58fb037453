//! The answer as it is served: `kind: Explanation` of `timonier.dev/v1`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::amount;

/// The name of a node that is not there.
pub const ANOTHER: &str = "(another node)";

/// Where explanations are served, by API group and version.
pub const API_VERSION: &str = "timonier.dev/v1";
pub const KIND: &str = "Explanation";
/// Of several pods.
pub const LIST_KIND: &str = "ExplanationList";

/// Why a pod is where it is, or waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub verdict: Verdict,
    /// One sentence for people.
    pub message: String,
    pub basis: Basis,
    /// Where it runs, when it has a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub nodes: Counts,
    /// Nodes that are refused, by what refuses them; the largest group first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Each refused node with its reasons, when `?nodes=all` asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedNode>,
    /// Nodes that would do, the best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<NodeScore>,
    /// Who makes room for it, when no node would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemption: Option<Preemption>,
    /// What would let it be placed, the smallest first. Each was tried on a copy of the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// In a list: how many more pods of its controller wait.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub like_it: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub name: String,
    pub namespace: String,
    pub uid: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It has a node.
    Scheduled,
    /// It has none, and there is one that would do.
    Schedulable,
    /// No node would do, and less important pods make room on one.
    Preempting,
    /// No node would do.
    Unschedulable,
    /// The scheduler does not look at it while it has gates.
    Gated,
    /// It names a scheduler that ours does not serve.
    NotOurs,
    /// It has ended, or is going away without ever having had a node.
    Ended,
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// The state that was judged.
    pub resource_version: String,
    /// The state that the scheduler decided on, where it has noted that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<String>,
    /// Why another state was judged than that, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub total: usize,
    /// How many would do.
    pub feasible: usize,
}

/// Nodes that are refused for the same reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    pub count: usize,
    /// A few of their names.
    pub nodes: Vec<String>,
    /// Of the node that is nearest to taking the pod, with the numbers seen there.
    pub refusals: Vec<Refusal>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedNode {
    pub node: String,
    pub refusals: Vec<Refusal>,
}

/// What one filter has against a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// By Kubernetes' name.
    pub filter: String,
    /// In Kubernetes' words.
    pub reason: String,
    /// In numbers and names.
    pub detail: String,
    pub fact: Fact,
    /// Pods that were promised the node and are as important, when it is for their sake; as `namespace/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_for: Vec<String>,
}

/// What a refusal rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fact {
    /// `spec.unschedulable` of the node.
    Cordoned,
    NodeName {
        wanted: String,
    },
    Taint {
        key: String,
        value: String,
        effect: String,
    },
    /// `spec.nodeSelector` of the pod.
    NodeSelector {
        key: String,
        value: String,
        /// What the node has there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<String>,
    },
    /// Required node affinity: what is missing of the term that is nearest.
    NodeAffinity {
        unmet: Vec<String>,
    },
    HostPort {
        port: u16,
        protocol: String,
        /// Who has it, as `namespace/name`.
        holder: String,
    },
    TooManyPods {
        pods: i64,
        most: i64,
    },
    /// CPU in thousandths, all else in units.
    Resource {
        resource: String,
        wanted: i64,
        used: i64,
        allocatable: i64,
    },
    /// A volume that can't be reached from the node.
    Volume {
        claim: String,
        volume: String,
        unmet: Vec<String>,
    },
    /// More volumes of a driver than the node takes.
    Volumes {
        driver: String,
        attached: i64,
        added: i64,
        most: i64,
    },
    /// The node has no such label to be spread over.
    NoTopologyLabel {
        key: String,
    },
    /// A hard topology spread constraint: in the node's domain there would be more pods than in the emptiest, by more than `max_skew`.
    Spread {
        key: String,
        domain: String,
        pods: i64,
        fewest: i64,
        max_skew: i64,
    },
    /// Pods that the pod must be near are not there.
    PodAffinity {
        key: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<String>,
    },
    /// Pods that the pod keeps away from are there.
    PodAntiAffinity {
        key: String,
        domain: String,
        pods: i64,
    },
    /// Pods that keep the pod away are there.
    ExistingAntiAffinity {
        key: String,
        domain: String,
        pods: i64,
    },
    /// What is in words alone.
    Other,
}

/// Points of a node that would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeScore {
    pub node: String,
    pub total: i64,
    pub scores: Vec<Points>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Points {
    pub name: String,
    /// 0 to 100.
    pub points: i64,
    /// Multiplies them.
    pub weight: i64,
}

/// Less important pods that end so that the pod can run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preemption {
    pub node: String,
    /// As `namespace/name`; empty for who may not read them all.
    pub victims: Vec<String>,
    /// Disruption budgets that this violates, since it can't be done without; as `namespace/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violates: Vec<String>,
}

impl fmt::Display for Preemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, make) = match &self.victims[..] {
            // Not for these eyes.
            [] => ("other pods".into(), "make"),
            [one] => (format!("pod {one}"), "makes"),
            many => (names(many), "make"),
        };
        write!(f, "{who} on {} {make} room for it{}", self.node, against(&self.violates))
    }
}

/// Steps that, taken together, let the pod be placed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What it takes from others, see [`super::cost`].
    pub cost: u32,
    /// One sentence for people.
    pub summary: String,
    pub steps: Vec<Step>,
    /// What does the same on the command line, where there is such a command for each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// How many nodes would do then.
    pub fits: usize,
    /// A few of their names.
    pub nodes: Vec<String>,
    /// Who then makes room, when no node would do at once. A step says so by itself when it is a priority that makes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemption: Option<Preemption>,
}

/// One thing to change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Step {
    RemoveGate {
        gate: String,
    },
    /// `spec.schedulerName`.
    UseScheduler {
        name: String,
    },
    /// A toleration of the pod.
    Tolerate {
        key: String,
        value: String,
        effect: String,
    },
    /// The pod's request in all; CPU in thousandths, all else in units.
    LowerRequest {
        resource: String,
        from: i64,
        to: i64,
    },
    DropNodeSelector {
        key: String,
        value: String,
    },
    /// Of required terms, all.
    DropNodeAffinity,
    DropNodeName,
    DropHostPort {
        port: u16,
        protocol: String,
    },
    /// Of the pod's hard spread constraints over this label.
    RaiseMaxSkew {
        key: String,
        to: i64,
    },
    /// `whenUnsatisfiable: ScheduleAnyway` for them.
    SpreadAnyway {
        key: String,
    },
    /// Of required terms over this label.
    DropPodAffinity {
        key: String,
    },
    DropAntiAffinity {
        key: String,
    },
    /// A class whose pods may take the place of these, and room that is held for those of a lower one.
    UsePriorityClass {
        class: String,
        value: i32,
        node: String,
        preempts: Vec<String>,
        /// Disruption budgets that this violates.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        violates: Vec<String>,
    },
    Uncordon {
        node: String,
    },
    Untaint {
        node: String,
        key: String,
        value: String,
        effect: String,
    },
    LabelNode {
        node: String,
        key: String,
        value: String,
    },
    UnlabelNode {
        node: String,
        key: String,
    },
    RaiseMaxPods {
        node: String,
        to: i64,
    },
    /// Pods as `namespace/name`.
    RemovePods {
        node: String,
        pods: Vec<String>,
        /// Disruption budgets that this violates.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        violates: Vec<String>,
    },
    /// Pods that wait for the node, which was promised to them.
    RemoveNominated {
        node: String,
        pods: Vec<String>,
    },
    /// One more node with the labels, taints and size of this one.
    AddNode {
        like: String,
        /// What it has otherwise.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
    },
}

impl Step {
    /// A priority that makes enough room, whichever that is: which class, and for whom, is found out when it is tried.
    pub(super) fn any_priority() -> Step {
        let (class, node) = (String::new(), String::new());
        Step::UsePriorityClass { class, value: 0, node, preempts: vec![], violates: vec![] }
    }

    /// Pods that it takes something from, as `namespace/name`.
    pub fn others(&self) -> &[String] {
        match self {
            Step::RemovePods { pods, .. } | Step::RemoveNominated { pods, .. } => pods,
            Step::UsePriorityClass { preempts, .. } => preempts,
            _ => &[],
        }
    }

    /// Whether it has still to be found out.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Step::UsePriorityClass { class, .. } if class.is_empty())
    }

    /// The command that takes it, if one does.
    pub fn commands(&self, pod: &Metadata) -> Vec<String> {
        match self {
            Step::UseScheduler { .. }
            | Step::Tolerate { .. }
            | Step::LowerRequest { .. }
            | Step::DropNodeSelector { .. }
            | Step::DropNodeAffinity
            | Step::DropNodeName
            | Step::DropHostPort { .. }
            | Step::RaiseMaxSkew { .. }
            | Step::SpreadAnyway { .. }
            | Step::DropPodAffinity { .. }
            | Step::DropAntiAffinity { .. }
            | Step::UsePriorityClass { .. }
            | Step::RaiseMaxPods { .. }
            | Step::AddNode { .. } => vec![],
            Step::RemoveGate { .. } => vec![format!(
                "kctl patch pod/{} -n {} --type=merge -p '{{\"spec\":{{\"schedulingGates\":[]}}}}'",
                pod.name, pod.namespace
            )],
            Step::Uncordon { node } => vec![format!("kctl uncordon {node}")],
            Step::Untaint { node, key, effect, .. } => vec![format!("kctl taint node {node} {key}:{effect}-")],
            Step::LabelNode { node, key, value } => vec![format!("kctl label --overwrite node {node} {key}={value}")],
            Step::UnlabelNode { node, key } => vec![format!("kctl label node {node} {key}-")],
            Step::RemovePods { pods, .. } | Step::RemoveNominated { pods, .. } => {
                let parts = pods.iter().filter_map(|pod| pod.split_once('/'));
                parts.map(|(namespace, name)| format!("kctl delete pod/{name} -n {namespace}")).collect()
            }
        }
    }

    /// The node that the step is about; none for a step on the pod, wherever it goes.
    pub fn node(&self) -> Option<&str> {
        match self {
            Step::RemoveGate { .. }
            | Step::UseScheduler { .. }
            | Step::Tolerate { .. }
            | Step::LowerRequest { .. }
            | Step::DropNodeSelector { .. }
            | Step::DropNodeAffinity
            | Step::DropNodeName
            | Step::DropHostPort { .. }
            | Step::RaiseMaxSkew { .. }
            | Step::SpreadAnyway { .. }
            | Step::DropPodAffinity { .. }
            | Step::DropAntiAffinity { .. } => None,
            // Of one that is not decided yet.
            Step::UsePriorityClass { node, .. } if node.is_empty() => None,
            Step::UsePriorityClass { node, .. }
            | Step::Uncordon { node }
            | Step::Untaint { node, .. }
            | Step::LabelNode { node, .. }
            | Step::UnlabelNode { node, .. }
            | Step::RaiseMaxPods { node, .. }
            | Step::RemovePods { node, .. }
            | Step::RemoveNominated { node, .. } => Some(node),
            Step::AddNode { .. } => Some(ANOTHER),
        }
    }
}

/// As the middle of a sentence that ends with where the pod then fits.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::RemoveGate { gate } => write!(f, "remove the scheduling gate {gate}"),
            Step::UseScheduler { name } => write!(f, "let the pod name the scheduler {name}"),
            Step::Tolerate { key, value, effect } => {
                write!(f, "let the pod tolerate the taint {}", taint(key, value, effect))
            }
            Step::LowerRequest { resource, from, to } => {
                let (less, to) = (amount::words(resource, from - to), amount::words(resource, *to));
                write!(f, "let the pod request {less} less {resource}: {to}")
            }
            Step::DropNodeSelector { key, value } => write!(f, "drop {key}={value} from the pod's node selector"),
            Step::DropNodeAffinity => f.write_str("drop the pod's required node affinity"),
            Step::DropNodeName => f.write_str("let the pod name no node"),
            Step::DropHostPort { port, protocol } => {
                write!(f, "let the pod take another host port than {port}/{protocol}, or none")
            }
            Step::RaiseMaxSkew { key, to } => write!(f, "let the pod's spread over {key} have a maxSkew of {to}"),
            Step::SpreadAnyway { key } => write!(f, "let the pod's spread over {key} be ScheduleAnyway"),
            Step::DropPodAffinity { key } => write!(f, "let the pod's affinity over {key} be a preference"),
            Step::DropAntiAffinity { key } => write!(f, "let the pod's anti-affinity over {key} be a preference"),
            Step::UsePriorityClass { class, value, node, preempts, violates } => {
                write!(f, "give the pod the priority class {class} ({value})")?;
                match preempts.is_empty() {
                    true => write!(f, ", above that of the pods to which node {node} is promised"),
                    false => write!(f, ", for which {} would be preempted{}", names(preempts), against(violates)),
                }
            }
            Step::Uncordon { node } => write!(f, "uncordon node {node}"),
            Step::Untaint { node, key, value, effect } => {
                write!(f, "remove the taint {} from node {node}", taint(key, value, effect))
            }
            Step::LabelNode { node, key, value } => write!(f, "label node {node} {key}={value}"),
            Step::UnlabelNode { node, key } => write!(f, "remove the label {key} from node {node}"),
            Step::RaiseMaxPods { node, to } => write!(f, "let node {node} take {to} pods"),
            Step::RemovePods { node, pods, violates } => {
                write!(f, "remove {} from node {node}{}", names(pods), against(violates))
            }
            Step::RemoveNominated { node, pods } => {
                write!(f, "remove {}, to which node {node} is promised", names(pods))
            }
            Step::AddNode { like, labels } => {
                write!(f, "add another node like {like}")?;
                let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                if labels.is_empty() { Ok(()) } else { write!(f, ", but with {}", labels.join(" and ")) }
            }
        }
    }
}

/// `key=value:Effect`, as `kubectl taint` writes it.
pub(super) fn taint(key: &str, value: &str, effect: &str) -> String {
    if value.is_empty() { format!("{key}:{effect}") } else { format!("{key}={value}:{effect}") }
}

/// What is said in the end of a detail that has to do with promises to these pods, or to some that are not told.
pub fn held(pods: &[String]) -> String {
    let whom = if pods.is_empty() { "others".into() } else { names(pods) };
    format!(", as room is held for {whom}")
}

/// What is said of budgets that do not hold.
pub(super) fn against(budgets: &[String]) -> String {
    match budgets {
        [] => String::new(),
        [one] => format!(", against the disruption budget {one}"),
        many => format!(", against the disruption budgets {}", many.join(" and ")),
    }
}

/// `pod a/b`, `pods a/b and a/c`, `pods a/b, a/c and 4 more`.
pub(super) fn names(pods: &[String]) -> String {
    match pods {
        [one] => format!("pod {one}"),
        [one, two] => format!("pods {one} and {two}"),
        [one, two, more @ ..] => format!("pods {one}, {two} and {} more", more.len()),
        [] => "no pod".into(),
    }
}
