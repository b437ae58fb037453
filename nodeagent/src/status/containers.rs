//! One status a container.

use k8s_openapi::{
    api::core::v1::{
        Container as WantedContainer, ContainerState, ContainerStateRunning, ContainerStateTerminated,
        ContainerStateWaiting, ContainerStatus,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{Input, whole_second};
use crate::{
    desired,
    memory::{ContainerMemory, ImageState, Retry, go_duration, later, rest},
    observed::{Container, Exit, State},
    plan::{Wish, ran, restarts},
};

pub fn statuses(input: &Input<'_>) -> Vec<ContainerStatus> {
    let containers = desired::spec(input.pod).containers.iter();
    containers.map(|wanted| status(input, wanted)).collect()
}

fn status(input: &Input<'_>, wanted: &WantedContainer) -> ContainerStatus {
    let name = wanted.name.as_str();
    let memory = input.memory.containers.get(name);
    let said = input.previous.container_statuses.iter().flatten().find(|status| status.name == name);
    let mut instances = input.observed.instances(name);
    let Some(newest) = instances.next() else { return absent(input, wanted, memory, said) };
    let before = instances.find_map(|container| terminated(input, container));

    let probes = memory.map(|memory| &memory.probes).filter(|probes| probes.id == newest.id);
    let running = newest.state.is_running();
    let started = running && (wanted.startup_probe.is_none() || probes.is_some_and(|probes| probes.started));
    let ready = started && (wanted.readiness_probe.is_none() || probes.is_some_and(|probes| probes.ready));
    let (state, last_state) = match &newest.state {
        State::Running { started } => {
            let started_at = Some(Time(whole_second(*started)));
            (ContainerState { running: Some(ContainerStateRunning { started_at }), ..Default::default() }, before)
        }
        State::Created => (waiting(hindrance(memory)), before),
        State::Exited(exit) => {
            let ended = terminated(input, newest);
            match returns(input, wanted, newest, exit, memory) {
                Some(waiting) => (waiting, ended),
                None => (ended.unwrap_or_default(), before),
            }
        }
    };
    ContainerStatus {
        name: name.to_owned(),
        image: newest.image.clone(),
        image_id: newest.image_id.clone(),
        container_id: Some(format!("{}://{}", input.scheme, newest.id)),
        restart_count: i32::try_from(newest.attempt).unwrap_or(i32::MAX),
        ready,
        started: Some(started),
        state: Some(state),
        last_state: Some(last_state.unwrap_or_default()),
        ..ContainerStatus::default()
    }
}

/// Nothing was made yet, or the runtime has lost it, or the pod is being cleared away.
fn absent(
    input: &Input<'_>,
    wanted: &WantedContainer,
    memory: Option<&ContainerMemory>,
    said: Option<&ContainerStatus>,
) -> ContainerStatus {
    let ends = !matches!(input.wish, Wish::Run);
    if let Some(said) = said.filter(|said| ends && said.container_id.is_some()) {
        return ContainerStatus { ready: false, started: Some(false), ..said.clone() };
    }
    ContainerStatus {
        name: wanted.name.clone(),
        image: wanted.image.clone().unwrap_or_default(),
        restart_count: said.map_or(0, |said| said.restart_count),
        started: Some(false),
        state: Some(waiting(hindrance(memory))),
        last_state: Some(said.and_then(|said| said.last_state.clone()).unwrap_or_default()),
        ..ContainerStatus::default()
    }
}

/// Why it does not start: a reason and a message.
fn hindrance(memory: Option<&ContainerMemory>) -> (&str, Option<String>) {
    let said = |retry: &Retry| Some(retry.message.clone()).filter(|message| !message.is_empty());
    match memory {
        Some(
            ContainerMemory { trouble: Some(retry), .. } | ContainerMemory { image: ImageState::Failed(retry), .. },
        ) => (retry.reason.as_str(), said(retry)),
        _ => ("ContainerCreating", None),
    }
}

/// If an instance that exited will be followed by another: what it waits for.
fn returns(
    input: &Input<'_>,
    wanted: &WantedContainer,
    newest: &Container,
    exit: &Exit,
    memory: Option<&ContainerMemory>,
) -> Option<ContainerState> {
    let changed = newest.spec_hash != desired::spec_hash(wanted);
    if input.wish != Wish::Run || !(changed || restarts(input.pod, exit)) {
        return None;
    }
    let known = memory.and_then(|memory| memory.next_delay);
    let rested = rest(newest.attempt, ran(exit), known, input.timings);
    if !changed && later(exit.finished, rested) > input.now {
        let identity = desired::identity(input.pod);
        let message = format!(
            "back-off {} restarting failed container={} pod={}_{}({})",
            go_duration(rested),
            wanted.name,
            identity.name,
            identity.namespace,
            identity.uid
        );
        return Some(waiting(("CrashLoopBackOff", Some(message))));
    }
    match hindrance(memory) {
        ("ContainerCreating", _) => None,
        hindrance => Some(waiting(hindrance)),
    }
}

fn waiting((reason, message): (&str, Option<String>)) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

fn terminated(input: &Input<'_>, container: &Container) -> Option<ContainerState> {
    let exit = container.state.exit()?;
    let reason = match exit {
        Exit { started: None, .. } => "StartError",
        Exit { oom_killed: true, .. } => "OOMKilled",
        Exit { code: 0, .. } => "Completed",
        _ => "Error",
    };
    let terminated = ContainerStateTerminated {
        container_id: Some(format!("{}://{}", input.scheme, container.id)),
        exit_code: exit.code,
        reason: Some(reason.to_owned()),
        message: Some(exit.error.clone()).filter(|error| !error.is_empty()),
        started_at: exit.started.map(|time| Time(whole_second(time))),
        finished_at: Some(Time(whole_second(exit.finished))),
        signal: None,
    };
    Some(ContainerState { terminated: Some(terminated), ..ContainerState::default() })
}
