//! CronJobs: jobs that are made at set times.
//!
//! [`plan`] decides; this file acts. A job's name follows from the time that it is made for, so that no time has two.

mod plan;
mod start;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use kube::api::{DeleteParams, Patch};
use serde_json::{Value, json};
use timonier_api::schedule::time_zone;
use timonier_client::{
    Informer, Next, Object, ObjectKey, Reconcile, Writer,
    events::{EventType, Recorder, Regarding},
    watch::brief,
};

use crate::{
    objects::{CronJob, CronJobStatus, Job},
    owners,
    refusal::{is_gone, namespace_ends},
};
use plan::{Observed, Plan, SCHEDULED, job_name, plan, reference};
pub use start::start;

pub struct CronJobs {
    pub cron_jobs: Informer<CronJob>,
    pub jobs: Informer<Job>,
    pub events: Recorder,
}

impl Reconcile for CronJobs {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(cron_job) = self.cron_jobs.get(key) else { return Ok(Next::Settled) };
        let jobs = self.jobs.controlled_by(&cron_job.metadata.uid);
        let plan = plan(&Observed { cron_job: &cron_job, jobs: &jobs, now: Timestamp::now() });
        for said in &plan.events {
            let kind = if said.warning { EventType::Warning } else { EventType::Normal };
            self.events.event(Regarding::object(&*cron_job), kind, said.reason, &*said.message);
        }
        self.delete(&cron_job, &plan.forget, writer).await?;
        self.delete(&cron_job, &plan.replace, writer).await?;
        let mut status = plan.status.clone();
        let started = self.start(&cron_job, &plan, &mut status, writer).await;
        if status != cron_job.status {
            match writer.patch_status::<CronJob>(key, &Patch::Merge(patch(&cron_job, &status))).await {
                Err(error) if !is_gone(&error) => return Err(error),
                _ => {}
            }
        }
        started?;
        // A moment later, so that the time has come by the clock too.
        Ok(plan.again_in.map_or(Next::Settled, |wait| Next::After(wait.unsigned_abs() + Duration::from_millis(20))))
    }
}

impl CronJobs {
    async fn delete(&self, cron_job: &CronJob, jobs: &[Arc<Job>], writer: &Writer) -> Result<(), kube::Error> {
        for job in jobs {
            let meta = job.meta();
            let deleted = writer.delete(&Job::RESOURCE, &meta.key(), &meta.uid, DeleteParams::background()).await;
            match deleted {
                Ok(()) => {
                    let message = format!("Deleted job {}", meta.name);
                    self.events.normal(Regarding::object(cron_job), "SuccessfulDelete", message);
                }
                Err(error) => {
                    let message = format!("Deleted job: {}", brief(&error));
                    self.events.warning(Regarding::object(cron_job), "FailedDelete", message);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Makes the job that is due, and notes it.
    async fn start(
        &self,
        cron_job: &CronJob,
        plan: &Plan,
        status: &mut CronJobStatus,
        writer: &Writer,
    ) -> Result<(), kube::Error> {
        let Some(due) = plan.start else { return Ok(()) };
        let created = writer.create::<Job>(cron_job.metadata.namespace.as_deref(), &job_of(cron_job, due)).await;
        match created {
            Ok(job) => {
                let message = format!("Created job {}", job.name);
                self.events.normal(Regarding::object(cron_job), "SuccessfulCreate", message);
                status.active.push(reference(&job));
            }
            Err(error) if namespace_ends(&error) => return Ok(()),
            Err(error) if already_there(&error) => {
                let key =
                    ObjectKey { namespace: cron_job.metadata.namespace.clone(), name: job_name(cron_job, due).into() };
                let found = writer.read::<Job>(&key).await?;
                let ours = found
                    .is_some_and(|job| job.meta().controller().is_some_and(|owner| owner.uid == cron_job.metadata.uid));
                if !ours {
                    return Err(error);
                }
            }
            Err(error) => {
                let message = format!("Error creating job: {}", brief(&error));
                self.events.warning(Regarding::object(cron_job), "FailedCreate", message);
                return Err(error);
            }
        }
        status.last_schedule_time = Some(due);
        Ok(())
    }
}

fn already_there(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
}

/// The job for this time.
fn job_of(cron_job: &CronJob, due: Timestamp) -> Value {
    let template = &cron_job.spec.job_template;
    let zone = cron_job.spec.time_zone.as_deref().and_then(time_zone);
    let local = due.to_zoned(zone.clone().unwrap_or(TimeZone::UTC));
    let scheduled = match zone {
        Some(_) => local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        None => format!("{due:.0}"),
    };
    let mut metadata = json!({
        "name": job_name(cron_job, due),
        "ownerReferences": [owners::reference::<CronJob>(&cron_job.metadata)],
    });
    for field in ["labels", "annotations"] {
        if let Some(given) = template.pointer(&format!("/metadata/{field}")).filter(|given| given.is_object()) {
            metadata[field] = given.clone();
        }
    }
    metadata["annotations"][SCHEDULED] = scheduled.into();
    let spec = template.get("spec").cloned().unwrap_or_default();
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
}

/// A merge patch of the whole status, on condition that nobody changed the cron job meanwhile.
fn patch(cron_job: &CronJob, status: &CronJobStatus) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| format!("{time:.0}"));
    json!({
        "metadata": {
            "uid": &*cron_job.metadata.uid,
            "resourceVersion": cron_job.metadata.resource_version.to_string(),
        },
        "status": {
            "active": if status.active.is_empty() { Value::Null } else { json!(status.active) },
            "lastScheduleTime": time(status.last_schedule_time),
            "lastSuccessfulTime": time(status.last_successful_time),
        },
    })
}
