//! CronJob, as its controller reads it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use timonier_client::{Meta, Object, Resource, object::null_as_default};

#[derive(Debug, Clone, Default, Deserialize)]
pub struct CronJob {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: CronJobSpec,
    #[serde(default)]
    pub status: CronJobStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobSpec {
    pub schedule: Arc<str>,
    /// A name of the IANA database; None is UTC.
    pub time_zone: Option<Arc<str>>,
    pub starting_deadline_seconds: Option<i64>,
    #[serde(deserialize_with = "null_as_default")]
    pub concurrency_policy: Arc<str>,
    pub suspend: Option<bool>,
    pub job_template: Arc<Value>,
    pub successful_jobs_history_limit: Option<i32>,
    pub failed_jobs_history_limit: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobStatus {
    #[serde(deserialize_with = "null_as_default")]
    pub active: Vec<JobReference>,
    pub last_schedule_time: Option<Timestamp>,
    pub last_successful_time: Option<Timestamp>,
}

/// A job that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobReference {
    pub api_version: Arc<str>,
    pub kind: Arc<str>,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub uid: Arc<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub resource_version: Arc<str>,
}

impl Object for CronJob {
    const KIND: &'static str = "CronJob";
    const RESOURCE: Resource = Resource::of("batch", "v1", "cronjobs");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
