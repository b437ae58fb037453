//! Specs in Docker's terms. Pure.

use std::{collections::HashMap, net::IpAddr, sync::LazyLock};

use bollard::models::{
    ContainerCreateBody, ContainerUpdateBody, EndpointIpamConfig, EndpointSettings, HostConfig, Mount as DockerMount,
    MountBindOptions, MountBindOptionsPropagationEnum, MountType, NetworkingConfig, PortBinding, VolumeCreateRequest,
};

use super::{confinement, sandbox_image};
use crate::{
    labels,
    observed::PodIdentity,
    runtime::{
        ContainerSpec, MountSource, Propagation, Resources, SandboxSpec,
        spec::{MemoryVolume, Mount},
    },
};

/// Where a sandbox holds the pod's memory-backed volumes.
const HELD: &str = "/volumes";
/// As the kubelet's for its pause containers: killed after everything else.
const SANDBOX_OOM_SCORE: i64 = -998;

pub fn sandbox(spec: &SandboxSpec, cluster: &str, node: &str, address: Option<IpAddr>) -> ContainerCreateBody {
    let network = labels::network_name(cluster);
    let mut all_labels = labels::of_pod(cluster, node, &spec.pod);
    all_labels.insert(labels::CONTAINER.to_owned(), labels::SANDBOX.to_owned());
    all_labels.insert(labels::ATTEMPT.to_owned(), spec.attempt.to_string());
    all_labels.insert(labels::GRACE.to_owned(), spec.grace.to_string());
    let held = spec.memory_volumes.iter().map(|volume| Mount {
        source: MountSource::Memory(volume.name.clone()),
        target: format!("{HELD}/{}", volume.name),
        read_only: true,
        propagation: Propagation::None,
    });
    let host_config = HostConfig {
        network_mode: Some(if spec.host_network { "host".to_owned() } else { network.clone() }),
        pid_mode: spec.host_pid.then(|| "host".to_owned()),
        ipc_mode: Some(if spec.host_ipc { "host" } else { "shareable" }.to_owned()),
        port_bindings: (!spec.host_network).then(|| port_bindings(spec)).filter(|ports| !ports.is_empty()),
        mounts: some(held.map(|held| mount(&held, &spec.pod)).collect()),
        oom_score_adj: Some(oom_score(SANDBOX_OOM_SCORE)),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        sysctls: (!spec.sysctls.is_empty()).then(|| spec.sysctls.iter().cloned().collect()),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(sandbox_image::name()),
        hostname: (!spec.host_network).then(|| spec.hostname.clone()),
        exposed_ports: some(
            spec.ports.iter().map(|port| format!("{}/{}", port.container_port, port.protocol)).collect(),
        ),
        labels: Some(all_labels),
        networking_config: address.map(|address| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(
                network,
                EndpointSettings {
                    ipam_config: Some(EndpointIpamConfig {
                        ipv4_address: Some(address.to_string()),
                        ..EndpointIpamConfig::default()
                    }),
                    ..EndpointSettings::default()
                },
            )])),
        }),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    }
}

pub fn container(spec: &ContainerSpec, cluster: &str, node: &str) -> ContainerCreateBody {
    let mut all_labels = labels::of_pod(cluster, node, &spec.pod);
    all_labels.insert(labels::CONTAINER.to_owned(), spec.name.clone());
    all_labels.insert(labels::ATTEMPT.to_owned(), spec.attempt.to_string());
    all_labels.insert(labels::SPEC_HASH.to_owned(), spec.spec_hash.clone());
    all_labels.insert(labels::SANDBOX_ID.to_owned(), spec.sandbox.clone());
    all_labels.insert(labels::GRACE.to_owned(), spec.grace.to_string());
    let joined = format!("container:{}", spec.sandbox);
    let pid_mode = match (spec.host_pid, spec.share_process_namespace, &spec.target) {
        (true, ..) => Some("host".to_owned()),
        (false, true, _) => Some(joined.clone()),
        (false, false, Some(target)) => Some(format!("container:{target}")),
        (false, false, None) => None,
    };
    let security = &spec.security;
    let host_config = HostConfig {
        network_mode: Some(joined.clone()),
        // The host's is nobody's to share.
        ipc_mode: Some(if spec.host_ipc { "host".to_owned() } else { joined }),
        pid_mode,
        mounts: some(spec.mounts.iter().map(|one| mount(one, &spec.pod)).collect()),
        cpu_shares: Some(spec.resources.cpu_shares),
        cpu_period: spec.resources.cpu_quota.map(|_| 100_000),
        cpu_quota: spec.resources.cpu_quota,
        memory: spec.resources.memory_bytes,
        // No swap beyond the limit.
        memory_swap: spec.resources.memory_bytes,
        oom_score_adj: Some(oom_score(spec.resources.oom_score_adj)),
        privileged: security.privileged.then_some(true),
        readonly_rootfs: security.read_only_root.then_some(true),
        cap_add: some(security.add_capabilities.clone()),
        cap_drop: some(security.drop_capabilities.clone()),
        group_add: some(security.groups.clone()),
        security_opt: some(confinement::security_options(security)),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: spec.command.clone(),
        cmd: spec.args.clone(),
        env: Some(spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        working_dir: spec.working_dir.clone(),
        user: security.user.clone(),
        tty: Some(spec.tty),
        open_stdin: Some(spec.stdin),
        stdin_once: Some(spec.stdin_once),
        stop_signal: spec.stop_signal.clone(),
        labels: Some(all_labels),
        // The image's own health check is not Kubernetes'.
        healthcheck: Some(bollard::models::HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..bollard::models::HealthConfig::default()
        }),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    }
}

/// What a container that runs is given from now on.
pub fn update(resources: &Resources) -> ContainerUpdateBody {
    ContainerUpdateBody {
        cpu_shares: Some(resources.cpu_shares),
        cpu_period: resources.cpu_quota.map(|_| 100_000),
        cpu_quota: resources.cpu_quota,
        memory: resources.memory_bytes,
        memory_swap: resources.memory_bytes,
        ..ContainerUpdateBody::default()
    }
}

/// A tmpfs that all the pod's containers can mount.
pub fn memory_volume(volume: &MemoryVolume, cluster: &str, node: &str, pod: &PodIdentity) -> VolumeCreateRequest {
    let mut options = vec![volume.gid.map_or("mode=0777".to_owned(), |gid| format!("mode=2777,gid={gid}"))];
    options.extend(volume.size_bytes.map(|bytes| format!("size={bytes}")));
    VolumeCreateRequest {
        name: Some(labels::volume_name(&volume.name, &pod.uid)),
        driver: Some("local".to_owned()),
        driver_opts: Some(HashMap::from([
            ("type".to_owned(), "tmpfs".to_owned()),
            ("device".to_owned(), "tmpfs".to_owned()),
            ("o".to_owned(), options.join(",")),
        ])),
        labels: Some(labels::of_pod(cluster, node, pod)),
        ..VolumeCreateRequest::default()
    }
}

fn mount(mount: &Mount, pod: &PodIdentity) -> DockerMount {
    let (typ, source) = match &mount.source {
        MountSource::Host(path) => (MountType::BIND, path.to_string_lossy().into_owned()),
        MountSource::Memory(volume) => (MountType::VOLUME, labels::volume_name(volume, &pod.uid)),
    };
    let propagation = match mount.propagation {
        Propagation::None => None,
        Propagation::HostToContainer => Some(MountBindOptionsPropagationEnum::RSLAVE),
        Propagation::Bidirectional => Some(MountBindOptionsPropagationEnum::RSHARED),
    };
    DockerMount {
        target: Some(mount.target.clone()),
        source: Some(source),
        typ: Some(typ),
        read_only: Some(mount.read_only),
        bind_options: propagation
            .map(|propagation| MountBindOptions { propagation: Some(propagation), ..MountBindOptions::default() }),
        ..DockerMount::default()
    }
}

fn port_bindings(spec: &SandboxSpec) -> HashMap<String, Option<Vec<PortBinding>>> {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in &spec.ports {
        let binding =
            PortBinding { host_ip: Some(port.host_ip.to_string()), host_port: Some(port.host_port.to_string()) };
        let key = format!("{}/{}", port.container_port, port.protocol);
        bindings.entry(key).or_default().get_or_insert_default().push(binding);
    }
    bindings
}

/// A score below zero needs CAP_SYS_RESOURCE, which machines inside machines withhold; starting would fail without it.
/// The daemon is taken to live under the same limits as the agent.
fn oom_score(wanted: i64) -> i64 {
    const CAP_SYS_RESOURCE: u64 = 1 << 24;
    static MAY_LOWER: LazyLock<bool> = LazyLock::new(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bounds = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
        let bounds = bounds.and_then(|hexadecimal| u64::from_str_radix(hexadecimal.trim(), 16).ok());
        bounds.is_some_and(|bounds| bounds & CAP_SYS_RESOURCE != 0)
    });
    if *MAY_LOWER { wanted } else { wanted.max(0) }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
