//! The container that holds a pod's network, ports, names and IPC.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use super::{ConfigError, Name, admission::sysctl_name, grace, identity, resources, roster, spec};
use crate::{
    runtime::{PortMapping, SandboxSpec, spec::MemoryVolume},
    volumes,
};

/// `node`: the node's address, which host ports without an address of their own are bound to.
pub fn sandbox(pod: &Pod, attempt: u32, node: IpAddr, cluster_domain: &str) -> Result<SandboxSpec, ConfigError> {
    let pod_spec = spec(pod);
    let sysctls = pod_spec.security_context.iter().flat_map(|context| context.sysctls.iter().flatten());
    Ok(SandboxSpec {
        pod: identity(pod),
        attempt,
        hostname: Name::of(pod, cluster_domain).of_kernel(pod)?,
        host_network: pod_spec.host_network.unwrap_or(false),
        host_pid: pod_spec.host_pid.unwrap_or(false),
        host_ipc: pod_spec.host_ipc.unwrap_or(false),
        ports: ports(pod, node),
        memory_volumes: memory_volumes(pod)?,
        sysctls: sysctls.map(|sysctl| (sysctl_name(&sysctl.name), sysctl.value.clone())).collect(),
        grace: grace(pod),
    })
}

fn ports(pod: &Pod, node: IpAddr) -> Vec<PortMapping> {
    let sidecars = roster::init(pod).filter(|member| member.sort == roster::Sort::Sidecar);
    let members = sidecars.chain(roster::main(pod));
    members
        .flat_map(|member| member.ports.clone().unwrap_or_default())
        .filter_map(|port| {
            let asked = port.host_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
            Some(PortMapping {
                container_port: u16::try_from(port.container_port).ok()?,
                host_port: port.host_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)?,
                // All addresses of the node: it has one.
                host_ip: asked.filter(|ip| !ip.is_unspecified()).unwrap_or(node),
                protocol: match port.protocol.as_deref() {
                    Some("UDP") => "udp",
                    Some("SCTP") => "sctp",
                    _ => "tcp",
                },
            })
        })
        .collect()
}

fn memory_volumes(pod: &Pod) -> Result<Vec<MemoryVolume>, ConfigError> {
    let volumes = spec(pod).volumes.iter().flatten();
    let in_memory = volumes.filter_map(|volume| {
        let directory = volume.empty_dir.as_ref().filter(|directory| directory.medium.as_deref() == Some("Memory"))?;
        Some((volume.name.clone(), directory.size_limit.as_ref()))
    });
    in_memory
        .map(|(name, limit)| {
            let field = format!("volumes[{name}].emptyDir.sizeLimit");
            let size_bytes = limit.map(|limit| resources::bytes(limit, &field)).transpose()?;
            let gid = volumes::fs_group(pod).map(|group| group.gid);
            Ok(MemoryVolume { name, size_bytes: size_bytes.filter(|bytes| *bytes > 0), gid })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(spec: serde_json::Value) -> SandboxSpec {
        let pod: Pod = serde_json::from_value(json!({
            "metadata":{"name":"web-1","namespace":"default","uid":"u"},"spec":spec}))
        .expect("a pod");
        sandbox(&pod, 0, [127, 1, 2, 3].into(), "cluster.local").expect("a sandbox")
    }

    #[test]
    fn host_ports_are_bound_on_the_nodes_address_unless_they_name_one() {
        let made = of(json!({"containers":[{"name":"c","ports":[
            {"containerPort":80,"hostPort":8080},
            {"containerPort":81,"hostPort":8081,"hostIP":"127.0.0.5"},
            {"containerPort":82,"hostPort":8082,"hostIP":"0.0.0.0","protocol":"UDP"},
            {"containerPort":83}]}]}));
        let bound: Vec<_> =
            made.ports.iter().map(|port| (port.host_ip.to_string(), port.host_port, port.protocol)).collect();
        let expected = [("127.1.2.3", 8080, "tcp"), ("127.0.0.5", 8081, "tcp"), ("127.1.2.3", 8082, "udp")];
        assert_eq!(bound, expected.map(|(ip, port, protocol)| (ip.to_owned(), port, protocol)));
    }

    #[test]
    fn memory_volumes_keep_their_limit() {
        let made = of(json!({"containers":[],"securityContext":{"fsGroup":7},"volumes":[
            {"name":"fast","emptyDir":{"medium":"Memory","sizeLimit":"16Mi"}},{"name":"slow","emptyDir":{}}]}));
        assert_eq!(
            made.memory_volumes,
            [MemoryVolume { name: "fast".into(), size_bytes: Some(16 << 20), gid: Some(7) }]
        );
    }
}
