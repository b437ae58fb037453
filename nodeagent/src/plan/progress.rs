//! How far a pod's containers have come.

use k8s_openapi::api::core::v1::Pod;

use super::restart::{restarts, succeeded};
use crate::{
    desired::roster::{self, Member, Sort},
    memory::Memory,
    observed::{Container, ObservedPod, State},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The init container with this index is due; those before it are done, or run beside.
    Initializing(usize),
    Initialized,
    /// Nothing is started any more: an init container failed for good, or all main containers ended for good.
    Over,
}

pub fn progress(pod: &Pod, observed: &ObservedPod, memory: &Memory) -> Progress {
    if main_is_over(pod, observed) || init_failed(pod, observed) {
        return Progress::Over;
    }
    let members: Vec<_> = roster::init(pod).collect();
    if members.is_empty() {
        return Progress::Initialized;
    }
    // A new sandbox is initialized anew.
    let Some(sandbox) = observed.sandbox() else { return Progress::Initializing(0) };
    let here = |name: &str| observed.container(name).filter(|newest| newest.sandbox == sandbox.id);
    if roster::main(pod).any(|member| here(&member.name).is_some()) {
        return Progress::Initialized;
    }
    let newest =
        members.iter().enumerate().rev().find_map(|(index, member)| Some((index, member, here(&member.name)?)));
    let due = match newest {
        None => 0,
        Some((index, member, container)) => index + usize::from(lets_the_next_start(member, container, memory)),
    };
    if due < members.len() { Progress::Initializing(due) } else { Progress::Initialized }
}

fn main_is_over(pod: &Pod, observed: &ObservedPod) -> bool {
    let mut main = roster::main(pod).peekable();
    main.peek().is_some() && main.all(|member| is_over(pod, &member, observed))
}

fn init_failed(pod: &Pod, observed: &ObservedPod) -> bool {
    let mut init = roster::init(pod).filter(|member| member.sort == Sort::Init);
    init.any(|member| {
        let exit = observed.container(&member.name).and_then(|newest| newest.state.exit());
        exit.is_some_and(|exit| !succeeded(exit)) && is_over(pod, &member, observed)
    })
}

/// It ended, and nothing starts it again.
fn is_over(pod: &Pod, member: &Member<'_>, observed: &ObservedPod) -> bool {
    let Some(newest) = observed.container(&member.name) else { return false };
    let Some(exit) = newest.state.exit() else { return false };
    !restarts(pod, member, exit)
}

fn lets_the_next_start(member: &Member<'_>, container: &Container, memory: &Memory) -> bool {
    match (&container.state, member.sort) {
        (State::Running { .. }, Sort::Sidecar) => memory.has_started(member, container),
        (State::Exited(exit), Sort::Init) => succeeded(exit),
        _ => false,
    }
}
