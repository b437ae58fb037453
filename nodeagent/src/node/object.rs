//! What the Node object says. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Node, NodeCondition},
    apimachinery::pkg::apis::meta::v1::Time,
};
use serde_json::{Value, json};

use crate::{
    capacity::{Amounts, Room},
    eviction::Pressure,
    runtime::HostFacts,
};

const KUBELET_VERSION: &str = concat!("v1.36.0+timonier", env!("CARGO_PKG_VERSION"));
/// On every node that only pretends, and read back by whatever shows nodes.
pub const HOLLOW_LABEL: &str = "node-role.kubernetes.io/hollow";
/// The directory of the volumes that are made on this node.
const LOCAL_PATH_ANNOTATION: &str = "timonier.io/local-path";
const HOLLOW_ANNOTATION: &str = "timonier.io/simulated";
/// For people who want to talk to the node's Docker Engine themselves.
const DOCKER_HOST_ANNOTATION: &str = "timonier.io/docker-host";

#[derive(Clone, Debug)]
pub struct Description {
    pub name: String,
    pub address: IpAddr,
    /// The agent's own port; `None`: it serves none.
    pub port: Option<u16>,
    pub facts: HostFacts,
    pub room: Room,
    pub labels: BTreeMap<String, String>,
    pub hollow: bool,
    /// The Docker Engine that the agent drives, in the form of `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// Where directories of PersistentVolumes are made for claims.
    pub local_path: PathBuf,
}

impl Description {
    pub fn labels(&self) -> BTreeMap<String, String> {
        let mut labels: BTreeMap<String, String> = [
            ("kubernetes.io/hostname", self.name.as_str()),
            ("kubernetes.io/os", &self.facts.operating_system),
            ("kubernetes.io/arch", &self.facts.architecture),
            ("beta.kubernetes.io/os", &self.facts.operating_system),
            ("beta.kubernetes.io/arch", &self.facts.architecture),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        if self.hollow {
            labels.insert(HOLLOW_LABEL.to_owned(), String::new());
        }
        labels.extend(self.labels.clone());
        labels
    }

    pub fn annotations(&self) -> BTreeMap<String, String> {
        let simulated = (HOLLOW_ANNOTATION.to_owned(), "true: this node runs no containers".to_owned());
        let host = self.docker_host.clone().map(|host| (DOCKER_HOST_ANNOTATION.to_owned(), host));
        let local_path = (LOCAL_PATH_ANNOTATION.to_owned(), self.local_path.display().to_string());
        self.hollow.then_some(simulated).into_iter().chain(host).chain([local_path]).collect()
    }

    /// The status but for its conditions.
    pub fn status(&self) -> Value {
        let resources = |of: fn(&Amounts) -> i64| {
            let milli = of(&self.room.cpu);
            json!({
                "cpu": if milli % 1000 == 0 { (milli / 1000).to_string() } else { format!("{milli}m") },
                "memory": format!("{}Ki", of(&self.room.memory) / 1024),
                "ephemeral-storage": format!("{}Ki", of(&self.room.ephemeral_storage) / 1024),
                "pods": self.room.pods.to_string(),
            })
        };
        let mut status = json!({
            "capacity": resources(|amounts| amounts.capacity),
            "allocatable": resources(|amounts| amounts.allocatable),
            "addresses": [
                {"type": "InternalIP", "address": self.address.to_string()},
                {"type": "Hostname", "address": self.name},
            ],
            "nodeInfo": {
                "architecture": self.facts.architecture,
                "bootID": boot_id(),
                "containerRuntimeVersion": self.facts.runtime_version,
                "kernelVersion": self.facts.kernel,
                "kubeProxyVersion": "",
                "kubeletVersion": KUBELET_VERSION,
                "machineID": self.facts.machine_id,
                "operatingSystem": self.facts.operating_system,
                "osImage": self.facts.os_image,
                "systemUUID": self.facts.machine_id,
            },
        });
        if let Some(port) = self.port {
            status["daemonEndpoints"] = json!({"kubeletEndpoint": {"Port": port}});
        }
        status
    }
}

fn boot_id() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    read.map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// `health`: why the node is not ready. Times of transition are kept from `previous`.
pub fn conditions(
    health: &Result<(), String>,
    pressures: &BTreeSet<Pressure>,
    previous: &[NodeCondition],
    now: Timestamp,
) -> Vec<NodeCondition> {
    let pressed = |pressure: Pressure, there: (&'static str, &'static str), not: (&'static str, &'static str)| {
        let holds = pressures.contains(&pressure);
        let (reason, message) = if holds { there } else { not };
        (pressure.condition(), holds, reason, message)
    };
    let ready = match health {
        Ok(()) => ("Ready", true, "KubeletReady", "kubelet is posting ready status"),
        Err(why) => ("Ready", false, "KubeletNotReady", why.as_str()),
    };
    let verdicts = [
        pressed(
            Pressure::Memory,
            ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
            ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ),
        pressed(
            Pressure::Disk,
            ("KubeletHasDiskPressure", "kubelet has disk pressure"),
            ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ),
        pressed(
            Pressure::Pid,
            ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
            ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ),
        ready,
    ];
    let now = Time(crate::status::whole_second(now));
    verdicts
        .into_iter()
        .map(|(type_, holds, reason, message)| {
            let status = if holds { "True" } else { "False" };
            let before = previous.iter().find(|before| before.type_ == type_ && before.status == status);
            NodeCondition {
                type_: type_.to_owned(),
                status: status.to_owned(),
                reason: Some(reason.to_owned()),
                message: Some(message.to_owned()),
                last_heartbeat_time: Some(now.clone()),
                last_transition_time: before
                    .and_then(|before| before.last_transition_time.clone())
                    .or(Some(now.clone())),
            }
        })
        .collect()
}

/// The conditions that the API server has of a node.
pub fn told(node: Option<&Node>) -> Vec<NodeCondition> {
    node.and_then(|node| node.status.as_ref()?.conditions.clone()).unwrap_or_default()
}

/// Whether the cluster has given the node up, or has never heard that it is ready or not.
pub fn is_lost(told: &[NodeCondition]) -> bool {
    told.iter().find(|condition| condition.type_ == "Ready").is_none_or(|ready| ready.status == "Unknown")
}

/// Whether the API server has something else of our conditions than what they are.
pub fn contradicts(told: &[NodeCondition], ours: &[NodeCondition]) -> bool {
    let agrees =
        |ours: &NodeCondition| told.iter().any(|told| (&told.type_, &told.status) == (&ours.type_, &ours.status));
    !ours.iter().all(agrees)
}

/// Whether anything but the time changed.
pub fn differ(a: &[NodeCondition], b: &[NodeCondition]) -> bool {
    let essence = |condition: &NodeCondition| {
        (condition.type_.clone(), condition.status.clone(), condition.reason.clone(), condition.message.clone())
    };
    a.len() != b.len() || a.iter().zip(b).any(|(a, b)| essence(a) != essence(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity;

    fn description(hollow: bool) -> Description {
        let facts = HostFacts {
            cpus: 2,
            memory_bytes: 3 << 30,
            disk_bytes: 3 << 40,
            operating_system: "linux".into(),
            architecture: "amd64".into(),
            ..HostFacts::default()
        };
        let (name, labels) = ("node-1".to_owned(), BTreeMap::new());
        Description {
            name,
            address: [127, 1, 2, 3].into(),
            port: Some(10250),
            room: capacity::room(&facts, (0, 3), &capacity::Flags::default(), &[], hollow),
            facts,
            labels,
            hollow,
            docker_host: None,
            local_path: "/state/local-path".into(),
        }
    }

    #[test]
    fn agents_on_one_daemon_share_its_capacity() {
        let status = description(false).status();
        assert_eq!(status["capacity"]["cpu"], "666m");
        assert_eq!(status["allocatable"]["memory"], "1048576Ki");
        assert_eq!(status["allocatable"]["pods"], "110");
        assert_eq!(status["daemonEndpoints"]["kubeletEndpoint"]["Port"], 10250);
    }

    #[test]
    fn a_hollow_node_says_so() {
        assert_eq!(description(true).labels().get(HOLLOW_LABEL).map(String::as_str), Some(""));
        assert!(!description(false).labels().contains_key(HOLLOW_LABEL));
    }

    #[test]
    fn what_others_say_of_us_is_contradicted() {
        let ours = conditions(&Ok(()), &BTreeSet::new(), &[], Timestamp::UNIX_EPOCH);
        let told = |ready: &str| {
            let mut told = ours.clone();
            told[3].status = ready.into();
            told
        };
        assert!(!contradicts(&told("True"), &ours));
        assert!(contradicts(&told("Unknown"), &ours));
        assert!(contradicts(&[], &ours));
        assert!(is_lost(&[]) && is_lost(&told("Unknown")) && !is_lost(&told("False")) && !is_lost(&told("True")));
    }

    #[test]
    fn a_condition_keeps_its_time_until_it_changes() {
        let (first, second) = (Timestamp::from_second(100), Timestamp::from_second(200));
        let (first, second) = (first.expect("a time"), second.expect("a time"));
        let none = BTreeSet::new();
        let before = conditions(&Ok(()), &none, &[], first);
        let same = conditions(&Ok(()), &none, &before, second);
        assert!(!differ(&before, &same));
        assert_eq!(same[3].last_transition_time, Some(Time(first)));
        let worse = conditions(&Err("no runtime".into()), &BTreeSet::from([Pressure::Disk]), &same, second);
        assert_eq!((worse[1].status.as_str(), worse[1].reason.as_deref()), ("True", Some("KubeletHasDiskPressure")));
        assert!(differ(&same, &worse));
        assert_eq!(worse[3].last_transition_time, Some(Time(second)));
        assert_eq!(worse[0].last_transition_time, Some(Time(first)));
    }
}
