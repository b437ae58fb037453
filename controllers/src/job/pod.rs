//! What a job reads from its pods, and what it writes into new ones.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_client::Object;

use crate::{
    objects::{Job, Phase, Pod, condition},
    pods::template::pod_of,
};

/// A pod that holds it has not been counted.
pub const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// Annotation and label.
pub const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often the index has failed before this pod; on a new pod, what its predecessor says and one more.
pub const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// The same for failures that the policy ignores.
pub const IGNORED_FAILURES: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// A generated name is at most 63 characters, five of them random.
const LONGEST_PREFIX: usize = 58;

/// A pod to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// None unless the job is indexed.
    pub index: Option<u32>,
    /// Failures of the index so far, counted and ignored, when indexes fail on their own.
    pub failures: Option<(u32, u32)>,
}

pub fn is_tracked(pod: &Pod) -> bool {
    pod.meta().finalizers.iter().any(|held| held == FINALIZER)
}

pub fn has_succeeded(pod: &Pod) -> bool {
    pod.status.phase == Phase::Succeeded
}

/// A deleted pod counts as failed at once, since it may have no node that ever says so; unless the job waits for the
/// end of its pods.
pub fn has_failed(pod: &Pod, job: &Job) -> bool {
    match pod.status.phase {
        Phase::Failed => true,
        Phase::Succeeded => false,
        _ => pod.meta().is_deleting() && !job.replaces_failed_only(),
    }
}

/// The completion index of an indexed job's pod.
pub fn index_of(pod: &Pod) -> Option<u32> {
    pod.meta().annotations.get(INDEX)?.parse().ok()
}

/// Failures of the index before this pod: counted and ignored.
pub fn failures_before(pod: &Pod) -> (u32, u32) {
    let number = |name| pod.meta().annotations.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    (number(FAILURES), number(IGNORED_FAILURES))
}

/// When it ended, as far as anything says so.
pub fn finished_at(pod: &Pod, now: Timestamp) -> Timestamp {
    let exits = pod.status.ended.iter().filter(|ended| !ended.init).filter_map(|ended| ended.finished_at).max();
    let not_ready = || condition(&pod.status.conditions, "Ready").and_then(|ready| ready.last_transition_time);
    // A deletion is due after the grace period; the failure was not later than now.
    exits.or_else(not_ready).or(pod.meta().deletion_timestamp).unwrap_or(now).min(now)
}

/// The pod that `creation` asks for, complete.
pub fn body(job: &Job, creation: &Creation) -> Value {
    let mut pod = pod_of(job);
    let name = &job.metadata.name;
    let metadata = &mut pod["metadata"];
    match metadata["finalizers"].as_array_mut() {
        Some(finalizers) if finalizers.iter().any(|held| held == FINALIZER) => {}
        Some(finalizers) => finalizers.push(FINALIZER.into()),
        None => metadata["finalizers"] = json!([FINALIZER]),
    }
    let Some(index) = creation.index else {
        metadata["generateName"] = shortened(name, "-").into();
        return pod;
    };
    metadata["generateName"] = shortened(name, &format!("-{index}-")).into();
    metadata["annotations"][INDEX] = index.to_string().into();
    metadata["labels"][INDEX] = index.to_string().into();
    if let Some((failures, ignored)) = creation.failures {
        metadata["annotations"][FAILURES] = failures.to_string().into();
        if ignored > 0 {
            metadata["annotations"][IGNORED_FAILURES] = ignored.to_string().into();
        }
    }
    if pod["spec"]["hostname"].as_str().is_none_or(str::is_empty) {
        pod["spec"]["hostname"] = format!("{name}-{index}").into();
    }
    for list in ["initContainers", "containers"] {
        pod["spec"][list].as_array_mut().into_iter().flatten().for_each(name_index);
    }
    if pod["spec"]["initContainers"].is_null()
        && let Some(spec) = pod["spec"].as_object_mut()
    {
        spec.remove("initContainers");
    }
    pod
}

fn shortened(name: &Arc<str>, end: &str) -> String {
    let room = LONGEST_PREFIX.saturating_sub(end.len());
    let name = name.get(..room.min(name.len())).unwrap_or(name);
    format!("{name}{end}")
}

/// Tells the container its index, unless it has its own idea of it.
fn name_index(container: &mut Value) {
    let variable = json!({"name": INDEX_VARIABLE,
        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": format!("metadata.labels['{INDEX}']")}}});
    match container["env"].as_array_mut() {
        Some(variables) if variables.iter().any(|one| one["name"] == INDEX_VARIABLE) => {}
        Some(variables) => variables.push(variable),
        None => container["env"] = json!([variable]),
    }
}
