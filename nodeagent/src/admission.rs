//! Whether a pod fits on the node that it was bound to: whoever bound it may not have known what else is there, or may
//! not have looked. One that does not fit fails for good, in the kubelet's words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm, Pod};
use timonier_api::selector::{Operator, Requirement};

use crate::{
    capacity::Room,
    desired::{self, resources, spec},
    eviction::Pressure,
    memory::Failure,
};

/// What the pods that were let in ask for together.
pub struct Admission {
    room: Room,
    /// By uid.
    admitted: HashMap<String, Asked>,
}

/// CPU in thousandths, the others in bytes.
#[derive(Clone, Debug, Default)]
struct Asked {
    cpu: i64,
    memory: i64,
    ephemeral_storage: i64,
    ports: Vec<(String, i32, String)>,
}

impl Asked {
    fn by(pod: &Pod) -> Asked {
        let containers = &spec(pod).containers;
        let overhead = |name: &str| {
            let overhead = spec(pod).overhead.as_ref().and_then(|all| all.get(name));
            overhead.and_then(|quantity| resources::bytes(quantity, name).ok()).unwrap_or(0)
        };
        let starts = spec(pod).init_containers.iter().flatten();
        let most = |of: fn(&k8s_openapi::api::core::v1::Container, &str) -> i64, name: &str| {
            let together: i64 = containers.iter().map(|one| of(one, name)).fold(0, i64::saturating_add);
            // Those that start before the others run one by one.
            starts.clone().map(|one| of(one, name)).fold(together, i64::max)
        };
        let ports = containers.iter().flat_map(|container| container.ports.iter().flatten());
        let ports = ports.filter_map(|port| {
            let host = port.host_port.filter(|host| *host > 0)?;
            let text = |text: &Option<String>, default: &str| text.clone().unwrap_or_else(|| default.to_owned());
            Some((text(&port.host_ip, ""), host, text(&port.protocol, "TCP")))
        });
        Asked {
            cpu: most(resources::request_milli, "cpu"),
            memory: most(resources::request, "memory").saturating_add(overhead("memory")),
            ephemeral_storage: most(resources::request, "ephemeral-storage"),
            ports: ports.collect(),
        }
    }
}

impl Admission {
    pub fn new(room: Room) -> Self {
        Admission { room, admitted: HashMap::new() }
    }

    /// One that was let in before, by this agent or an earlier one.
    pub fn keep(&mut self, pod: &Pod) {
        self.admitted.insert(desired::identity(pod).uid, Asked::by(pod));
    }

    /// It asks for nothing any more.
    pub fn release(&mut self, uid: &str) {
        self.admitted.remove(uid);
    }

    /// Lets a new pod in, or says why not. `labels`: the node's.
    pub fn admit(
        &mut self,
        pod: &Pod,
        labels: &BTreeMap<String, String>,
        pressures: &BTreeSet<Pressure>,
    ) -> Result<(), Failure> {
        let refuse = |reason: &str, message: String| Err(Failure { reason: reason.to_owned(), message });
        if let Some(message) = pressed(pod, pressures) {
            return refuse("Evicted", message);
        }
        let asked = Asked::by(pod);
        if let Some((resource, requested, used, capacity)) = self.short(&asked) {
            let message = format!(
                "Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
            );
            return refuse(&format!("OutOf{resource}"), message);
        }
        if !selected(pod, labels) {
            let why = "node(s) didn't match Pod's node affinity/selector";
            return refuse("NodeAffinity", format!("Predicate NodeAffinity failed: {why}"));
        }
        if asked
            .ports
            .iter()
            .any(|port| self.admitted.values().flat_map(|other| &other.ports).any(|b| collide(port, b)))
        {
            let why = "node(s) didn't have free ports for the requested pod ports";
            return refuse("NodePorts", format!("Predicate NodePorts failed: {why}"));
        }
        self.admitted.insert(desired::identity(pod).uid, asked);
        Ok(())
    }

    /// What there is not enough of: its name, what is asked for, what is used, what there is.
    fn short(&self, asked: &Asked) -> Option<(&'static str, i64, i64, i64)> {
        let sum = |of: fn(&Asked) -> i64| self.admitted.values().map(of).fold(0, i64::saturating_add);
        let pods = i64::try_from(self.admitted.len()).unwrap_or(i64::MAX);
        let resources: [(&str, i64, i64, i64); 4] = [
            ("pods", 1, pods, i64::from(self.room.pods)),
            ("cpu", asked.cpu, sum(|asked| asked.cpu), self.room.cpu.allocatable),
            ("memory", asked.memory, sum(|asked| asked.memory), self.room.memory.allocatable),
            (
                "ephemeral-storage",
                asked.ephemeral_storage,
                sum(|asked| asked.ephemeral_storage),
                self.room.ephemeral_storage.allocatable,
            ),
        ];
        resources.into_iter().find(|(_, asked, used, capacity)| *asked > 0 && asked.saturating_add(*used) > *capacity)
    }
}

fn collide(a: &(String, i32, String), b: &(String, i32, String)) -> bool {
    let any = |ip: &str| matches!(ip, "" | "0.0.0.0" | "::");
    a.1 == b.1 && a.2 == b.2 && (a.0 == b.0 || any(&a.0) || any(&b.0))
}

/// Why nothing new may start on a node under pressure.
fn pressed(pod: &Pod, pressures: &BTreeSet<Pressure>) -> Option<String> {
    if pressures.is_empty() || desired::is_critical(pod) {
        return None;
    }
    let only_memory = pressures.iter().all(|pressure| *pressure == Pressure::Memory);
    let qos = pod.status.as_ref().and_then(|status| status.qos_class.as_deref());
    if only_memory && (matches!(qos, Some("Guaranteed" | "Burstable")) || tolerates_memory_pressure(pod)) {
        return None;
    }
    let names: Vec<_> = pressures.iter().map(|pressure| pressure.condition()).collect();
    Some(format!("The node had condition: [{}]. ", names.join(" ")))
}

fn tolerates_memory_pressure(pod: &Pod) -> bool {
    spec(pod).tolerations.iter().flatten().any(|toleration| {
        let key = toleration.key.as_deref().unwrap_or_default();
        let exists = toleration.operator.as_deref() == Some("Exists");
        let effect = matches!(toleration.effect.as_deref(), None | Some("" | "NoSchedule"));
        let valued = toleration.value.as_deref().unwrap_or_default().is_empty();
        effect && (exists || valued) && (key == "node.kubernetes.io/memory-pressure" || (key.is_empty() && exists))
    })
}

/// Whether the pod wants a node with these labels.
fn selected(pod: &Pod, labels: &BTreeMap<String, String>) -> bool {
    let wanted = spec(pod).node_selector.iter().flatten();
    if !wanted.into_iter().all(|(key, value)| labels.get(key) == Some(value)) {
        return false;
    }
    let affinity = spec(pod).affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
    required.is_none_or(|required| required.node_selector_terms.iter().any(|term| matches(term, labels)))
}

/// A term that asks for nothing matches nothing.
fn matches(term: &NodeSelectorTerm, labels: &BTreeMap<String, String>) -> bool {
    let asks = |list: &Option<Vec<NodeSelectorRequirement>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if !asks(&term.match_expressions) && !asks(&term.match_fields) {
        return false;
    }
    // The only field that there is names the node, and the pod is bound to it already.
    term.match_expressions.iter().flatten().all(|one| requirement(one).is_some_and(|one| one.matches(labels)))
}

fn requirement(wanted: &NodeSelectorRequirement) -> Option<Requirement> {
    let operator = match wanted.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::Gt,
        "Lt" => Operator::Lt,
        _ => return None,
    };
    Requirement::new(&wanted.key, operator, wanted.values.clone().unwrap_or_default()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::capacity::{Amounts, Room};

    fn pod(uid: &str, spec: Value) -> Pod {
        let pod = json!({"metadata":{"name":uid,"uid":uid},"spec":spec,"status":{"qosClass":"BestEffort"}});
        serde_json::from_value(pod).expect("a pod")
    }

    fn asking(uid: &str, cpu: &str, memory: &str) -> Pod {
        pod(uid, json!({"containers":[{"name":"c","resources":{"requests":{"cpu":cpu,"memory":memory}}}]}))
    }

    fn admission() -> Admission {
        let amounts = |allocatable| Amounts { capacity: allocatable, allocatable, for_pods: allocatable };
        Admission::new(Room {
            cpu: amounts(1000),
            memory: amounts(100 << 20),
            ephemeral_storage: amounts(1 << 30),
            pods: 3,
        })
    }

    fn admit(admission: &mut Admission, pod: &Pod) -> Result<(), (String, String)> {
        let labels = BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]);
        admission.admit(pod, &labels, &BTreeSet::new()).map_err(|failure| (failure.reason, failure.message))
    }

    #[test]
    fn what_is_asked_for_must_be_there() {
        let mut admission = admission();
        assert_eq!(admit(&mut admission, &asking("a", "600m", "10Mi")), Ok(()));
        let (reason, message) = admit(&mut admission, &asking("b", "500m", "10Mi")).expect_err("too much");
        assert_eq!(reason, "OutOfcpu");
        assert_eq!(message, "Node didn't have enough resource: cpu, requested: 500, used: 600, capacity: 1000");
        assert_eq!(admit(&mut admission, &asking("c", "1m", "200Mi")).expect_err("too much").0, "OutOfmemory");
        admission.release("a");
        assert_eq!(admit(&mut admission, &asking("b", "500m", "10Mi")), Ok(()));
        for uid in ["d", "e"] {
            assert_eq!(admit(&mut admission, &pod(uid, json!({"containers":[]}))), Ok(()));
        }
        assert_eq!(admit(&mut admission, &pod("f", json!({"containers":[]}))).expect_err("too many").0, "OutOfpods");
    }

    #[test]
    fn the_node_must_be_as_the_pod_wants_it() {
        let in_terms = |key: &str, operator: &str, values: Value| {
            json!({"containers":[],"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":
                {"nodeSelectorTerms":[{"matchExpressions":[{"key":key,"operator":operator,"values":values}]}]}}}})
        };
        for (spec, fits) in [
            (json!({"containers":[],"nodeSelector":{"disk":"ssd"}}), true),
            (json!({"containers":[],"nodeSelector":{"disk":"tape"}}), false),
            (in_terms("disk", "In", json!(["ssd", "tape"])), true),
            (in_terms("disk", "NotIn", json!(["ssd"])), false),
            (in_terms("gpu", "Exists", json!(null)), false),
            (in_terms("gpu", "DoesNotExist", json!(null)), true),
        ] {
            let answer = admit(&mut admission(), &pod("a", spec.clone()));
            assert_eq!(
                answer.map_err(|(reason, _)| reason),
                if fits { Ok(()) } else { Err("NodeAffinity".into()) },
                "{spec}"
            );
        }
    }

    #[test]
    fn two_pods_can_not_have_one_host_port() {
        let port = |uid, ip| {
            pod(uid, json!({"containers":[{"name":"c","ports":[{"containerPort":1,"hostPort":80,"hostIP":ip}]}]}))
        };
        let mut admission = admission();
        assert_eq!(admit(&mut admission, &port("a", "127.0.0.5")), Ok(()));
        assert_eq!(admit(&mut admission, &port("b", "127.0.0.6")), Ok(()));
        assert_eq!(admit(&mut admission, &port("c", "0.0.0.0")).expect_err("taken").0, "NodePorts");
    }

    #[test]
    fn under_pressure_only_some_may_start() {
        let (memory, disk) = (BTreeSet::from([Pressure::Memory]), BTreeSet::from([Pressure::Memory, Pressure::Disk]));
        let mut burstable = pod("a", json!({"containers":[]}));
        burstable.status.get_or_insert_default().qos_class = Some("Burstable".into());
        let toleration =
            json!([{"key":"node.kubernetes.io/memory-pressure","operator":"Exists","effect":"NoSchedule"}]);
        for (pod, under_memory, under_disk) in [
            (pod("b", json!({"containers":[]})), false, false),
            (burstable, true, false),
            (pod("c", json!({"containers":[],"tolerations":toleration})), true, false),
            (pod("d", json!({"containers":[],"priority":2_000_000_000})), true, true),
        ] {
            let may = |pressures| admission().admit(&pod, &BTreeMap::new(), pressures).is_ok();
            assert_eq!((may(&memory), may(&disk)), (under_memory, under_disk), "{:?}", pod.metadata.uid);
        }
        let refused = admission().admit(&pod("e", json!({})), &BTreeMap::new(), &disk).expect_err("refused");
        assert_eq!(refused.message, "The node had condition: [MemoryPressure DiskPressure]. ");
        assert_eq!(refused.reason, "Evicted");
    }
}
