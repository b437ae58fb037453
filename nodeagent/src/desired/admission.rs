//! What this node can't do for a pod, found before anything is made: the pod is rejected for good.

use k8s_openapi::api::core::v1::{AppArmorProfile, Pod};

use super::spec;
use crate::{memory::Failure, runtime::HostFacts};

/// Sysctls that Kubernetes calls safe: each pod has its own, and none can harm the node.
const SAFE_SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];
/// The kernel keeps these once for each network, or IPC, namespace.
const NETWORK_SYSCTLS: [&str; 1] = ["net."];
const IPC_SYSCTLS: [&str; 4] = ["kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."];

/// Why the node rejects the pod. `unsafe_sysctls`: what its owner allows beyond the safe ones, `kernel.msg*` for instance.
pub fn refusal(pod: &Pod, node: &HostFacts, unsafe_sysctls: &[String]) -> Option<Failure> {
    let because = |reason: &str, message: String| Failure { reason: reason.to_owned(), message };
    if let Some(os) = spec(pod).os.as_ref().filter(|os| os.name != node.operating_system) {
        tracing::debug!(asked = os.name, "another operating system");
        let message = "Failed to admit pod as the OS field doesn't match node OS";
        return Some(because("PodOSNotSupported", message.to_owned()));
    }
    if let Some(message) = forbidden_sysctl(pod, unsafe_sysctls) {
        return Some(because("SysctlForbidden", format!("forbidden sysctl: {message}")));
    }
    if !node.app_armor && wants_app_armor(pod) {
        return Some(because("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host".to_owned()));
    }
    None
}

/// A sysctl as the kernel's files name it, with dots.
pub fn sysctl_name(name: &str) -> String {
    let first = name.find(['.', '/']).map(|at| name.as_bytes()[at]);
    // With slashes between the parts, a dot belongs to a part, an interface's name for instance.
    match first {
        Some(b'/') => name
            .chars()
            .map(|c| match c {
                '/' => '.',
                '.' => '/',
                other => other,
            })
            .collect(),
        _ => name.to_owned(),
    }
}

fn forbidden_sysctl(pod: &Pod, allowed: &[String]) -> Option<String> {
    let pod = spec(pod);
    let starts = |name: &str, with: &[&str]| with.iter().any(|prefix| name.starts_with(prefix));
    let sysctls = pod.security_context.iter().flat_map(|context| context.sysctls.iter().flatten());
    sysctls.map(|sysctl| sysctl_name(&sysctl.name)).find_map(|name| {
        let listed = SAFE_SYSCTLS.contains(&name.as_str())
            || allowed.iter().any(|pattern| match sysctl_name(pattern).strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => sysctl_name(pattern) == name,
            });
        match listed {
            false => Some(format!("{name:?} not allowlisted")),
            true if pod.host_network == Some(true) && starts(&name, &NETWORK_SYSCTLS) => {
                Some(format!("{name:?} not allowed with host net enabled"))
            }
            true if pod.host_ipc == Some(true) && starts(&name, &IPC_SYSCTLS) => {
                Some(format!("{name:?} not allowed with host ipc enabled"))
            }
            true => None,
        }
    })
}

fn wants_app_armor(pod: &Pod) -> bool {
    let pod = spec(pod);
    let shared = pod.security_context.iter().filter_map(|context| context.app_armor_profile.as_ref());
    let containers = pod.containers.iter().chain(pod.init_containers.iter().flatten());
    let own = containers.filter_map(|container| container.security_context.as_ref()?.app_armor_profile.as_ref());
    shared.chain(own).any(|AppArmorProfile { type_, .. }| type_ != "Unconfined")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(spec: serde_json::Value, allowed: &[&str]) -> Option<(String, String)> {
        let pod: Pod = serde_json::from_value(json!({"spec": spec})).expect("a pod");
        let node = HostFacts { operating_system: "linux".into(), ..HostFacts::default() };
        let allowed: Vec<_> = allowed.iter().map(|name| (*name).to_owned()).collect();
        refusal(&pod, &node, &allowed).map(|failure| (failure.reason, failure.message))
    }

    fn sysctl(name: &str) -> serde_json::Value {
        json!({"containers": [], "securityContext": {"sysctls": [{"name": name, "value": "1"}]}})
    }

    #[test]
    fn sysctls_are_refused_unless_they_are_safe_or_allowed() {
        let forbidden = |message: &str| Some(("SysctlForbidden".to_owned(), format!("forbidden sysctl: {message}")));
        for (spec, allowed, expected) in [
            (sysctl("net.ipv4.tcp_syncookies"), &[][..], None),
            (sysctl("net/ipv4/tcp_syncookies"), &[], None),
            (sysctl("kernel.msgmax"), &[], forbidden("\"kernel.msgmax\" not allowlisted")),
            (sysctl("kernel.msgmax"), &["kernel.msg*"], None),
            (sysctl("kernel.msgmax"), &["kernel.msgmni"], forbidden("\"kernel.msgmax\" not allowlisted")),
        ] {
            assert_eq!(refused(spec.clone(), allowed), expected, "{spec} {allowed:?}");
        }
        let mut on_the_host = sysctl("net.ipv4.tcp_syncookies");
        on_the_host["hostNetwork"] = json!(true);
        let expected = forbidden("\"net.ipv4.tcp_syncookies\" not allowed with host net enabled");
        assert_eq!(refused(on_the_host, &[]), expected);
        let mut on_the_host = sysctl("kernel.shm_rmid_forced");
        on_the_host["hostIPC"] = json!(true);
        let expected = forbidden("\"kernel.shm_rmid_forced\" not allowed with host ipc enabled");
        assert_eq!(refused(on_the_host, &[]), expected);
    }

    #[test]
    fn a_profile_needs_a_host_that_enforces_it() {
        let with =
            |kind: &str| json!({"containers": [{"name": "c", "securityContext": {"appArmorProfile": {"type": kind}}}]});
        assert_eq!(refused(with("Unconfined"), &[]), None);
        let refused = refused(with("RuntimeDefault"), &[]).expect("refused");
        assert_eq!(refused.1, "Cannot enforce AppArmor: AppArmor is not enabled on the host");
    }

    #[test]
    fn a_pod_for_another_system_is_refused() {
        let pod = |os: &str| json!({"containers": [], "os": {"name": os}});
        assert_eq!(refused(pod("linux"), &[]), None);
        assert_eq!(refused(pod("windows"), &[]).map(|(reason, _)| reason).as_deref(), Some("PodOSNotSupported"));
    }

    #[test]
    fn slashes_and_dots_change_places() {
        assert_eq!(sysctl_name("net/ipv4/conf/eth0.1/mtu"), "net.ipv4.conf.eth0/1.mtu");
        assert_eq!(sysctl_name("net.ipv4.conf.eth0/1.mtu"), "net.ipv4.conf.eth0/1.mtu");
    }
}
