//! Deletion of namespaces: everything in one is deleted, pods first; when nothing is left it is finalized.

mod conditions;
mod content;

use jiff::Timestamp;
use kube::api::Patch;
use serde_json::json;
use timonier_client::{Informer, Next, ObjectKey, Reconcile, Writer};
use tokio::time::Duration;

use crate::{
    discovery::{Served, discover},
    objects::Namespace,
    refusal::is_gone,
};
use conditions::{Remaining, conditions};

/// The finalizer in `spec.finalizers` that is ours.
const FINALIZER: &str = "kubernetes";

/// What is left is looked at again after this long: kinds that nobody watches here are among it.
const AGAIN: Duration = Duration::from_millis(250);

pub struct Namespaces {
    pub namespaces: Informer<Namespace>,
}

impl Reconcile for Namespaces {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(namespace) = self.namespaces.get(key) else { return Ok(Next::Settled) };
        if !is_ending(&namespace) {
            return Ok(Next::Settled);
        }
        let remaining = empty(&key.name, writer).await;
        let next = conditions(&namespace.status.conditions, &remaining, Timestamp::now());
        if next != namespace.status.conditions {
            let patch = json!({"status": {"conditions": next}});
            match writer.patch_status::<Namespace>(key, &Patch::Merge(patch)).await {
                Err(error) if is_gone(&error) => return Ok(Next::Settled),
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        if !remaining.is_nothing() {
            return Ok(Next::After(AGAIN));
        }
        finalize(&namespace, key, writer).await?;
        Ok(Next::Settled)
    }
}

fn is_ending(namespace: &Namespace) -> bool {
    namespace.metadata.is_deleting() && namespace.spec.finalizers.iter().any(|name| name == FINALIZER)
}

/// Deletes what is there and says what is left.
async fn empty(name: &str, writer: &Writer) -> Remaining {
    let mut remaining = Remaining::default();
    let served = match discover(writer.client()).await {
        Ok(served) => served,
        Err(error) => {
            remaining.undiscovered = Some(timonier_client::watch::brief(&error).to_string());
            return remaining;
        }
    };
    let content: Vec<Served> =
        served.into_iter().filter(|kind| kind.namespaced && kind.can("list") && kind.can("delete")).collect();
    // Pods first: what they use, such as secrets, stays until they have ended.
    let (pods, others): (Vec<_>, Vec<_>) =
        content.into_iter().partition(|kind| kind.resource.group.is_empty() && kind.resource.plural == "pods");
    for stage in [pods, others] {
        for kind in &stage {
            content::clear(name, kind, writer, &mut remaining).await;
        }
        if !remaining.is_nothing() {
            break;
        }
    }
    remaining
}

/// Takes our finalizer away; with the last one the server removes the namespace.
async fn finalize(namespace: &Namespace, key: &ObjectKey, writer: &Writer) -> Result<(), kube::Error> {
    let finalizers: Vec<_> = namespace.spec.finalizers.iter().filter(|name| *name != FINALIZER).collect();
    let body = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": &*key.name, "uid": &*namespace.metadata.uid},
        "spec": {"finalizers": finalizers},
    });
    let path = format!("/api/v1/namespaces/{}/finalize", key.name);
    let request = http::Request::put(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    match writer.client().request::<serde_json::Value>(request).await {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_deleted_namespace_that_still_has_our_finalizer_is_ending() {
        let mut namespace = Namespace::default();
        namespace.spec.finalizers = vec![FINALIZER.into()];
        assert!(!is_ending(&namespace));
        namespace.metadata.deletion_timestamp = Some(Timestamp::UNIX_EPOCH);
        assert!(is_ending(&namespace));
        namespace.spec.finalizers = vec!["someone.else/theirs".into()];
        assert!(!is_ending(&namespace));
    }
}
