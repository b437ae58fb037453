//! The kubelet's Summary API (`/stats/summary`), which `kubectl get --raw` and dashboards read. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{ContainerStats, FileSystem, Interface, Memory, NodeStats, PodStats};
use crate::status::whole_second;

pub fn summary(node_name: &str, started: Timestamp, node: &NodeStats, pods: &[PodStats]) -> Value {
    let at = time(node.at);
    let mut own = json!({"nodeName": node_name, "startTime": time(started)});
    if let Some(cpu) = node.cpu {
        own["cpu"] = cpu_of(&at, cpu, node.cpu_rate);
    }
    if let Some((total, memory)) = &node.memory {
        own["memory"] = memory_of(&at, memory);
        own["memory"]["availableBytes"] = json!(total.saturating_sub(memory.working_set));
    }
    own["network"] = network(&at, &node.network);
    if let Some(disk) = &node.node_fs {
        own["fs"] = disk_of(&at, disk, disk.used, disk.inodes.saturating_sub(disk.inodes_free));
    }
    if let Some(disk) = &node.image_fs {
        let image_fs = disk_of(&at, disk, disk.used, disk.inodes.saturating_sub(disk.inodes_free));
        own["runtime"] = json!({"imageFs": image_fs, "containerFs": image_fs});
    }
    if let Some((most, now)) = node.processes {
        own["rlimit"] = json!({"time": at, "maxpid": most, "curproc": now});
    }
    json!({"node": own, "pods": pods.iter().map(|one| pod(one, node)).collect::<Vec<_>>()})
}

fn pod(pod: &PodStats, node: &NodeStats) -> Value {
    let at = time(pod.at);
    let volumes = pod.volumes.iter().map(|(name, bytes, files)| {
        let mut volume = node.node_fs.map_or_else(|| json!({}), |disk| disk_of(&at, &disk, *bytes, *files));
        volume["name"] = json!(name);
        volume
    });
    let mut all = json!({
        "podRef": {"name": pod.pod.name, "namespace": pod.pod.namespace, "uid": pod.pod.uid},
        "startTime": time(pod.started),
        "containers": pod.containers.iter().map(|one| container(one, node)).collect::<Vec<_>>(),
        "cpu": cpu_of(&at, pod.cpu(), pod.cpu_rate()),
        "memory": memory_of(&at, &pod.memory()),
        "volume": volumes.collect::<Vec<_>>(),
        "process_stats": {"process_count": pod.processes()},
    });
    if !pod.network.is_empty() {
        all["network"] = network(&at, &pod.network);
    }
    if let Some(disk) = &node.node_fs {
        all["ephemeral-storage"] = disk_of(&at, disk, pod.disk(), pod.inodes());
    }
    all
}

fn container(container: &ContainerStats, node: &NodeStats) -> Value {
    let at = time(container.at);
    let mut all = json!({"name": container.name, "startTime": time(container.started)});
    if let Some(cpu) = container.counters.cpu {
        all["cpu"] = cpu_of(&at, cpu, container.cpu_rate);
    }
    if let Some(memory) = &container.counters.memory {
        all["memory"] = memory_of(&at, memory);
    }
    if let Some(disk) = &node.image_fs {
        all["rootfs"] = disk_of(&at, disk, container.root_bytes, 0);
        all["logs"] = disk_of(&at, disk, container.log_bytes, 1);
    }
    all
}

fn cpu_of(at: &str, nanos: u64, rate: Option<u64>) -> Value {
    let mut cpu = json!({"time": at, "usageCoreNanoSeconds": nanos});
    if let Some(rate) = rate {
        cpu["usageNanoCores"] = json!(rate);
    }
    cpu
}

fn memory_of(at: &str, memory: &Memory) -> Value {
    json!({"time": at, "usageBytes": memory.usage, "workingSetBytes": memory.working_set, "rssBytes": memory.rss,
           "pageFaults": memory.page_faults, "majorPageFaults": memory.major_page_faults})
}

fn disk_of(at: &str, disk: &FileSystem, used: u64, inodes_used: u64) -> Value {
    json!({"time": at, "availableBytes": disk.available, "capacityBytes": disk.capacity, "usedBytes": used,
           "inodesFree": disk.inodes_free, "inodes": disk.inodes, "inodesUsed": inodes_used})
}

/// The first interface stands for all.
fn network(at: &str, interfaces: &[Interface]) -> Value {
    let one = |interface: &Interface| {
        json!({"name": interface.name, "rxBytes": interface.rx_bytes, "rxErrors": interface.rx_errors,
               "txBytes": interface.tx_bytes, "txErrors": interface.tx_errors})
    };
    let mut all: Map<String, Value> =
        interfaces.first().map(one).and_then(|one| one.as_object().cloned()).unwrap_or_default();
    all.insert("time".to_owned(), json!(at));
    all.insert("interfaces".to_owned(), interfaces.iter().map(one).collect());
    Value::Object(all)
}

fn time(at: Timestamp) -> String {
    whole_second(at).to_string()
}

#[cfg(test)]
pub(super) mod tests_support {
    use super::{super::Counters, *};
    use crate::observed::PodIdentity;

    pub fn pod_stats() -> PodStats {
        let (at, working_set) = (Timestamp::UNIX_EPOCH, 5 << 20);
        let memory = Some(Memory { usage: 6 << 20, working_set, ..Memory::default() });
        let counters = Counters { cpu: Some(2_500_000_000), memory, processes: Some(2) };
        let container = ContainerStats {
            name: "web".into(),
            started: at,
            at,
            counters,
            cpu_rate: Some(1000),
            root_bytes: 10,
            log_bytes: 20,
        };
        PodStats {
            pod: PodIdentity { uid: "u".into(), name: "web-1".into(), namespace: "default".into() },
            started: at,
            at,
            containers: vec![container],
            sandbox: Counters { cpu: Some(1), memory: None, processes: Some(1) },
            network: vec![Interface { name: "eth0".into(), rx_bytes: 9, ..Interface::default() }],
            volumes: vec![("data".into(), 300, 3)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{tests_support::pod_stats, *};

    #[test]
    fn a_pod_is_the_sum_of_its_parts() {
        let disk = FileSystem { capacity: 1000, available: 500, used: 500, inodes: 10, inodes_free: 5 };
        let (at, fs) = (Timestamp::UNIX_EPOCH, Some(disk));
        let (cpu, cpu_rate, memory, network, processes) = (None, None, None, vec![], Some((100, 7)));
        let node = NodeStats { at, cpu, cpu_rate, memory, network, node_fs: fs, image_fs: fs, processes };
        let summary = summary("node-1", at, &node, &[pod_stats()]);
        assert_eq!(summary["node"]["rlimit"]["curproc"], 7);
        let pod = &summary["pods"][0];
        assert_eq!(pod["podRef"]["name"], "web-1");
        assert_eq!(pod["cpu"]["usageCoreNanoSeconds"], 2_500_000_001_u64);
        assert_eq!(pod["memory"]["workingSetBytes"], 5 << 20);
        assert_eq!(pod["network"]["rxBytes"], 9);
        assert_eq!(pod["volume"][0]["usedBytes"], 300);
        assert_eq!(pod["ephemeral-storage"]["usedBytes"], 330);
        assert_eq!(pod["process_stats"]["process_count"], 3);
        assert_eq!(pod["containers"][0]["cpu"]["usageNanoCores"], 1000);
        assert_eq!(pod["containers"][0]["startTime"], "1970-01-01T00:00:00Z");
    }
}
