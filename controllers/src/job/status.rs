//! A job's status as it is written. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::objects::{Condition, Job, JobStatus};

/// A merge patch of the whole status, on condition that nobody changed the job meanwhile: what was counted is counted
/// from exactly this.
pub fn patch(job: &Job, status: &JobStatus) -> Value {
    let unless_zero = |count: i32| if count == 0 { Value::Null } else { json!(count) };
    let time = |time: Option<Timestamp>| time.map_or(Value::Null, |time| json!(format!("{time:.0}")));
    let list = |uids: &[std::sync::Arc<str>]| if uids.is_empty() { Value::Null } else { json!(uids) };
    let conditions: Vec<Value> = status.conditions.iter().map(written).collect();
    let uncounted = &status.uncounted_terminated_pods;
    let indexes = &status.completed_indexes;
    json!({
        "metadata": {
            "uid": &*job.metadata.uid,
            "resourceVersion": job.metadata.resource_version.to_string(),
        },
        "status": {
            "active": unless_zero(status.active),
            "ready": status.ready,
            "terminating": status.terminating,
            "succeeded": unless_zero(status.succeeded),
            "failed": unless_zero(status.failed),
            "startTime": time(status.start_time),
            "completionTime": time(status.completion_time),
            "completedIndexes": if indexes.is_empty() { Value::Null } else { json!(indexes) },
            "failedIndexes": status.failed_indexes,
            "uncountedTerminatedPods": {"succeeded": list(&uncounted.succeeded), "failed": list(&uncounted.failed)},
            "conditions": if conditions.is_empty() { Value::Null } else { json!(conditions) },
        },
    })
}

fn written(condition: &Condition) -> Value {
    let mut written = json!(condition);
    if let Some(since) = condition.last_transition_time {
        written["lastProbeTime"] = json!(format!("{since:.0}"));
    }
    written
}
