//! What to do next for one pod: what it wants compared with what the runtime has, and one step of the difference.
//!
//! Pure. Every step is safe to repeat, and the next look decides anew, so that an agent which just started continues
//! where another left off.

mod ending;
mod intent;
mod progress;
mod resize;
mod restart;
mod run;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
pub use progress::{Progress, progress};
pub use resize::{Resize, resize};
pub use restart::{ran, restarts, succeeded};

use crate::{
    config::Timings,
    desired,
    memory::{Failing, Memory, Retry},
    observed::ObservedPod,
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
    /// Runs its hook; until that is done it does not count as started.
    PostStart {
        container: String,
        id: String,
    },
    /// Gives one that runs the resources that its spec asks for by now.
    Resize {
        container: String,
        id: String,
    },
    /// They are to end: runs the hooks of those that have one.
    Stop {
        ids: Vec<String>,
        grace: i64,
        why: Why,
    },
    /// Asks them to end, at once.
    Signal {
        ids: Vec<String>,
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

impl Step {
    /// As metrics and traces call it.
    pub fn name(&self) -> &'static str {
        match self {
            Step::PrepareVolumes => "prepare_volumes",
            Step::CreateSandbox { .. } => "create_sandbox",
            Step::StartSandbox { .. } => "start_sandbox",
            Step::EnsureImage { .. } => "ensure_image",
            Step::CreateContainer { .. } => "create_container",
            Step::StartContainer { .. } => "start_container",
            Step::PostStart { .. } => "post_start",
            Step::Resize { .. } => "resize",
            Step::Stop { .. } => "stop",
            Step::Signal { .. } => "signal",
            Step::Kill { .. } => "kill",
            Step::Remove { .. } => "remove",
            Step::ReportEnd => "report_end",
            Step::Release => "release",
            Step::Finalize => "finalize",
            Step::Wait { .. } => "wait",
            Step::Done => "done",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    PodEnds,
    SandboxChanged,
    /// The container's definition changed.
    Changed,
    Failing(Failing),
    /// Its resize policy asks for a restart.
    Resized,
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
    if let Some(step) = ending::due(input) {
        return step;
    }
    match (input.wish, input.pod) {
        (Wish::Run, Some(pod)) => run::run(input, pod),
        (Wish::Run, None) => Step::Wait { until: None },
        (Wish::Halt { grace }, _) => ending::halt(input, grace),
        (Wish::Remove { grace, finalize }, _) => ending::remove(input, grace, finalize),
    }
}

fn wait(input: &Input<'_>, others: impl IntoIterator<Item = Timestamp>) -> Step {
    Step::Wait { until: ending::appointments(input).chain(others).min() }
}

fn pending(retry: Option<&Retry>, now: Timestamp) -> Option<Timestamp> {
    retry.map(|retry| retry.at).filter(|at| *at > now)
}

#[cfg(test)]
mod init_tests;
#[cfg(test)]
mod tests;
