//! What wakes a job: itself and its pods.

use std::sync::Arc;

use parking_lot::Mutex;
use timonier_client::{Object, Runner};
use tokio_util::sync::CancellationToken;

use super::{Jobs, Subject, orphans::may_be_lost};
use crate::{
    ground::{Ground, PAUSE},
    pods::claim,
};

pub async fn start(ground: Arc<Ground>, shutdown: CancellationToken) {
    let (jobs, pods) = (ground.copies.jobs(), ground.copies.pods());
    let events = ground.recorder("job-controller", &shutdown);
    let reconciler = Arc::new(Jobs { jobs: jobs.clone(), pods: pods.clone(), events, failures: Mutex::default() });
    let (memory, pods_of_jobs, jobs_of_pods) = (reconciler.clone(), pods.clone(), jobs.clone());
    Runner::new("job", ground.client.clone(), reconciler)
        .pause(PAUSE)
        .primary(&jobs, |job| Some(Subject::Job(job.meta().key())))
        .primary(&pods, {
            let jobs = jobs.clone();
            move |pod| may_be_lost(pod, &jobs).then(|| Subject::Pod(pod.meta().key()))
        })
        .watch(&jobs, move |change, queue| {
            if let (Some(job), None) = (change.old, change.new) {
                memory.forget(job);
                let pods = pods_of_jobs.controlled_by(&job.metadata.uid).into_iter();
                pods.for_each(|pod| queue.add(Subject::Pod(pod.meta().key())));
            }
        })
        .watch(&pods, move |change, queue| {
            let keys = change.states().flat_map(|pod| claim::concerned(pod, &jobs_of_pods));
            keys.for_each(|key| queue.add(Subject::Job(key)));
        })
        .run(shutdown)
        .await;
}
