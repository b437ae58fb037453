//! What templates were before: the ControllerRevisions of a StatefulSet or a DaemonSet.
//!
//! [`plan`] says which of them is the present template's, and which are one too many; this file acts.

mod plan;

use std::{collections::HashSet, sync::Arc};

use kube::api::{DeleteParams, Patch};
use serde_json::{Value, json};
use timonier_client::{Informer, Object, ObjectKey, Writer};

use crate::{
    objects::{ControllerRevision, PodOwner},
    owners,
    pods::template_hash::template_hash,
    refusal::is_gone,
};
use plan::Present;
pub use plan::{surplus, template};

/// All revisions of one owner, and which of them is its template now.
#[derive(Debug, Clone)]
pub struct History {
    /// By number, ascending.
    pub revisions: Vec<Arc<ControllerRevision>>,
    pub update: Arc<ControllerRevision>,
    /// How often a name was taken by another revision.
    pub collisions: i32,
}

/// How the owners of one kind label their revisions with the template's hash.
#[derive(Debug, Clone, Copy)]
pub struct HashLabel(pub &'static str);

impl HashLabel {
    pub fn of<'a>(&self, revision: &'a ControllerRevision) -> &'a str {
        revision.metadata.labels.get(self.0).map_or("", String::as_str)
    }
}

/// Sees to it that the owner's template has a revision with the highest number, and takes in orphans that match.
pub async fn settle<T: PodOwner>(
    owner: &T,
    copies: &Informer<ControllerRevision>,
    label: HashLabel,
    collisions: i32,
    writer: &Writer,
) -> Result<History, kube::Error> {
    let meta = owner.meta();
    let mut revisions = copies.controlled_by(&meta.uid);
    if !meta.is_deleting() {
        let orphans = copies.orphans(meta.namespace.as_deref().unwrap_or_default()).into_iter();
        let ours = orphans.filter(|orphan| {
            owner.selector().matches(&orphan.metadata.labels)
                && !orphan.metadata.is_deleting()
                && !orphan.metadata.labels.is_empty()
        });
        for orphan in ours {
            if owners::still_wants::<T>(writer, meta).await? {
                let reference = owners::reference::<T>(meta);
                owners::adopt::<ControllerRevision>(writer, &orphan.metadata, reference).await?;
                revisions.push(orphan);
            }
        }
    }
    plan::sort(&mut revisions);
    let data = plan::data(owner.template());
    let (update, collisions) = match plan::present(&revisions, &data) {
        Present::Newest(update) => (update, collisions),
        Present::Earlier(found, number) => {
            let patch = json!({"metadata": {"uid": &*found.metadata.uid}, "revision": number});
            let patched = writer.patch_whole::<ControllerRevision>(&found.metadata.key(), &Patch::Merge(patch)).await?;
            let patched = Arc::new(patched);
            revisions.retain(|revision| revision.metadata.uid != patched.metadata.uid);
            revisions.push(patched.clone());
            (patched, collisions)
        }
        Present::New(number) => {
            let (made, collisions) = create(owner, &data, number, label, collisions, writer).await?;
            revisions.push(made.clone());
            (made, collisions)
        }
    };
    Ok(History { revisions, update, collisions })
}

/// Makes a revision; a name that another has counts as a collision, and the next name is tried.
async fn create<T: PodOwner>(
    owner: &T,
    data: &Value,
    number: i64,
    label: HashLabel,
    mut collisions: i32,
    writer: &Writer,
) -> Result<(Arc<ControllerRevision>, i32), kube::Error> {
    let meta = owner.meta();
    loop {
        let hash = template_hash(owner.template(), collisions);
        let name = format!("{}-{hash}", meta.name);
        let mut labels = owner.template().pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
        labels[label.0] = hash.into();
        let body = json!({
            "apiVersion": ControllerRevision::RESOURCE.api_version(), "kind": ControllerRevision::KIND,
            "metadata": {
                "name": name, "labels": labels, "annotations": plan::annotations(&meta.annotations),
                "ownerReferences": [owners::reference::<T>(meta)],
            },
            "data": data, "revision": number,
        });
        match writer.create_whole::<ControllerRevision>(meta.namespace.as_deref(), &body).await {
            Ok(made) => return Ok((Arc::new(made), collisions)),
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
                let key = ObjectKey { namespace: meta.namespace.clone(), name: name.as_str().into() };
                let there = writer.read::<ControllerRevision>(&key).await?;
                let ours = |found: &ControllerRevision| {
                    *found.data == *data && found.metadata.controller().is_some_and(|owner| owner.uid == meta.uid)
                };
                match there {
                    Some(found) if ours(&found) => return Ok((Arc::new(found), collisions)),
                    // Gone in between: its name is free.
                    None => {}
                    Some(_) => collisions += 1,
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Deletes what is beyond the limit; `live` are names that somebody still goes by.
pub async fn clean_up(
    history: &History,
    live: &HashSet<Arc<str>>,
    limit: Option<i32>,
    writer: &Writer,
) -> Result<(), kube::Error> {
    for revision in surplus(&history.revisions, live, limit) {
        let meta = &revision.metadata;
        match writer.delete(&ControllerRevision::RESOURCE, &meta.key(), &meta.uid, DeleteParams::default()).await {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
