//! Garbage collection: what is owned goes when its owners have gone.
//!
//! [`graph`] knows who depends on whom, [`verdict`] decides, [`watches`] follow the metadata of every kind that
//! the server serves; this file acts. Nothing is deleted on hearsay: that an owner is absent is asked of the
//! server, by uid, before its dependents go, and each deletion is conditional on what was observed.

mod graph;
mod verdict;
mod watches;

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{DeleteParams, ListParams, Patch, Preconditions, PropagationPolicy};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use timonier_client::{
    Meta, Next, ObjectKey, Reconcile, Resource, Writer,
    events::{Recorder, Regarding},
    object::OwnerReference,
    runner::Enqueue,
    watch::{MetadataOnly, brief},
};

use crate::refusal::is_gone;
use graph::{Graph, Node, Presence, Uid};
use verdict::{OwnerState, Verdict, decide};
pub use watches::Watches;

pub const FOREGROUND: &str = "foregroundDeletion";
pub const ORPHAN: &str = "orphan";

pub struct Collector {
    pub graph: Arc<Mutex<Graph>>,
    pub watches: Arc<Watches>,
    pub queue: std::sync::OnceLock<Enqueue<Uid>>,
    pub events: Recorder,
}

#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error("{}", brief(.0))]
    Call(#[from] kube::Error),
    #[error("{key}: the owner's kind {kind} of {api_version} is not served; what it owns stays")]
    UnknownKind { key: ObjectKey, kind: Arc<str>, api_version: Arc<str> },
}

impl Reconcile for Collector {
    type Key = Uid;
    type Error = CollectError;

    async fn reconcile(&self, uid: &Uid, writer: &Writer) -> Result<Next, CollectError> {
        let Some(node) = self.graph.lock().node(uid).cloned() else { return Ok(Next::Settled) };
        if node.deleting {
            if node.orphans_dependents {
                self.orphan_dependents(uid, &node, writer).await?;
            } else if node.waits_for_dependents {
                self.wait_for_dependents(uid, &node, writer).await?;
            }
            return Ok(Next::Settled);
        }
        let mut owners = Vec::with_capacity(node.owners.len());
        for owner in &node.owners {
            owners.push((owner.clone(), self.state(owner, &node, uid, writer).await?));
        }
        let dependents = self.graph.lock().dependents(uid);
        match decide(&owners, &node, &dependents) {
            Verdict::Keep => {}
            Verdict::Detach(gone) => self.detach(&node, uid, &gone, writer).await?,
            Verdict::Delete(policy) => self.delete(&node, uid, policy, writer).await?,
        }
        Ok(Next::Settled)
    }
}

impl Collector {
    /// Whether an owner is there. What the watches have not shown is asked of the server.
    async fn state(
        &self,
        owner: &OwnerReference,
        node: &Node,
        uid: &Uid,
        writer: &Writer,
    ) -> Result<OwnerState, CollectError> {
        let (presence, namespace) = {
            let graph = self.graph.lock();
            (graph.presence(&owner.uid), graph.namespace_of(&owner.uid))
        };
        if namespace.is_some() && namespace != node.key.namespace {
            self.refuse(owner, node, uid);
            // What is cluster-wide stays; inside another namespace there is no such owner.
            return Ok(if node.key.namespace.is_some() { OwnerState::Absent } else { OwnerState::Present });
        }
        match presence {
            Presence::Present { waits_for_dependents } => {
                return Ok(OwnerState::of(waits_for_dependents));
            }
            Presence::AbsentForSure => return Ok(OwnerState::Absent),
            Presence::Unknown | Presence::Absent => {}
        }
        let Some(served) = self.watches.served(&owner.api_version, &owner.kind) else {
            return Err(CollectError::UnknownKind {
                key: node.key.clone(),
                kind: owner.kind.clone(),
                api_version: owner.api_version.clone(),
            });
        };
        let namespace = served.namespaced.then(|| node.key.namespace.clone()).flatten();
        if served.namespaced && namespace.is_none() {
            // What is cluster-wide cannot be owned from inside a namespace: Kubernetes keeps such objects.
            self.refuse(owner, node, uid);
            return Ok(OwnerState::Present);
        }
        let key = ObjectKey { namespace, name: owner.name.clone() };
        let live = read(&served.resource, &key, writer).await?.filter(|live| live.metadata.uid == owner.uid);
        if let Some(live) = live {
            return Ok(OwnerState::of(self.graph.lock().seen_alive(&served.resource, &live.metadata)));
        }
        // What was never seen may be in another namespace, where it has dependents of its own.
        let elsewhere = match presence {
            Presence::Unknown if served.namespaced => find(&served.resource, owner, writer).await?,
            _ => None,
        };
        match elsewhere {
            Some(live) => {
                self.graph.lock().seen_alive(&served.resource, &live.metadata);
                self.refuse(owner, node, uid);
            }
            None => self.graph.lock().absent_for_sure(&owner.uid),
        }
        Ok(OwnerState::Absent)
    }

    /// Says that an object names an owner that cannot be its.
    fn refuse(&self, owner: &OwnerReference, node: &Node, uid: &Uid) {
        let namespace = node.key.namespace().unwrap_or_default();
        let kind = self.watches.kind(&node.resource).unwrap_or_default();
        let meta = Meta {
            name: node.key.name.clone(),
            namespace: node.key.namespace.clone(),
            uid: uid.clone(),
            ..Meta::default()
        };
        let OwnerReference { api_version, kind: owner_kind, name, uid: owner_uid, .. } = owner;
        let message = format!(
            "ownerRef [{api_version}/{owner_kind}, namespace: {namespace}, name: {name}, uid: {owner_uid}] does not exist \
            in namespace {namespace:?}"
        );
        let regarding = Regarding::new(&kind, &node.resource.api_version(), &meta);
        self.events.warning(regarding, "OwnerRefInvalidNamespace", message);
    }

    async fn delete(
        &self,
        node: &Node,
        uid: &Uid,
        policy: PropagationPolicy,
        writer: &Writer,
    ) -> Result<(), CollectError> {
        // If it changed meanwhile, owners included, the deletion fails and it is judged again.
        let params =
            DeleteParams { propagation_policy: Some(policy), ..Default::default() }.preconditions(Preconditions {
                uid: Some(uid.to_string()),
                resource_version: Some(node.revision.to_string()),
            });
        match writer.delete_if(&node.resource, &node.key, params).await {
            Err(error) if !is_gone(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes references to owners that are gone, since another owner keeps the object.
    async fn detach(&self, node: &Node, uid: &Uid, gone: &[Arc<str>], writer: &Writer) -> Result<(), CollectError> {
        let Some(live) = read(&node.resource, &node.key, writer).await? else { return Ok(()) };
        if live.metadata.uid != *uid {
            return Ok(());
        }
        let kept: Vec<&OwnerReference> =
            live.metadata.owner_references.iter().filter(|owner| !gone.contains(&owner.uid)).collect();
        let patch = json!({"metadata": {
            "resourceVersion": live.metadata.resource_version.to_string(),
            "ownerReferences": kept,
        }});
        match writer.patch_any(&node.resource, &node.key, &Patch::Merge(patch)).await {
            Err(error) if !is_gone(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Foreground deletion: the owner goes last, after all that block it.
    async fn wait_for_dependents(&self, uid: &Uid, node: &Node, writer: &Writer) -> Result<(), CollectError> {
        let (blocking, dependents) = {
            let graph = self.graph.lock();
            let dependents = graph.dependents(uid);
            (graph.is_blocked(uid), dependents)
        };
        if !blocking {
            return self.remove_finalizer(uid, node, FOREGROUND, writer).await;
        }
        if let Some(queue) = self.queue.get() {
            for (dependent, _) in dependents.iter().filter(|(_, dependent)| !dependent.deleting) {
                queue.add(dependent.clone());
            }
        }
        Ok(())
    }

    /// The dependents are set free; then the owner may go.
    async fn orphan_dependents(&self, uid: &Uid, node: &Node, writer: &Writer) -> Result<(), CollectError> {
        let dependents = self.graph.lock().dependents(uid);
        stream::iter(dependents)
            .map(|(dependent_uid, dependent)| async move {
                self.detach(&dependent, &dependent_uid, std::slice::from_ref(uid), writer).await
            })
            .buffer_unordered(16)
            .try_collect::<Vec<()>>()
            .await?;
        self.remove_finalizer(uid, node, ORPHAN, writer).await
    }

    async fn remove_finalizer(
        &self,
        uid: &Uid,
        node: &Node,
        finalizer: &str,
        writer: &Writer,
    ) -> Result<(), CollectError> {
        let Some(live) = read(&node.resource, &node.key, writer).await? else { return Ok(()) };
        if live.metadata.uid != *uid {
            return Ok(());
        }
        let kept: Vec<&String> = live.metadata.finalizers.iter().filter(|name| *name != finalizer).collect();
        let patch = json!({"metadata": {
            "resourceVersion": live.metadata.resource_version.to_string(),
            "finalizers": kept,
        }});
        match writer.patch_any(&node.resource, &node.key, &Patch::Merge(patch)).await {
            Err(error) if !is_gone(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Looks for an owner in all namespaces.
async fn find(
    resource: &Resource,
    owner: &OwnerReference,
    writer: &Writer,
) -> Result<Option<MetadataOnly>, kube::Error> {
    #[derive(Deserialize)]
    struct Found {
        items: Vec<MetadataOnly>,
    }
    let named = ListParams::default().fields(&format!("metadata.name={}", owner.name));
    let request = kube::core::Request::new(resource.path(None)).list_metadata(&named);
    let found: Found = writer.client().request(request.map_err(kube::Error::BuildRequest)?).await?;
    Ok(found.items.into_iter().find(|live| live.metadata.uid == owner.uid))
}

async fn read(resource: &Resource, key: &ObjectKey, writer: &Writer) -> Result<Option<MetadataOnly>, kube::Error> {
    let request = kube::core::Request::new(resource.path(key.namespace()));
    let request = request.get_metadata(&key.name, &Default::default()).map_err(kube::Error::BuildRequest)?;
    match writer.client().request(request).await {
        Ok(found) => Ok(Some(found)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}
