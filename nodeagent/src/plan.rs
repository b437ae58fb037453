//! What to do next for one pod: what it wants compared with what the runtime has, and one step of the difference.
//!
//! Pure. Every step is safe to repeat, and the next look decides anew, so that an agent which just started continues
//! where another left off.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container as WantedContainer, Pod};

use crate::{
    config::Timings,
    desired,
    memory::{ImageState, Memory, Retry, later, rest},
    observed::{Container, Exit, ObservedPod, State},
};

/// What is wanted of the pod as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Run,
    /// It ended for good: nothing may run, what is dead stays for its logs.
    Halt {
        grace: i64,
    },
    /// Nothing may be left. `finalize`: the API server still has it and waits to be told.
    Remove {
        grace: i64,
        finalize: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    PrepareVolumes,
    CreateSandbox {
        attempt: u32,
    },
    StartSandbox {
        id: String,
    },
    EnsureImage {
        container: String,
        attempt: u32,
    },
    CreateContainer {
        container: String,
        attempt: u32,
        sandbox: String,
    },
    StartContainer {
        container: String,
        id: String,
    },
    /// Asks all of them to end, at once.
    Stop {
        ids: Vec<String>,
        grace: i64,
        why: Why,
    },
    Kill {
        ids: Vec<String>,
    },
    /// Removes what is dead and no longer of use.
    Remove {
        ids: Vec<String>,
    },
    /// The last status that the pod will have.
    ReportEnd,
    /// Volumes and whatever else outlives containers.
    Release,
    /// Tells the API server that nothing is left.
    Finalize,
    /// Until something happens, or the time has come.
    Wait {
        until: Option<Timestamp>,
    },
    /// Nothing is left, here or there.
    Done,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    PodEnds,
    SandboxChanged,
    /// The container's definition changed.
    Changed {
        container: String,
    },
    /// This probe failed.
    Unhealthy {
        container: String,
        probe: &'static str,
    },
}

pub struct Input<'a> {
    /// `None`: the API server has it no more, and nobody here knows what it wanted.
    pub pod: Option<&'a Pod>,
    pub wish: Wish,
    pub observed: &'a ObservedPod,
    pub memory: &'a Memory,
    pub timings: &'a Timings,
    pub now: Timestamp,
}

/// What the API server says is wanted of a pod that it has.
pub fn wish(pod: &Pod, memory: &Memory) -> Wish {
    let grace = desired::grace(pod);
    if pod.metadata.deletion_timestamp.is_some() {
        return Wish::Remove { grace, finalize: true };
    }
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    match phase {
        _ if memory.failed.is_some() => Wish::Halt { grace: memory.failed_grace.unwrap_or(grace) },
        Some("Succeeded" | "Failed") => Wish::Halt { grace },
        _ => Wish::Run,
    }
}

pub fn plan(input: &Input<'_>) -> Step {
    if let Some(step) = kill(input) {
        return step;
    }
    match (input.wish, input.pod) {
        (Wish::Run, Some(pod)) => run(input, pod),
        (Wish::Run, None) => Step::Wait { until: None },
        (Wish::Halt { grace }, _) => halt(input, grace),
        (Wish::Remove { grace, finalize }, _) => remove(input, grace, finalize),
    }
}

/// When each container that was asked to end must be killed.
fn deadlines(input: &Input<'_>) -> impl Iterator<Item = (String, Timestamp)> {
    let latest = match input.wish {
        Wish::Run => i64::MAX,
        Wish::Halt { grace } | Wish::Remove { grace, .. } => grace,
    };
    input.observed.running().filter_map(move |container| {
        let stopping = input.memory.stopping.get(&container.id).filter(|stopping| !stopping.killed)?;
        let grace = jiff::SignedDuration::from_secs(stopping.grace.min(latest));
        Some((container.id.clone(), later(stopping.since, grace)))
    })
}

fn kill(input: &Input<'_>) -> Option<Step> {
    let overdue: Vec<_> = deadlines(input).filter(|(_, at)| *at <= input.now).map(|(id, _)| id).collect();
    (!overdue.is_empty()).then_some(Step::Kill { ids: overdue })
}

fn wait(input: &Input<'_>, others: impl IntoIterator<Item = Timestamp>) -> Step {
    Step::Wait { until: deadlines(input).map(|(_, at)| at).chain(others).min() }
}

fn pending(retry: Option<&Retry>, now: Timestamp) -> Option<Timestamp> {
    retry.map(|retry| retry.at).filter(|at| *at > now)
}

/// Asks everything that runs to end; `None`: nothing runs any more.
fn stop_all(input: &Input<'_>, grace: i64, why: Why) -> Option<Step> {
    let ids: Vec<_> = input
        .observed
        .running()
        .filter(|container| !input.memory.stopping.contains_key(&container.id))
        .map(|container| container.id.clone())
        .collect();
    if !ids.is_empty() {
        return Some(Step::Stop { ids, grace, why });
    }
    input.observed.running().next().map(|_| wait(input, None))
}

fn halt(input: &Input<'_>, grace: i64) -> Step {
    if let Some(step) = stop_all(input, grace, Why::PodEnds) {
        return step;
    }
    let useless: Vec<_> = useless_sandboxes(input.observed, None).collect();
    if useless.is_empty() { wait(input, None) } else { Step::Remove { ids: useless } }
}

fn remove(input: &Input<'_>, grace: i64, finalize: bool) -> Step {
    let memory = input.memory;
    if let Some(step) = stop_all(input, grace, Why::PodEnds) {
        return step;
    }
    if let Some(at) = pending(memory.ending.as_ref(), input.now) {
        return wait(input, Some(at));
    }
    if finalize && !memory.end_reported {
        return Step::ReportEnd;
    }
    if !input.observed.is_empty() {
        let sandboxes = input.observed.sandboxes.iter().map(|sandbox| sandbox.id.clone());
        let containers = input.observed.containers.iter().map(|container| container.id.clone());
        return Step::Remove { ids: containers.chain(sandboxes).collect() };
    }
    match (memory.released, finalize, memory.finalized) {
        (false, ..) => Step::Release,
        (true, true, false) => Step::Finalize,
        // Its finalizers keep it in the API.
        (true, true, true) => Step::Wait { until: None },
        (true, false, _) => Step::Done,
    }
}

/// All sandboxes but the one in use.
fn useless_sandboxes<'a>(observed: &'a ObservedPod, used: Option<&'a str>) -> impl Iterator<Item = String> + 'a {
    let sandboxes = observed.sandboxes.iter().map(|sandbox| &sandbox.id);
    sandboxes.filter(move |id| Some(id.as_str()) != used).cloned()
}

fn run(input: &Input<'_>, pod: &Pod) -> Step {
    let Input { observed, memory, now, .. } = *input;
    let containers = &desired::spec(pod).containers;
    let intents: Vec<_> = containers.iter().map(|container| intent(input, pod, container)).collect();

    if intents.iter().all(|intent| matches!(intent, Intent::Done)) {
        let useless: Vec<_> = useless_sandboxes(observed, None).collect();
        return if useless.is_empty() { wait(input, None) } else { Step::Remove { ids: useless } };
    }
    // What runs has its volumes: only what is yet to start asks for them.
    if !memory.volumes_ready && intents.iter().any(|intent| matches!(intent, Intent::Start { .. })) {
        return match pending(memory.volumes.as_ref(), now) {
            Some(at) => wait(input, Some(at)),
            None => Step::PrepareVolumes,
        };
    }
    let sandbox = match sandbox(input, pod) {
        Ok(id) => id,
        Err(step) => return step,
    };
    let mut waits = Vec::new();
    for (container, intent) in containers.iter().zip(intents) {
        if let Some(dead) = surplus(observed, &container.name) {
            return Step::Remove { ids: vec![dead] };
        }
        match intent {
            Intent::Done | Intent::Keep => {}
            Intent::Rest(at) => waits.push(at),
            Intent::Stop { id, why } => {
                if !memory.stopping.contains_key(&id) {
                    let grace = desired::spec(pod).termination_grace_period_seconds.unwrap_or(30).max(0);
                    return Step::Stop { ids: vec![id], grace, why };
                }
            }
            Intent::Start { attempt } => match start(input, container, attempt, &sandbox) {
                Step::Wait { until } => waits.extend(until),
                step => return step,
            },
        }
    }
    wait(input, waits)
}

/// The id of the sandbox that runs, or the step towards one.
fn sandbox(input: &Input<'_>, pod: &Pod) -> Result<String, Step> {
    let Input { observed, memory, now, .. } = *input;
    if let Some(sandbox) = observed.sandbox() {
        let useless: Vec<_> = useless_sandboxes(observed, Some(&sandbox.id)).collect();
        return if useless.is_empty() { Ok(sandbox.id.clone()) } else { Err(Step::Remove { ids: useless }) };
    }
    // Without their sandbox's network they are of no use.
    if let Some(step) = stop_all(input, desired::grace(pod), Why::SandboxChanged) {
        return Err(step);
    }
    if let Some(at) = pending(memory.sandbox.as_ref(), now) {
        return Err(wait(input, Some(at)));
    }
    Err(match observed.sandboxes.last() {
        None => Step::CreateSandbox { attempt: 0 },
        Some(made) if made.state == State::Created => Step::StartSandbox { id: made.id.clone() },
        Some(_) => Step::Remove { ids: useless_sandboxes(observed, None).collect() },
    })
}

enum Intent {
    Keep,
    /// It ended and its policy leaves it so.
    Done,
    Start {
        attempt: u32,
    },
    /// It will be started then.
    Rest(Timestamp),
    Stop {
        id: String,
        why: Why,
    },
}

fn intent(input: &Input<'_>, pod: &Pod, wanted: &WantedContainer) -> Intent {
    let name = wanted.name.as_str();
    let memory = input.memory.containers.get(name);
    let Some(newest) = input.observed.container(name) else {
        return Intent::Start { attempt: memory.and_then(|memory| memory.restarts_before).unwrap_or(0) };
    };
    let changed = newest.spec_hash != desired::spec_hash(wanted);
    match &newest.state {
        State::Created => Intent::Start { attempt: newest.attempt },
        State::Running { .. } => {
            let failed = memory.filter(|memory| memory.probes.id == newest.id).and_then(|memory| memory.probes.failed);
            let id = newest.id.clone();
            match failed {
                _ if changed => Intent::Stop { id, why: Why::Changed { container: name.to_owned() } },
                Some(probe) => Intent::Stop { id, why: Why::Unhealthy { container: name.to_owned(), probe } },
                None => Intent::Keep,
            }
        }
        State::Exited(exit) => {
            if !(changed || restarts(pod, exit)) {
                return Intent::Done;
            }
            let at =
                later(exit.finished, if changed { jiff::SignedDuration::ZERO } else { rested(input, newest, exit) });
            if at > input.now { Intent::Rest(at) } else { Intent::Start { attempt: newest.attempt + 1 } }
        }
    }
}

/// How long this exit must rest.
pub fn rested(input: &Input<'_>, container: &Container, exit: &Exit) -> jiff::SignedDuration {
    let known = input.memory.containers.get(&container.name).and_then(|memory| memory.next_delay);
    rest(container.attempt, ran(exit), known, input.timings)
}

pub fn ran(exit: &Exit) -> jiff::SignedDuration {
    exit.started.map_or(jiff::SignedDuration::ZERO, |started| exit.finished.duration_since(started))
}

/// Whether the pod's restart policy starts it again.
pub fn restarts(pod: &Pod, exit: &Exit) -> bool {
    match desired::spec(pod).restart_policy.as_deref() {
        Some("Never") => false,
        Some("OnFailure") => exit.code != 0 || exit.started.is_none(),
        _ => true,
    }
}

/// From nothing to running: image, container, start.
fn start(input: &Input<'_>, wanted: &WantedContainer, attempt: u32, sandbox: &str) -> Step {
    let name = wanted.name.clone();
    let memory = input.memory.containers.get(&name);
    if let Some(at) = pending(memory.and_then(|memory| memory.trouble.as_ref()), input.now) {
        return Step::Wait { until: Some(at) };
    }
    if let Some(made) = input.observed.container(&name).filter(|newest| newest.state == State::Created) {
        // One made for an earlier sandbox, or an earlier image, can't be used.
        return if made.sandbox == sandbox && made.spec_hash == desired::spec_hash(wanted) {
            Step::StartContainer { container: name, id: made.id.clone() }
        } else {
            Step::Remove { ids: vec![made.id.clone()] }
        };
    }
    match memory.map(|memory| &memory.image) {
        Some(ImageState::Present { attempt: of }) if *of == attempt => {
            Step::CreateContainer { container: name, attempt, sandbox: sandbox.to_owned() }
        }
        Some(ImageState::Failed(retry)) if retry.at > input.now => Step::Wait { until: Some(retry.at) },
        _ => Step::EnsureImage { container: name, attempt },
    }
}

/// The oldest instance beyond the newest and the one before it, which is kept for its logs.
fn surplus(observed: &ObservedPod, name: &str) -> Option<String> {
    let dead = observed.instances(name).skip(2).filter(|container| !container.state.is_running());
    dead.last().map(|container| container.id.clone())
}

#[cfg(test)]
mod tests;
