//! What is to become of one container of a pod that is to run.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, Probe};

use super::{Input, Resize, Why, pending, ran, resize, restarts};
use crate::{
    desired::{
        self,
        roster::{Member, Sort},
    },
    memory::{Failing, Instance, PostStart, later, rest},
    observed::{Container, Exit, State},
};

pub enum Intent {
    Keep,
    /// It ended and its policy leaves it so.
    Done,
    Start {
        attempt: u32,
    },
    /// It will be started then.
    Rest(Timestamp),
    /// It runs; its hook is yet to be run.
    PostStart {
        id: String,
    },
    /// Its hook is under way; those after it wait.
    Starting,
    /// It is to run on with other resources.
    Resize {
        id: String,
    },
    Stop {
        id: String,
        grace: i64,
        why: Why,
    },
}

/// `sandbox`: the one that runs. Init containers that ran in an earlier one must run again.
pub fn intent(input: &Input<'_>, pod: &Pod, member: &Member<'_>, sandbox: Option<&str>) -> Intent {
    let name = member.name.as_str();
    let memory = input.memory.containers.get(name);
    let Some(newest) = input.observed.container(name) else {
        return Intent::Start { attempt: memory.and_then(|memory| memory.restarts_before).unwrap_or(0) };
    };
    let changed = newest.spec_hash != desired::spec_hash(member);
    let known = memory.map(|memory| &memory.instance).filter(|known| known.id == newest.id);
    match &newest.state {
        State::Created => Intent::Start { attempt: newest.attempt },
        State::Running { .. } => match running(pod, member, newest, known, changed) {
            Intent::Keep => resized(input, pod, member, newest, known),
            other => other,
        },
        State::Exited(exit) => {
            let elsewhere = sandbox.is_some_and(|sandbox| sandbox != newest.sandbox);
            let again = (elsewhere && matches!(member.sort, Sort::Init | Sort::Sidecar))
                || memory.is_some_and(|memory| memory.again.as_ref() == Some(&newest.id));
            if !(again || restarts(pod, member, exit)) {
                return Intent::Done;
            }
            let rested = if changed || again { SignedDuration::ZERO } else { rested(input, newest, exit) };
            let at = later(exit.finished, rested);
            if at > input.now { Intent::Rest(at) } else { Intent::Start { attempt: newest.attempt + 1 } }
        }
    }
}

fn running(pod: &Pod, member: &Member<'_>, newest: &Container, known: Option<&Instance>, changed: bool) -> Intent {
    let id = newest.id.clone();
    let grace = own_grace(pod);
    let replaceable = matches!(member.sort, Sort::Main | Sort::Sidecar);
    let hooked = member.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.post_start.is_some());
    let hook = known.map(|known| known.post_start).unwrap_or_default();
    match known.and_then(|known| known.failed) {
        _ if changed && replaceable => Intent::Stop { id, grace, why: Why::Changed },
        Some(failing) => {
            Intent::Stop { id, grace: grace_of(member, failing).unwrap_or(grace), why: Why::Failing(failing) }
        }
        None if hooked && hook == PostStart::Due => Intent::PostStart { id },
        None if hooked && hook == PostStart::Running => Intent::Starting,
        None => Intent::Keep,
    }
}

fn resized(input: &Input<'_>, pod: &Pod, member: &Member<'_>, newest: &Container, known: Option<&Instance>) -> Intent {
    let id = newest.id.clone();
    let tried = input.memory.containers.get(&member.name).and_then(|memory| memory.resize.as_ref());
    if input.memory.infeasible.is_some() || !matches!(member.sort, Sort::Main | Sort::Sidecar) {
        return Intent::Keep;
    }
    match resize(member, known.and_then(|known| known.resources.as_ref())) {
        Resize::No => Intent::Keep,
        Resize::Restart => Intent::Stop { id, grace: own_grace(pod), why: Why::Resized },
        Resize::InPlace => pending(tried, input.now).map_or(Intent::Resize { id }, Intent::Rest),
    }
}

fn own_grace(pod: &Pod) -> i64 {
    desired::spec(pod).termination_grace_period_seconds.unwrap_or(30).max(0)
}

/// A probe may give its container another time to end.
fn grace_of(member: &Member<'_>, failing: Failing) -> Option<i64> {
    let of = |probe: &Option<Probe>| probe.as_ref()?.termination_grace_period_seconds;
    match failing {
        Failing::Startup => of(&member.startup_probe),
        Failing::Liveness => of(&member.liveness_probe),
        Failing::PostStart => None,
    }
}

/// How long this exit must rest.
fn rested(input: &Input<'_>, container: &Container, exit: &Exit) -> SignedDuration {
    let known = input.memory.containers.get(&container.name).and_then(|memory| memory.next_delay);
    rest(container.attempt, ran(exit), known, input.timings)
}
