//! Many pods at once: what is created and deleted for one owner, with the events that tell of it.

use std::sync::Arc;

use futures::{StreamExt, stream};
use kube::api::DeleteParams;
use serde::Serialize;
use timonier_client::{
    Object, Writer,
    events::{Recorder, Regarding},
    watch::brief,
};

use super::PodOwner;
use crate::{objects::Pod, refusal::namespace_ends};

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

/// Creates `count` pods in batches that double, so that what must fail (a quota, a webhook) fails a few times only.
/// `body` gives the nth. The first error is returned; what others did stands.
pub async fn create<T: PodOwner, B: Serialize>(
    owner: &T,
    count: usize,
    body: impl Fn(usize) -> B,
    writer: &Writer,
    events: &Recorder,
) -> Result<(), Failure> {
    let namespace = owner.meta().namespace.as_deref();
    let mut done = 0;
    let mut batch = 1;
    while done < count {
        let until = count.min(done + batch);
        let requests: Vec<_> = (done..until).map(&body).map(|body| request(namespace, body, writer)).collect();
        let created = stream::iter(requests).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await;
        let mut first_error = None;
        for result in created {
            match result {
                Ok(pod) => events.normal(
                    Regarding::object(owner),
                    "SuccessfulCreate",
                    format!("Created pod: {}", pod.metadata.name),
                ),
                // Its end is near; nothing is wrong with us.
                Err(error) if namespace_ends(&error) => return Ok(()),
                Err(error) => {
                    let message = format!("Error creating: {}", brief(&error));
                    events.warning(Regarding::object(owner), "FailedCreate", message);
                    first_error.get_or_insert(error);
                }
            }
        }
        if let Some(error) = first_error {
            let message = brief(&error).to_string();
            return Err(Failure { reason: "FailedCreate", message, error });
        }
        done = until;
        batch *= 2;
    }
    Ok(())
}

async fn request<B: Serialize>(namespace: Option<&str>, body: B, writer: &Writer) -> Result<Pod, kube::Error> {
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
