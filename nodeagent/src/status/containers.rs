//! One status a container.

use k8s_openapi::{
    api::core::v1::{
        ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{Input, whole_second};
use crate::{
    desired::{
        self,
        roster::{self, Member, Sort},
    },
    memory::{ContainerMemory, ImageState, PostStart, go_duration, later, rest},
    observed::{Container, Exit, State},
    plan::{Progress, Wish, progress, ran, restarts, succeeded},
};

/// Longest that the termination messages of a pod's containers may be together, in bytes.
const MESSAGES_LIMIT: usize = 12 << 10;

/// The statuses of one list of the pod's spec.
pub fn statuses<'a>(input: &Input<'_>, members: impl Iterator<Item = Member<'a>>) -> Vec<ContainerStatus> {
    members.map(|member| status(input, &member)).collect()
}

fn status(input: &Input<'_>, wanted: &Member<'_>) -> ContainerStatus {
    let name = wanted.name.as_str();
    let memory = input.memory.containers.get(name);
    let said = wanted.sort.statuses(input.previous).iter().find(|status| status.name == name);
    let mut instances = input.observed.instances(name);
    let Some(newest) = instances.next() else { return absent(input, wanted, memory, said) };
    let before = instances.find_map(|container| terminated(input, container));

    let known = memory.map(|memory| &memory.instance).filter(|known| known.id == newest.id);
    let running = newest.state.is_running();
    let started = running && input.memory.has_started(wanted, newest);
    let ready = match wanted.sort {
        Sort::Init => newest.state.exit().is_some_and(succeeded),
        Sort::Ephemeral => false,
        Sort::Sidecar | Sort::Main => {
            started && (wanted.readiness_probe.is_none() || known.is_some_and(|known| known.ready))
        }
    };
    // One whose hook is not done does not run yet.
    let hooked = wanted.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.post_start.is_some());
    let in_hook = hooked && known.is_none_or(|known| known.post_start != PostStart::Done);
    let (state, last_state) = match &newest.state {
        State::Running { .. } if in_hook => (waiting(default_reason(input)), before),
        State::Running { started } => {
            let started_at = Some(Time(whole_second(*started)));
            (ContainerState { running: Some(ContainerStateRunning { started_at }), ..Default::default() }, before)
        }
        State::Created => (waiting(hindrance(input, memory)), before),
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
        started: has_started(wanted.sort, started),
        resources: known.filter(|_| running).and_then(|known| known.resources.clone()),
        state: Some(state),
        last_state: Some(last_state.unwrap_or_default()),
        ..ContainerStatus::default()
    }
}

/// Nothing was made yet, or the runtime has lost it, or the pod is being cleared away.
fn absent(
    input: &Input<'_>,
    wanted: &Member<'_>,
    memory: Option<&ContainerMemory>,
    said: Option<&ContainerStatus>,
) -> ContainerStatus {
    let ends = !matches!(input.wish, Wish::Run);
    if let Some(said) = said.filter(|said| ends && said.container_id.is_some()) {
        let ready = wanted.sort == Sort::Init && said.ready;
        return ContainerStatus { ready, started: has_started(wanted.sort, false), ..said.clone() };
    }
    ContainerStatus {
        name: wanted.name.clone(),
        image: wanted.image.clone().unwrap_or_default(),
        restart_count: said.map_or(0, |said| said.restart_count),
        started: has_started(wanted.sort, false),
        state: Some(waiting(hindrance(input, memory))),
        last_state: Some(said.and_then(|said| said.last_state.clone()).unwrap_or_default()),
        ..ContainerStatus::default()
    }
}

/// Nobody asks whether who debugs a pod has started.
fn has_started(sort: Sort, started: bool) -> Option<bool> {
    (sort != Sort::Ephemeral).then_some(started)
}

/// Why it does not start: a reason and a message.
fn hindrance<'a>(input: &Input<'_>, memory: Option<&'a ContainerMemory>) -> (&'a str, Option<String>) {
    trouble(memory).unwrap_or_else(|| default_reason(input))
}

fn trouble(memory: Option<&ContainerMemory>) -> Option<(&str, Option<String>)> {
    match memory? {
        ContainerMemory { trouble: Some(retry), .. } | ContainerMemory { image: ImageState::Failed(retry), .. } => {
            Some((&retry.reason, Some(retry.message.clone()).filter(|message| !message.is_empty())))
        }
        _ => None,
    }
}

fn default_reason(input: &Input<'_>) -> (&'static str, Option<String>) {
    (if roster::has_init(input.pod) { "PodInitializing" } else { "ContainerCreating" }, None)
}

/// If an instance that exited will be followed by another: what it waits for.
fn returns(
    input: &Input<'_>,
    wanted: &Member<'_>,
    newest: &Container,
    exit: &Exit,
    memory: Option<&ContainerMemory>,
) -> Option<ContainerState> {
    let changed = newest.spec_hash != desired::spec_hash(wanted);
    let over = input.wish != Wish::Run || progress(input.pod, input.observed, input.memory) == Progress::Over;
    if over || !restarts(input.pod, wanted, exit) {
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
    trouble(memory).map(waiting)
}

fn waiting((reason, message): (&str, Option<String>)) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

/// The runtime's words or the container's own. All of a pod together may say only so much.
fn message(input: &Input<'_>, container: &Container, exit: &Exit) -> String {
    let left = input.memory.messages.get(&container.id).map(String::as_str).unwrap_or_default();
    let mut message = if exit.error.is_empty() { left.to_owned() } else { exit.error.clone() };
    let mut end = (MESSAGES_LIMIT / roster::all(input.pod).count().max(1)).min(message.len());
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    message
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
        message: Some(message(input, container, exit)).filter(|message| !message.is_empty()),
        started_at: exit.started.map(|time| Time(whole_second(time))),
        finished_at: Some(Time(whole_second(exit.finished))),
        signal: None,
    };
    Some(ContainerState { terminated: Some(terminated), ..ContainerState::default() })
}
