//! `batch`: work that ends.

use crate::kinds::Subresource::Status;
use crate::kinds::spec::Spec;

mod columns;
mod cronjob;
mod failure_policy;
mod job;
mod job_update;
mod success_policy;

pub fn specs() -> Vec<Spec> {
    let batch = |spec: Spec| Spec {
        group: "batch",
        package: "batch",
        categories: &["all"],
        subresources: &[Status],
        generations: true,
        ..spec
    };
    vec![
        batch(Spec { columns: columns::JOB, ..Spec::core("Job", "jobs", job::Job) }),
        batch(Spec {
            short_names: &["cj"],
            columns: columns::CRON_JOB,
            ..Spec::core("CronJob", "cronjobs", cronjob::CronJob)
        }),
    ]
}
