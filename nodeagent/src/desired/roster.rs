//! All containers of a pod, of every sort, in the order of its spec.

use std::{borrow::Cow, ops::Deref};

use k8s_openapi::api::core::v1::{Container, ContainerStatus, EphemeralContainer, Pod, PodStatus};

use super::spec;

/// What a container is to its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Runs to its end before the next is started.
    Init,
    /// An init container with `restartPolicy: Always`: once it has started the next may; it runs as long as the pod.
    Sidecar,
    Main,
    /// Added to a pod that runs, for whoever debugs it.
    Ephemeral,
}

impl Sort {
    /// The list of the pod's spec that it stands in.
    pub fn list(self) -> &'static str {
        match self {
            Sort::Init | Sort::Sidecar => "initContainers",
            Sort::Main => "containers",
            Sort::Ephemeral => "ephemeralContainers",
        }
    }

    /// The statuses of its like.
    pub fn statuses(self, status: &PodStatus) -> &[ContainerStatus] {
        let list = match self {
            Sort::Init | Sort::Sidecar => &status.init_container_statuses,
            Sort::Main => &status.container_statuses,
            Sort::Ephemeral => &status.ephemeral_container_statuses,
        };
        list.as_deref().unwrap_or_default()
    }
}

/// One container of a pod.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    pub sort: Sort,
    pub container: Cow<'a, Container>,
    /// Of an ephemeral container: whose processes it sees.
    pub target: Option<&'a str>,
}

impl Deref for Member<'_> {
    type Target = Container;

    fn deref(&self) -> &Container {
        &self.container
    }
}

impl<'a> Member<'a> {
    fn new(sort: Sort, container: &'a Container) -> Self {
        Member { sort, container: Cow::Borrowed(container), target: None }
    }
}

/// Init containers and sidecars, in the order in which they are started.
pub fn init(pod: &Pod) -> impl DoubleEndedIterator<Item = Member<'_>> {
    spec(pod).init_containers.iter().flatten().map(|container| {
        let sidecar = container.restart_policy.as_deref() == Some("Always");
        Member::new(if sidecar { Sort::Sidecar } else { Sort::Init }, container)
    })
}

pub fn main(pod: &Pod) -> impl Iterator<Item = Member<'_>> {
    spec(pod).containers.iter().map(|container| Member::new(Sort::Main, container))
}

pub fn ephemeral(pod: &Pod) -> impl Iterator<Item = Member<'_>> {
    spec(pod).ephemeral_containers.iter().flatten().map(|container| Member {
        sort: Sort::Ephemeral,
        container: Cow::Owned(as_container(container)),
        target: container.target_container_name.as_deref().filter(|name| !name.is_empty()),
    })
}

pub fn all(pod: &Pod) -> impl Iterator<Item = Member<'_>> {
    init(pod).chain(main(pod)).chain(ephemeral(pod))
}

pub fn member<'a>(pod: &'a Pod, name: &str) -> Option<Member<'a>> {
    all(pod).find(|member| member.name == name)
}

pub fn has_init(pod: &Pod) -> bool {
    init(pod).next().is_some()
}

fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let own = ephemeral.clone();
    Container {
        args: own.args,
        command: own.command,
        env: own.env,
        env_from: own.env_from,
        image: own.image,
        image_pull_policy: own.image_pull_policy,
        lifecycle: own.lifecycle,
        liveness_probe: own.liveness_probe,
        name: own.name,
        ports: own.ports,
        readiness_probe: own.readiness_probe,
        resize_policy: own.resize_policy,
        resources: own.resources,
        restart_policy: own.restart_policy,
        restart_policy_rules: own.restart_policy_rules,
        security_context: own.security_context,
        startup_probe: own.startup_probe,
        stdin: own.stdin,
        stdin_once: own.stdin_once,
        termination_message_path: own.termination_message_path,
        termination_message_policy: own.termination_message_policy,
        tty: own.tty,
        volume_devices: own.volume_devices,
        volume_mounts: own.volume_mounts,
        working_dir: own.working_dir,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_sort_stands_in_its_place() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "initContainers": [{"name": "a"}, {"name": "b", "restartPolicy": "Always"}],
            "containers": [{"name": "c"}],
            "ephemeralContainers": [{"name": "d", "image": "x", "targetContainerName": "c"}],
        }}))
        .expect("a pod");
        let all: Vec<_> = all(&pod).map(|member| (member.name.clone(), member.sort)).collect();
        let expected = [("a", Sort::Init), ("b", Sort::Sidecar), ("c", Sort::Main), ("d", Sort::Ephemeral)];
        assert_eq!(all, expected.map(|(name, sort)| (name.to_owned(), sort)));
        let debugger = member(&pod, "d").expect("the debugger");
        assert_eq!((debugger.image.as_deref(), debugger.target), (Some("x"), Some("c")));
    }
}
