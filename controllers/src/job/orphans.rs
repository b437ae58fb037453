//! Pods that hold a job's finalizer and have no job that would count them: they are let go.

use timonier_client::{Informer, Next, Object, ObjectKey, Writer};

use super::{Jobs, Release, pod::is_tracked};
use crate::objects::{Job, Pod};

/// It holds the finalizer, and no job that is known here is its owner.
pub fn may_be_lost(pod: &Pod, jobs: &Informer<Job>) -> bool {
    is_tracked(pod) && job_of(pod).is_none_or(|(key, uid)| jobs.get(&key).is_none_or(|job| job.metadata.uid != uid))
}

fn job_of(pod: &Pod) -> Option<(ObjectKey, std::sync::Arc<str>)> {
    let owner = pod.meta().controller().filter(|owner| &*owner.kind == Job::KIND)?;
    Some((ObjectKey { namespace: pod.meta().namespace.clone(), name: owner.name.clone() }, owner.uid.clone()))
}

impl Jobs {
    pub(super) async fn let_go(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(pod) = self.pods.get(key).filter(|pod| may_be_lost(pod, &self.jobs)) else {
            return Ok(Next::Settled);
        };
        // Our copy of the jobs may be behind that of the pods.
        if let Some((key, uid)) = job_of(&pod)
            && writer.read::<Job>(&key).await?.is_some_and(|live| live.metadata.uid == uid)
        {
            return Ok(Next::Settled);
        }
        self.release(&[pod], Release::Anyway, writer).await?;
        Ok(Next::Settled)
    }
}
