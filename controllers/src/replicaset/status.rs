//! What a ReplicaSet reports. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::plan::Plan;
use crate::{
    objects::{Condition, ConditionStatus, ReplicaSetStatus, Replicated, condition, whole_seconds},
    pods::batches::Failure,
};

pub const REPLICA_FAILURE: &str = "ReplicaFailure";

pub fn status<T: Replicated>(set: &T, plan: &Plan, failure: Option<&Failure>, now: Timestamp) -> ReplicaSetStatus {
    let template_labels = set.template().pointer("/metadata/labels").and_then(Value::as_object);
    let fully_labeled = |labels: &std::collections::BTreeMap<String, String>| {
        template_labels.is_none_or(|wanted| {
            wanted.iter().all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
        })
    };
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let active = plan.active.iter();
    ReplicaSetStatus {
        replicas: number(plan.active.len()),
        fully_labeled_replicas: number(active.clone().filter(|pod| fully_labeled(&pod.metadata.labels)).count()),
        ready_replicas: number(active.clone().filter(|pod| pod.is_ready()).count()),
        available_replicas: number(
            active
                .filter(|pod| pod.available_in(set.spec().min_ready_seconds, now).is_some_and(|wait| wait.is_zero()))
                .count(),
        ),
        terminating_replicas: T::COUNTS_TERMINATING.then(|| number(plan.terminating)),
        observed_generation: set.meta().generation,
        conditions: conditions(set, failure, now),
    }
}

fn conditions<T: Replicated>(set: &T, failure: Option<&Failure>, now: Timestamp) -> Vec<Condition> {
    let old = &set.status().conditions;
    let mut conditions: Vec<_> = old.iter().filter(|old| &*old.kind != REPLICA_FAILURE).cloned().collect();
    if let Some(failure) = failure {
        // The first failure stands until none is left.
        let standing = condition(old, REPLICA_FAILURE).cloned();
        conditions.push(standing.unwrap_or_else(|| Condition {
            kind: REPLICA_FAILURE.into(),
            status: ConditionStatus::True,
            last_transition_time: Some(whole_seconds(now)),
            reason: failure.reason.into(),
            message: failure.message.as_str().into(),
            ..Default::default()
        }));
    }
    conditions
}

/// As a merge patch of the whole status: zeros are absent, as Kubernetes writes them.
pub fn patch<T: Replicated>(status: &ReplicaSetStatus) -> Value {
    let unless_zero = |count: i32| if count == 0 { Value::Null } else { json!(count) };
    let mut patch = json!({"status": {
        "replicas": status.replicas,
        "fullyLabeledReplicas": unless_zero(status.fully_labeled_replicas),
        "readyReplicas": unless_zero(status.ready_replicas),
        "availableReplicas": unless_zero(status.available_replicas),
        "observedGeneration": status.observed_generation,
        "conditions": if status.conditions.is_empty() { Value::Null } else { json!(status.conditions) },
    }});
    if T::COUNTS_TERMINATING {
        patch["status"]["terminatingReplicas"] = json!(status.terminating_replicas);
    }
    patch
}
