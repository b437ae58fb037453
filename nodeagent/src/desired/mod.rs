//! What a pod's spec wants, in the runtime's terms. Pure: whatever must be fetched is handed in.

pub mod admission;
pub mod environment;
pub mod expand;
pub mod fields;
pub mod image_name;
pub mod keyring;
pub mod names;
mod pretence;
pub mod resolver;
pub mod resources;
pub mod roster;
mod sandbox;
mod security;
pub mod service_links;
pub mod sources;

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
pub use names::Name;
pub use pretence::pretence;
use roster::{Member, Sort};
pub use sandbox::sandbox;
pub use security::{asks_the_image, user_of_image};
use sha2::{Digest, Sha256};

use crate::{
    observed::{ObservedPod, PodIdentity},
    runtime::{ContainerSpec, HostFacts, Mount, Pretence},
};

/// Why a container can't be made from its spec: the message of `CreateContainerConfigError`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// What the spec may refer to but does not say.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub node_name: &'a str,
    pub host_ip: IpAddr,
    pub pod_ip: Option<IpAddr>,
    /// What a container without limits may use of the node.
    pub node: &'a HostFacts,
}

pub fn identity(pod: &Pod) -> PodIdentity {
    PodIdentity {
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
    }
}

pub fn spec(pod: &Pod) -> &PodSpec {
    static EMPTY: std::sync::LazyLock<PodSpec> = std::sync::LazyLock::new(PodSpec::default);
    pod.spec.as_ref().unwrap_or(&EMPTY)
}

/// Where the pod is reached: its sandbox's address, or the node's.
pub fn address(pod: &Pod, observed: &ObservedPod, host: IpAddr) -> Option<IpAddr> {
    match spec(pod).host_network {
        Some(true) => Some(host),
        _ => observed.sandbox().and_then(|sandbox| sandbox.ip),
    }
}

/// Seconds that the pod's containers get to end.
pub fn grace(pod: &Pod) -> i64 {
    let asked = pod.metadata.deletion_grace_period_seconds;
    asked.or(spec(pod).termination_grace_period_seconds).unwrap_or(30).max(0)
}

/// Whether the node itself needs it: never evicted, and admitted also under pressure.
pub fn is_critical(pod: &Pod) -> bool {
    const SYSTEM_CRITICAL: i32 = 2_000_000_000;
    spec(pod).priority.is_some_and(|priority| priority >= SYSTEM_CRITICAL) || is_static(pod)
}

/// Whether it comes from this node's own files, or stands for one that does.
pub fn is_static(pod: &Pod) -> bool {
    let annotations = pod.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get("kubernetes.io/config.source")).is_some_and(|source| source != "api")
}

/// Changes when the container must be replaced: what a pod's update may change, and no more, so that a newer
/// server's defaults restart nothing.
pub fn spec_hash(container: &Container) -> String {
    let image = container.image.as_deref().unwrap_or_default();
    let digest = Sha256::digest(format!("{}\0{image}", container.name));
    hex::encode(&digest[..8])
}

/// Everything about one container but its mounts' files and what its environment refers to, which are handed in.
pub fn container(
    pod: &Pod,
    container: &Member<'_>,
    attempt: u32,
    sandbox: &str,
    env: Vec<(String, String)>,
    mounts: Vec<Mount>,
    node: &HostFacts,
) -> Result<ContainerSpec, ConfigError> {
    let pod_spec = spec(pod);
    let expand = |words: &Option<Vec<String>>| {
        let words = words.as_ref().filter(|words| !words.is_empty())?;
        Some(words.iter().map(|word| expand::expand(word, &env)).collect())
    };
    Ok(ContainerSpec {
        pod: identity(pod),
        name: container.name.clone(),
        attempt,
        spec_hash: spec_hash(container),
        sandbox: sandbox.to_owned(),
        image: container.image.clone().unwrap_or_default(),
        command: expand(&container.command),
        args: expand(&container.args),
        working_dir: container.working_dir.clone().filter(|dir| !dir.is_empty()),
        mounts,
        tty: container.tty.unwrap_or(false),
        stdin: container.stdin.unwrap_or(false),
        stdin_once: container.stdin_once.unwrap_or(false),
        resources: resources::resources(pod, container, node)?,
        security: security::security(pod_spec, container),
        host_ipc: pod_spec.host_ipc.unwrap_or(false),
        host_pid: pod_spec.host_pid.unwrap_or(false),
        share_process_namespace: pod_spec.share_process_namespace.unwrap_or(false),
        target: None,
        pretence: match container.sort {
            // It is made to end.
            Sort::Init => Some(Pretence::default()),
            _ => pretence(pod),
        },
        stop_signal: container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.stop_signal.clone()),
        grace: grace(pod),
        env,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_image_replaces_a_container() {
        let container = |image: &str, command: Option<Vec<String>>| Container {
            name: "web".into(),
            image: Some(image.into()),
            command,
            ..Container::default()
        };
        let before = spec_hash(&container("a:1", None));
        assert_eq!(before, spec_hash(&container("a:1", Some(vec!["x".into()]))));
        assert_ne!(before, spec_hash(&container("a:2", None)));
    }

    #[test]
    fn command_and_args_see_the_environment() {
        let one = Container {
            name: "c".into(),
            command: Some(vec!["/bin/$(NAME)".into()]),
            args: Some(vec!["$(UNKNOWN)".into(), "$$(NAME)".into()]),
            ..Container::default()
        };
        let env = vec![("NAME".to_owned(), "sh".to_owned())];
        let pod = Pod { spec: Some(PodSpec { containers: vec![one], ..PodSpec::default() }), ..Pod::default() };
        let one = roster::member(&pod, "c").expect("the container");
        let made = container(&pod, &one, 0, "s", env, vec![], &HostFacts::default()).expect("a spec");
        assert_eq!(made.command, Some(vec!["/bin/sh".to_owned()]));
        assert_eq!(made.args, Some(vec!["$(UNKNOWN)".to_owned(), "$(NAME)".to_owned()]));
    }
}
