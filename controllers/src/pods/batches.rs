//! Many pods at once: what is created and deleted for one owner, with the events that tell of it.

use std::sync::Arc;

use futures::{StreamExt, stream};
use kube::api::DeleteParams;
use serde::Serialize;
use timonier_client::{
    Meta, Object, Writer,
    events::{Recorder, Regarding},
    watch::brief,
};

use crate::{
    objects::{Pod, PodOwner},
    refusal::namespace_ends,
};

/// Requests that one owner keeps in flight.
const IN_FLIGHT: usize = 32;

/// Why pods could not be created or deleted.
#[derive(Debug)]
pub struct Failure {
    /// `FailedCreate` or `FailedDelete`.
    pub reason: &'static str,
    pub message: String,
    pub error: kube::Error,
}

/// Does it `count` times in batches that double, so that what must fail (a quota, a webhook) fails a few times only.
/// Answers are returned in no order; the batch that has the first error is the last.
pub async fn slow_start<F: Future>(
    count: usize,
    act: impl Fn(usize) -> F,
    ends: impl Fn(&F::Output) -> bool,
) -> Vec<F::Output> {
    let mut answers = Vec::with_capacity(count);
    let mut batch = 1;
    while answers.len() < count {
        let (from, until) = (answers.len(), count.min(answers.len() + batch));
        let requests: Vec<F> = (from..until).map(&act).collect();
        answers.extend(stream::iter(requests).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await);
        if answers[from..].iter().any(&ends) {
            break;
        }
        batch *= 2;
    }
    answers
}

/// Creates `count` pods, slowly at first; `body` gives the nth. The first error is returned; what others did stands.
pub async fn create<T: PodOwner, B: Serialize>(
    owner: &T,
    count: usize,
    body: impl Fn(usize) -> B,
    writer: &Writer,
    events: &Recorder,
) -> Result<(), Failure> {
    let namespace = owner.meta().namespace.as_deref();
    let answers = slow_start(count, |n| request(namespace, body(n), writer), Result::is_err).await;
    let mut first_error = None;
    for answer in answers {
        match answer {
            Ok(pod) => {
                events.normal(Regarding::object(owner), "SuccessfulCreate", format!("Created pod: {}", pod.name))
            }
            // Its end is near; nothing is wrong with us.
            Err(error) if namespace_ends(&error) => return Ok(()),
            Err(error) => {
                let message = format!("Error creating: {}", brief(&error));
                events.warning(Regarding::object(owner), "FailedCreate", message);
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        None => Ok(()),
        Some(error) => {
            let message = brief(&error).to_string();
            Err(Failure { reason: "FailedCreate", message, error })
        }
    }
}

async fn request<B: Serialize>(namespace: Option<&str>, body: B, writer: &Writer) -> Result<Meta, kube::Error> {
    writer.create::<Pod>(namespace, &body).await
}

/// Deletes pods; the first error is returned.
pub async fn delete<T: PodOwner>(
    owner: &T,
    pods: &[Arc<Pod>],
    writer: &Writer,
    events: &Recorder,
) -> Result<(), Failure> {
    let deletions = stream::iter(pods.to_vec()).map(|pod| async move {
        let meta = pod.meta();
        let deleted = writer.delete(&Pod::RESOURCE, &meta.key(), &meta.uid, DeleteParams::default()).await;
        (meta.name.clone(), deleted)
    });
    let mut first_error = None;
    for (name, result) in deletions.buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await {
        match result {
            Ok(()) => events.normal(Regarding::object(owner), "SuccessfulDelete", format!("Deleted pod: {name}")),
            Err(error) => {
                let message = format!("Error deleting: {}", brief(&error));
                events.warning(Regarding::object(owner), "FailedDelete", message);
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        None => Ok(()),
        Some(error) => {
            let message = brief(&error).to_string();
            Err(Failure { reason: "FailedDelete", message, error })
        }
    }
}
