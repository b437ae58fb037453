//! What a StatefulSet reports. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::identity::revision_of;
use crate::{
    history::History,
    objects::{Pod, StatefulSet, StatefulSetStatus},
};

/// The revision that the set's pods were last all made of: until a roll is complete, the one before.
pub fn current<'a>(set: &StatefulSet, history: &'a History) -> &'a Arc<crate::objects::ControllerRevision> {
    let named = history.revisions.iter().find(|revision| revision.metadata.name == set.status.current_revision);
    named.unwrap_or(&history.update)
}

pub fn status(set: &StatefulSet, pods: &[Arc<Pod>], history: &History, now: Timestamp) -> StatefulSetStatus {
    let (current, update) = (&current(set, history).metadata.name, &history.update.metadata.name);
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let ready = |pod: &&Arc<Pod>| pod.is_running() && pod.is_ready();
    let available = |pod: &&Arc<Pod>| {
        ready(pod) && pod.available_in(set.spec.min_ready_seconds, now).is_some_and(|wait| wait.is_zero())
    };
    let of = |revision: &str| {
        number(pods.iter().filter(|pod| !pod.metadata.is_deleting() && revision_of(pod) == revision).count())
    };
    let mut status = StatefulSetStatus {
        observed_generation: set.metadata.generation,
        replicas: number(pods.len()),
        ready_replicas: number(pods.iter().filter(ready).count()),
        available_replicas: number(pods.iter().filter(available).count()),
        current_replicas: of(current),
        updated_replicas: of(update),
        current_revision: current.clone(),
        update_revision: update.clone(),
        collision_count: Some(history.collisions),
    };
    let wanted = set.spec.replicas;
    let all = [status.updated_replicas, status.ready_replicas, status.replicas];
    if set.rolls() && all.iter().all(|count| *count == wanted) {
        status.current_replicas = status.updated_replicas;
        status.current_revision = status.update_revision.clone();
    }
    status
}

/// As a merge patch of the whole status: zeros are absent, as Kubernetes writes them.
pub fn patch(status: &StatefulSetStatus) -> Value {
    let unless_zero = |count: i32| if count == 0 { Value::Null } else { json!(count) };
    json!({"status": {
        "observedGeneration": status.observed_generation,
        "replicas": status.replicas,
        "readyReplicas": unless_zero(status.ready_replicas),
        "availableReplicas": status.available_replicas,
        "currentReplicas": unless_zero(status.current_replicas),
        "updatedReplicas": unless_zero(status.updated_replicas),
        "currentRevision": &*status.current_revision,
        "updateRevision": &*status.update_revision,
        "collisionCount": status.collision_count,
    }})
}
