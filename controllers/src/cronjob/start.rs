//! What wakes a cron job: itself, its jobs, and the clock.

use std::sync::Arc;

use timonier_client::{Object, ObjectKey, Runner};
use tokio_util::sync::CancellationToken;

use super::CronJobs;
use crate::{
    ground::{Ground, PAUSE},
    objects::CronJob,
};

pub async fn start(ground: Arc<Ground>, shutdown: CancellationToken) {
    let (cron_jobs, jobs) = (ground.copies.cron_jobs(), ground.copies.jobs());
    let events = ground.recorder("cronjob-controller", &shutdown);
    let reconciler = Arc::new(CronJobs { cron_jobs: cron_jobs.clone(), jobs: jobs.clone(), events });
    Runner::new("cronjob", ground.client.clone(), reconciler)
        .pause(PAUSE)
        .primary(&cron_jobs, |cron_job| Some(cron_job.meta().key()))
        .watch(&jobs, |change, queue| {
            let owners = change.states().filter_map(|job| {
                let owner = job.meta().controller().filter(|owner| &*owner.kind == CronJob::KIND)?;
                Some(ObjectKey { namespace: job.meta().namespace.clone(), name: owner.name.clone() })
            });
            owners.for_each(|key| queue.add(key));
        })
        .run(shutdown)
        .await;
}
