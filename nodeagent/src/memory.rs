//! What the agent knows of a pod and the runtime can't tell: what failed and when to try again, who is being stopped,
//! what the probes say. Lost with the agent, at the price of a retry.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, ResourceRequirements};

use crate::{config::Timings, observed};

#[derive(Debug, Default)]
pub struct Memory {
    pub volumes_ready: bool,
    pub volumes: Option<Retry>,
    /// Directories of the volumes that are not the pod's own.
    pub volume_roots: BTreeMap<String, PathBuf>,
    pub sandbox: Option<Retry>,
    pub containers: BTreeMap<String, ContainerMemory>,
    /// What those that ended left behind to be said, by the runtime's id.
    pub messages: BTreeMap<String, String>,
    /// Why the node can never give the pod the resources that it asks for by now.
    pub infeasible: Option<String>,
    /// By the runtime's id.
    pub stopping: BTreeMap<String, Stopping>,
    /// The pod failed as a whole, e.g. its deadline passed.
    pub failed: Option<Failure>,
    /// Seconds that its containers get to end then, if not the pod's own grace.
    pub failed_grace: Option<i64>,
    /// It was taken away by its node, for this reason.
    pub disrupted: Option<String>,
    /// The end was reported: nothing that follows may change the pod's status.
    pub end_reported: bool,
    pub released: bool,
    /// The API server was told that nothing is left of it.
    pub finalized: bool,
    /// Something that is retried as a whole: removal, release, the final delete.
    pub ending: Option<Retry>,
}

#[derive(Debug, Default)]
pub struct ContainerMemory {
    pub image: ImageState,
    /// Why it could not be made or started.
    pub trouble: Option<Retry>,
    /// How long the next exit must rest before its restart.
    pub next_delay: Option<SignedDuration>,
    /// The attempt whose back-off was announced.
    pub announced: Option<u32>,
    pub instance: Instance,
    /// Why it could not be given other resources.
    pub resize: Option<Retry>,
    /// The runtime's id of an instance that was ended only to be started again.
    pub again: Option<String>,
    /// Restarts that the API server knows of and the runtime has forgotten.
    pub restarts_before: Option<u32>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub enum ImageState {
    #[default]
    Unknown,
    /// It was looked up (and pulled, if the policy says so) for this attempt.
    Present {
        attempt: u32,
    },
    Failed(Retry),
}

/// What probes and hooks found of one instance.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Instance {
    /// The runtime's id of the instance that this is about.
    pub id: String,
    pub started: bool,
    pub ready: bool,
    pub post_start: PostStart,
    /// Set when it must be stopped for what it does, or does not.
    pub failed: Option<Failing>,
    /// What it was given; `None`: nobody knows.
    pub resources: Option<ResourceRequirements>,
}

/// How far an instance's hook has come, if it has one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum PostStart {
    #[default]
    Due,
    Running,
    Done,
}

/// What failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    Startup,
    Liveness,
    PostStart,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    pub at: Timestamp,
    pub delay: SignedDuration,
    /// A container's waiting reason.
    pub reason: String,
    pub message: String,
}

/// A container that is to end.
#[derive(Debug, Clone, PartialEq)]
pub struct Stopping {
    pub since: Timestamp,
    /// Seconds from `since` until it is killed, its hook included.
    pub grace: i64,
    /// It ends with its pod: sidecars wait for their turn.
    pub ordered: bool,
    pub stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    PreStop,
    /// Its hook is done; it may be that others must end first.
    Turn,
    Signalled(Timestamp),
    Killed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub reason: String,
    pub message: String,
}

impl Retry {
    /// Tries again after `first`, then twice as long each time, up to `last`.
    pub fn after(
        previous: Option<&Retry>,
        now: Timestamp,
        (first, last): (SignedDuration, SignedDuration),
        reason: &str,
        message: impl Into<String>,
    ) -> Retry {
        let delay = previous.map_or(first, |previous| (previous.delay * 2).min(last));
        Retry { at: later(now, delay), delay, reason: reason.to_owned(), message: message.into() }
    }
}

impl Memory {
    /// Whether an instance that runs counts as started: its hook is done, and its startup probe succeeded.
    pub fn has_started(&self, wanted: &Container, instance: &observed::Container) -> bool {
        let known = self.containers.get(&wanted.name).map(|memory| &memory.instance);
        let known = known.filter(|known| known.id == instance.id);
        let hooked = wanted.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.post_start.is_some());
        let hook_done = !hooked || known.is_some_and(|known| known.post_start == PostStart::Done);
        hook_done && (wanted.startup_probe.is_none() || known.is_some_and(|known| known.started))
    }

    pub fn container(&mut self, name: &str) -> &mut ContainerMemory {
        self.containers.entry(name.to_owned()).or_default()
    }
}

/// How long a container that exited must rest: nothing the first time or after a long run, then ever longer.
///
/// `known` is what its last restart left behind; without it (the agent was restarted) the attempt's number tells.
pub fn rest(attempt: u32, ran: SignedDuration, known: Option<SignedDuration>, timings: &Timings) -> SignedDuration {
    let base = signed(timings.backoff_base);
    let longest = signed(timings.backoff_max);
    if ran >= signed(timings.backoff_reset) {
        return SignedDuration::ZERO;
    }
    match (known, attempt) {
        (Some(known), _) => known,
        (None, 0) => SignedDuration::ZERO,
        (None, attempt) => (0..attempt.saturating_sub(1).min(30)).fold(base, |delay, _| (delay * 2).min(longest)),
    }
}

/// What the next exit must rest after this restart.
pub fn next_rest(rested: SignedDuration, timings: &Timings) -> SignedDuration {
    if rested.is_zero() { signed(timings.backoff_base) } else { (rested * 2).min(signed(timings.backoff_max)) }
}

pub fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

pub fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// As Go prints durations: `10s`, `1m20s`, `5m0s`, `500ms`.
pub fn go_duration(duration: SignedDuration) -> String {
    let millis = duration.as_millis();
    let seconds = duration.as_secs();
    if seconds == 0 {
        return if millis == 0 { "0s".to_owned() } else { format!("{millis}ms") };
    }
    let fraction = millis % 1000;
    let last = if fraction == 0 {
        format!("{}s", seconds % 60)
    } else {
        format!("{}.{}s", seconds % 60, format!("{fraction:03}").trim_end_matches('0'))
    };
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => last,
        (0, minutes) => format!("{minutes}m{last}"),
        (hours, minutes) => format!("{hours}h{minutes}m{last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[test]
    fn crashes_rest_ever_longer_up_to_five_minutes() {
        let timings = Timings::default();
        let mut known = None;
        let mut rests = Vec::new();
        for attempt in 0..8 {
            let rested = rest(attempt, seconds(1), known, &timings);
            known = Some(next_rest(rested, &timings));
            rests.push(rested.as_secs());
        }
        assert_eq!(rests, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn an_agent_that_forgot_rests_as_long_as_one_that_did_not() {
        let timings = Timings::default();
        let rests: Vec<_> = (0..8).map(|attempt| rest(attempt, seconds(1), None, &timings).as_secs()).collect();
        assert_eq!(rests, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn a_long_run_forgives() {
        let rested = rest(7, seconds(600), Some(seconds(300)), &Timings::default());
        assert_eq!(rested, SignedDuration::ZERO);
        assert_eq!(next_rest(rested, &Timings::default()), seconds(10));
    }

    #[test]
    fn durations_read_as_gos() {
        for (millis, expected) in
            [(0, "0s"), (250, "250ms"), (10_000, "10s"), (1_250, "1.25s"), (80_000, "1m20s"), (300_000, "5m0s")]
        {
            assert_eq!(go_duration(SignedDuration::from_millis(millis)), expected);
        }
    }
}
