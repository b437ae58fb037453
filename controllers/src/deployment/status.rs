//! What a Deployment reports, condition by condition, worded as Kubernetes' users know it. Pure.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{bounds::bounds, sets::Set};
use crate::{
    objects::{Condition, ConditionStatus, Deployment, DeploymentStatus, condition, whole_seconds},
    replicaset::REPLICA_FAILURE,
};

const AVAILABLE: &str = "Available";
const PROGRESSING: &str = "Progressing";
/// Reasons of `Progressing`.
const COMPLETE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";
pub const REPLICA_SET_CREATE_ERROR: &str = "ReplicaSetCreateError";

/// What the plan did that conditions tell of.
#[derive(Default)]
pub struct News {
    /// Name of the set to be created.
    pub created: Option<String>,
    /// The new set was there already.
    pub found: bool,
    /// Neither paused nor only resized.
    pub rolling_out: bool,
}

fn has_deadline(deployment: &Deployment) -> bool {
    !matches!(deployment.spec.progress_deadline_seconds, None | Some(i32::MAX))
}

pub fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let wanted = deployment.spec.replicas;
    status.updated_replicas == wanted
        && status.replicas == wanted
        && status.available_replicas == wanted
        && status.observed_generation >= deployment.metadata.generation
}

/// Closer to the goal than what was reported last.
fn has_progressed(deployment: &Deployment, next: &DeploymentStatus) -> bool {
    let last = &deployment.status;
    next.updated_replicas > last.updated_replicas
        || next.replicas - next.updated_replicas < last.replicas - last.updated_replicas
        || next.ready_replicas > last.ready_replicas
        || next.available_replicas > last.available_replicas
}

pub fn status(
    deployment: &Deployment,
    new: Option<&Set>,
    old: &[Set],
    news: &News,
    now: Timestamp,
) -> DeploymentStatus {
    let mut status = counts(deployment, new, old);
    available(deployment, &mut status, now);
    if deployment.metadata.is_deleting() {
        return status;
    }
    pausing(deployment, &mut status, now);
    if has_deadline(deployment) {
        first_words(&mut status, new, news, now);
    }
    if news.rolling_out {
        if has_deadline(deployment) {
            progress(deployment, new, news, &mut status, now);
        } else {
            status.conditions.retain(|condition| &*condition.kind != PROGRESSING);
        }
        replica_failure(new, old, &mut status, now);
    }
    status
}

fn counts(deployment: &Deployment, new: Option<&Set>, old: &[Set]) -> DeploymentStatus {
    let all = || old.iter().chain(new);
    let sum = |count: fn(&Set) -> i32| all().map(count).sum::<i32>();
    let wanted = sum(|set| set.replicas);
    let available = sum(Set::available);
    DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: sum(|set| set.object.status.replicas),
        updated_replicas: new.map_or(0, |new| new.object.status.replicas),
        ready_replicas: sum(|set| set.object.status.ready_replicas),
        available_replicas: available,
        unavailable_replicas: (wanted - available).max(0),
        // Unknown as long as one of the sets has not said.
        terminating_replicas: all().map(|set| set.object.status.terminating_replicas).sum::<Option<i32>>(),
        collision_count: deployment.status.collision_count,
        conditions: deployment.status.conditions.clone(),
    }
}

fn available(deployment: &Deployment, status: &mut DeploymentStatus, now: Timestamp) {
    let least = deployment.spec.replicas - bounds(deployment).unavailable;
    let next = if status.available_replicas >= least {
        said(AVAILABLE, ConditionStatus::True, "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        said(
            AVAILABLE,
            ConditionStatus::False,
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    };
    set(status, next, now);
}

fn reason<'a>(status: &'a DeploymentStatus, kind: &str) -> Option<&'a str> {
    condition(&status.conditions, kind).map(|found| &*found.reason)
}

/// The clock of the progress deadline stops while paused and starts anew after.
fn pausing(deployment: &Deployment, status: &mut DeploymentStatus, now: Timestamp) {
    let reason = reason(status, PROGRESSING);
    if !has_deadline(deployment) || reason == Some(TIMED_OUT) {
        return;
    }
    let was_paused = reason == Some(PAUSED);
    let next = match (deployment.spec.paused, was_paused) {
        (true, false) => said(PROGRESSING, ConditionStatus::Unknown, PAUSED, "Deployment is paused"),
        (false, true) => said(PROGRESSING, ConditionStatus::Unknown, "DeploymentResumed", "Deployment is resumed"),
        _ => return,
    };
    set(status, next, now);
}

/// What is said before any progress can be seen.
fn first_words(status: &mut DeploymentStatus, new: Option<&Set>, news: &News, now: Timestamp) {
    if let Some(name) = &news.created {
        let message = format!("Created new replica set \"{name}\"");
        set(status, said(PROGRESSING, ConditionStatus::True, "NewReplicaSetCreated", &message), now);
    } else if let (true, Some(new), None) = (news.found, new, condition(&status.conditions, PROGRESSING)) {
        let message = format!("Found new replica set \"{}\"", new.object.metadata.name);
        set(status, said(PROGRESSING, ConditionStatus::True, "FoundNewReplicaSet", &message), now);
    }
}

fn progress(deployment: &Deployment, new: Option<&Set>, news: &News, status: &mut DeploymentStatus, now: Timestamp) {
    let done =
        status.replicas == status.updated_replicas && self::reason(&deployment.status, PROGRESSING) == Some(COMPLETE);
    // A set that was created just now starts the clock; nothing else is known yet.
    if done || news.created.is_some() {
        return;
    }
    let who = match new {
        Some(new) => format!("ReplicaSet \"{}\"", new.object.metadata.name),
        None => format!("Deployment \"{}\"", deployment.metadata.name),
    };
    if is_complete(deployment, status) {
        let message = format!("{who} has successfully progressed.");
        set(status, said(PROGRESSING, ConditionStatus::True, COMPLETE, &message), now);
    } else if has_progressed(deployment, status) {
        let message = format!("{who} is progressing.");
        let next = said(PROGRESSING, ConditionStatus::True, "ReplicaSetUpdated", &message);
        renew(status, next, now);
    } else if is_late(deployment, status, now) {
        let message = format!("{who} has timed out progressing.");
        set(status, said(PROGRESSING, ConditionStatus::False, TIMED_OUT, &message), now);
    }
}

/// When the deadline of the last progress ends.
fn deadline(deployment: &Deployment, status: &DeploymentStatus) -> Option<Timestamp> {
    let progressing = condition(&status.conditions, PROGRESSING)?;
    let from = progressing.last_update_time.or(progressing.last_transition_time)?;
    Some(from + SignedDuration::from_secs(deployment.spec.progress_deadline_seconds?.into()))
}

fn is_late(deployment: &Deployment, status: &DeploymentStatus, now: Timestamp) -> bool {
    match reason(status, PROGRESSING) {
        None | Some(COMPLETE) => false,
        Some(TIMED_OUT) => true,
        Some(_) => deadline(deployment, status).is_some_and(|deadline| deadline < now),
    }
}

/// When to look at the deadline: a second after it ends.
pub fn judge_again(deployment: &Deployment, status: &DeploymentStatus, now: Timestamp) -> Option<SignedDuration> {
    if !has_deadline(deployment) || is_complete(deployment, status) {
        return None;
    }
    if matches!(reason(status, PROGRESSING), None | Some(COMPLETE) | Some(TIMED_OUT)) {
        return None;
    }
    let left = deadline(deployment, status)?.duration_since(now);
    Some(left.max(SignedDuration::ZERO) + SignedDuration::from_secs(1))
}

/// The failure of a set is the Deployment's, the new set's first.
fn replica_failure(new: Option<&Set>, old: &[Set], status: &mut DeploymentStatus, now: Timestamp) {
    let failure =
        new.into_iter().chain(old).find_map(|set| condition(&set.object.status.conditions, REPLICA_FAILURE)).cloned();
    match failure {
        Some(failure) => set(status, failure, now),
        None => status.conditions.retain(|condition| &*condition.kind != REPLICA_FAILURE),
    }
}

/// A set could not be created: the status that says so, if it is not said already.
pub fn create_failed(deployment: &Deployment, message: &str, now: Timestamp) -> Option<DeploymentStatus> {
    if !has_deadline(deployment) {
        return None;
    }
    let mut status = deployment.status.clone();
    set(&mut status, said(PROGRESSING, ConditionStatus::False, REPLICA_SET_CREATE_ERROR, message), now);
    (status != deployment.status).then_some(status)
}

/// The patch that counts one more collision of names.
pub fn collision(deployment: &Deployment) -> Value {
    json!({"status": {"collisionCount": deployment.status.collision_count.unwrap_or(0) + 1}})
}

fn said(kind: &str, status: ConditionStatus, reason: &str, message: &str) -> Condition {
    Condition { kind: kind.into(), status, reason: reason.into(), message: message.into(), ..Default::default() }
}

/// Sets a condition; equal status and reason leave it as it is, equal status keeps the transition time.
fn set(status: &mut DeploymentStatus, next: Condition, now: Timestamp) {
    let current = condition(&status.conditions, &next.kind);
    if current.is_some_and(|current| current.status == next.status && current.reason == next.reason) {
        return;
    }
    renew(status, next, now);
}

/// Sets a condition even if it says the same, so that its update time moves.
fn renew(status: &mut DeploymentStatus, next: Condition, now: Timestamp) {
    let current = condition(&status.conditions, &next.kind);
    let transition = current
        .filter(|current| current.status == next.status)
        .and_then(|current| current.last_transition_time)
        .unwrap_or(now);
    let now = whole_seconds(now);
    let next = Condition { last_update_time: Some(now), last_transition_time: Some(whole_seconds(transition)), ..next };
    status.conditions.retain(|condition| condition.kind != next.kind);
    status.conditions.push(next);
}

/// As a merge patch of the whole status: zeros are absent, as Kubernetes writes them.
pub fn patch(status: &DeploymentStatus) -> Value {
    let unless_zero = |count: i32| if count == 0 { Value::Null } else { json!(count) };
    json!({"status": {
        "observedGeneration": status.observed_generation,
        "replicas": unless_zero(status.replicas),
        "updatedReplicas": unless_zero(status.updated_replicas),
        "readyReplicas": unless_zero(status.ready_replicas),
        "availableReplicas": unless_zero(status.available_replicas),
        "unavailableReplicas": unless_zero(status.unavailable_replicas),
        "terminatingReplicas": status.terminating_replicas,
        "collisionCount": status.collision_count,
        "conditions": status.conditions,
    }})
}
