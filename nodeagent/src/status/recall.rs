//! What a runtime that forgets must have had, read back from the status that was reported.

use k8s_openapi::api::core::v1::Pod;

use crate::{
    desired::{self, roster},
    observed::{Container, Exit, ObservedPod, Sandbox, State},
};

/// Nothing, unless the status tells of containers that were made.
pub fn recall(pod: &Pod) -> ObservedPod {
    let mut recalled = ObservedPod::default();
    let Some(status) = &pod.status else { return recalled };
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let sandbox = format!("hollow-{uid}-sandbox");
    for wanted in roster::all(pod) {
        let said = wanted.sort.statuses(status).iter().find(|said| said.name == wanted.name);
        let Some(said) = said else { continue };
        let Some((_, id)) = said.container_id.as_deref().and_then(|id| id.split_once("://")) else { continue };
        let state = said.state.clone().unwrap_or_default();
        let time = |time: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| time.map(|time| time.0);
        let state = match (state.running, state.terminated) {
            (Some(running), _) => State::Running { started: time(running.started_at).unwrap_or_default() },
            (None, Some(exit)) => State::Exited(Exit {
                started: time(exit.started_at),
                finished: time(exit.finished_at).unwrap_or_default(),
                code: exit.exit_code,
                oom_killed: false,
                error: exit.message.unwrap_or_default(),
            }),
            (None, None) => continue,
        };
        recalled.containers.push(Container {
            id: id.to_owned(),
            name: wanted.name.clone(),
            attempt: u32::try_from(said.restart_count).unwrap_or(0),
            spec_hash: desired::spec_hash(&wanted),
            image: said.image.clone(),
            image_id: said.image_id.clone(),
            state,
            sandbox: sandbox.clone(),
        });
    }
    let started = recalled.containers.iter().find_map(|container| match container.state {
        State::Running { started } => Some(started),
        _ => None,
    });
    if let Some(started) = started {
        let ip = status.pod_ip.as_ref().and_then(|ip| ip.parse().ok());
        recalled.sandboxes.push(Sandbox { id: sandbox, attempt: 0, state: State::Running { started }, ip });
    }
    recalled
}
