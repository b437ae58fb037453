//! Job, as its own controller, that of cron jobs and the one for old jobs read it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

use super::{
    condition::{Condition, ConditionStatus, condition},
    pod_owner::PodOwner,
    selector::Selector,
};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Job {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: JobSpec,
    #[serde(default)]
    pub status: JobStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobSpec {
    pub parallelism: Option<i32>,
    /// None: the first success is the job's.
    pub completions: Option<i32>,
    #[serde(deserialize_with = "null_as_default")]
    pub completion_mode: Arc<str>,
    pub backoff_limit: Option<i32>,
    pub backoff_limit_per_index: Option<i32>,
    pub max_failed_indexes: Option<i32>,
    pub active_deadline_seconds: Option<i64>,
    pub ttl_seconds_after_finished: Option<i64>,
    pub suspend: Option<bool>,
    pub selector: Selector,
    pub template: Arc<Value>,
    pub pod_failure_policy: Option<FailurePolicy>,
    pub success_policy: Option<SuccessPolicy>,
    #[serde(deserialize_with = "null_as_default")]
    pub pod_replacement_policy: Arc<str>,
    #[serde(deserialize_with = "null_as_default")]
    pub managed_by: Arc<str>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct FailurePolicy {
    #[serde(deserialize_with = "null_as_default")]
    pub rules: Vec<FailureRule>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FailureRule {
    pub action: Arc<str>,
    pub on_exit_codes: Option<ExitCodes>,
    #[serde(deserialize_with = "null_as_default")]
    pub on_pod_conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExitCodes {
    pub container_name: Option<Arc<str>>,
    /// `In` or `NotIn`.
    pub operator: Arc<str>,
    #[serde(deserialize_with = "null_as_default")]
    pub values: Vec<i32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SuccessPolicy {
    #[serde(deserialize_with = "null_as_default")]
    pub rules: Vec<SuccessRule>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SuccessRule {
    pub succeeded_indexes: Option<Arc<str>>,
    pub succeeded_count: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    pub active: i32,
    pub ready: Option<i32>,
    pub terminating: Option<i32>,
    pub succeeded: i32,
    pub failed: i32,
    pub start_time: Option<Timestamp>,
    pub completion_time: Option<Timestamp>,
    #[serde(deserialize_with = "null_as_default")]
    pub completed_indexes: Arc<str>,
    /// None unless indexes fail on their own.
    pub failed_indexes: Option<Arc<str>>,
    #[serde(deserialize_with = "null_as_default")]
    pub uncounted_terminated_pods: Uncounted,
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<Condition>,
}

/// Uids of pods that have ended and still hold the job's finalizer: they are counted when they have let go of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Uncounted {
    #[serde(deserialize_with = "null_as_default")]
    pub succeeded: Vec<Arc<str>>,
    #[serde(deserialize_with = "null_as_default")]
    pub failed: Vec<Arc<str>>,
}

impl Uncounted {
    pub fn is_empty(&self) -> bool {
        self.succeeded.is_empty() && self.failed.is_empty()
    }
}

impl PodOwner for Job {
    fn selector(&self) -> &Selector {
        &self.spec.selector
    }

    fn template(&self) -> &Value {
        &self.spec.template
    }
}

impl Object for Job {
    const KIND: &'static str = "Job";
    const RESOURCE: Resource = Resource::of("batch", "v1", "jobs");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Job {
    pub fn is_indexed(&self) -> bool {
        &*self.spec.completion_mode == "Indexed"
    }

    /// A deleted pod is replaced when it has ended, not before.
    pub fn replaces_failed_only(&self) -> bool {
        &*self.spec.pod_replacement_policy == "Failed"
    }

    pub fn is_suspended(&self) -> bool {
        self.spec.suspend == Some(true)
    }

    /// Whether the condition holds.
    pub fn is(&self, kind: &str) -> bool {
        condition(&self.status.conditions, kind).is_some_and(|found| found.status == ConditionStatus::True)
    }

    /// The condition by which it ended: `Complete` or `Failed`.
    pub fn end(&self) -> Option<&Condition> {
        let ends = self.status.conditions.iter().filter(|one| one.status == ConditionStatus::True);
        ends.into_iter().find(|one| matches!(&*one.kind, "Complete" | "Failed"))
    }
}
