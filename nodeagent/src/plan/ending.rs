//! How containers and pods end: hook, signal, kill, each in its time; then what is left of them is cleared away.

use jiff::{SignedDuration, Timestamp};

use super::{Input, Step, Why, Wish, pending, wait};
use crate::{
    desired::roster::{self, Sort},
    memory::{Stage, Stopping, later},
    observed::{Container, ObservedPod},
};

/// Seconds that a container gets after its signal, even when its hook used up all the time.
const LAST_MOMENT: i64 = 2;

/// Those that are being stopped and still run.
fn stopping<'a>(input: &'a Input<'_>) -> impl Iterator<Item = (&'a Container, &'a Stopping)> {
    input.observed.running().filter_map(|container| Some((container, input.memory.stopping.get(&container.id)?)))
}

/// When the grace of one that is being stopped is over. Whoever asks again may have less patience.
fn end_of_grace(input: &Input<'_>, stopping: &Stopping) -> Timestamp {
    let latest = match input.wish {
        Wish::Run => i64::MAX,
        Wish::Halt { grace } | Wish::Remove { grace, .. } => grace,
    };
    later(stopping.since, SignedDuration::from_secs(stopping.grace.min(latest)))
}

/// When something must happen to one that is being stopped, unless something else happens before.
fn deadline(input: &Input<'_>, stopping: &Stopping) -> Option<Timestamp> {
    let over = end_of_grace(input, stopping);
    match stopping.stage {
        Stage::PreStop | Stage::Turn => Some(over),
        Stage::Signalled(at) => Some(over.max(later(at, SignedDuration::from_secs(LAST_MOMENT)))),
        Stage::Killed => None,
    }
}

pub fn appointments(input: &Input<'_>) -> impl Iterator<Item = Timestamp> {
    stopping(input).filter_map(|(_, stopping)| deadline(input, stopping))
}

/// The signal or kill that is due now.
pub fn due(input: &Input<'_>) -> Option<Step> {
    let overdue = |stopping: &Stopping| deadline(input, stopping).is_some_and(|at| at <= input.now);
    let (mut kill, mut signal) = (vec![], vec![]);
    for (container, stopping) in stopping(input) {
        match stopping.stage {
            Stage::Signalled(_) if overdue(stopping) => kill.push(container.id.clone()),
            Stage::PreStop if overdue(stopping) => signal.push(container.id.clone()),
            Stage::Turn if overdue(stopping) || !stopping.ordered || is_its_turn(input, container) => {
                signal.push(container.id.clone());
            }
            _ => {}
        }
    }
    if !kill.is_empty() {
        return Some(Step::Kill { ids: kill });
    }
    (!signal.is_empty()).then_some(Step::Signal { ids: signal })
}

/// Sidecars end after all that may need them: the main containers, then the last sidecar first.
fn is_its_turn(input: &Input<'_>, container: &Container) -> bool {
    let Some(pod) = input.pod else { return true };
    let runs = |name: &str| input.observed.running().any(|container| container.name == name);
    let mut before = roster::init(pod).rev().take_while(|member| member.name != container.name);
    match roster::member(pod, &container.name).map(|member| member.sort) {
        Some(Sort::Sidecar) => {
            !before.any(|member| runs(&member.name)) && !roster::main(pod).any(|member| runs(&member.name))
        }
        _ => true,
    }
}

/// Asks everything that runs to end; `None`: nothing runs any more.
pub fn stop_all(input: &Input<'_>, grace: i64, why: Why) -> Option<Step> {
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

pub fn halt(input: &Input<'_>, grace: i64) -> Step {
    if let Some(step) = stop_all(input, grace, Why::PodEnds) {
        return step;
    }
    let useless: Vec<_> = useless_sandboxes(input.observed, None).collect();
    if useless.is_empty() { wait(input, None) } else { Step::Remove { ids: useless } }
}

pub fn remove(input: &Input<'_>, grace: i64, finalize: bool) -> Step {
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
pub fn useless_sandboxes<'a>(observed: &'a ObservedPod, used: Option<&'a str>) -> impl Iterator<Item = String> + 'a {
    let sandboxes = observed.sandboxes.iter().map(|sandbox| &sandbox.id);
    sandboxes.filter(move |id| Some(id.as_str()) != used).cloned()
}
