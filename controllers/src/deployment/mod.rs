//! Deployments: ReplicaSets of one template after another.
//!
//! [`plan`] is the whole decision, made of [`rollout`] (how fast old gives way to new), [`scale`] (resizing in
//! proportion), [`revision`] (which set is new, numbers, history) and [`status`]; this file acts.

mod annotations;
mod bounds;
mod plan;
mod revision;
mod rollout;
mod scale;
mod sets;
mod status;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use jiff::Timestamp;
use kube::api::{DeleteParams, Patch};
use serde_json::json;
use timonier_client::{
    Informer, Next, Object, ObjectKey, Reconcile, Writer,
    events::{Recorder, Regarding},
    watch::brief,
};

use crate::{
    objects::{Deployment, Pod, ReplicaSet},
    owners,
    refusal::namespace_ends,
};
use annotations::REVISION;
use plan::{Observed, plan};
use sets::{Action, NewSet};

pub struct Deployments {
    pub deployments: Informer<Deployment>,
    pub sets: Informer<ReplicaSet>,
    pub pods: Informer<Pod>,
    pub events: Recorder,
}

/// The Deployments that a ReplicaSet concerns: its controller, or, for an orphan, all that would adopt it.
pub fn concerned(set: &ReplicaSet, deployments: &Informer<Deployment>) -> Vec<ObjectKey> {
    let meta = set.meta();
    let Some(namespace) = &meta.namespace else { return Vec::new() };
    match meta.controller() {
        Some(owner) if &*owner.kind == Deployment::KIND => {
            vec![ObjectKey::namespaced(namespace.clone(), owner.name.clone())]
        }
        Some(_) => Vec::new(),
        None if meta.is_deleting() || meta.labels.is_empty() => Vec::new(),
        None => {
            let deployments = deployments.in_namespace(namespace);
            let adopters = deployments.iter().filter(|found| found.spec.selector.matches(&meta.labels));
            adopters.map(|found| found.meta().key()).collect()
        }
    }
}

/// The Deployment of a pod that is gone: one that recreates waits for its old pods to be.
pub fn waits_for(pod: &Pod, sets: &Informer<ReplicaSet>) -> Option<ObjectKey> {
    let namespace = pod.meta().namespace.clone()?;
    let owner = pod.meta().controller().filter(|owner| &*owner.kind == ReplicaSet::KIND)?;
    let set = sets.get(&ObjectKey::namespaced(namespace.clone(), owner.name.clone()))?;
    let owner = set.meta().controller().filter(|owner| &*owner.kind == Deployment::KIND)?;
    Some(ObjectKey::namespaced(namespace, owner.name.clone()))
}

#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    #[error("{}", brief(.0))]
    Call(#[from] kube::Error),
    #[error("the name {0} is taken by another ReplicaSet; trying another")]
    Collision(String),
}

impl Reconcile for Deployments {
    type Key = ObjectKey;
    type Error = DeploymentError;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, DeploymentError> {
        let (Some(deployment), Some(namespace)) = (self.deployments.get(key), key.namespace()) else {
            return Ok(Next::Settled);
        };
        if deployment.spec.selector.is_empty() {
            let message = "This deployment is selecting all pods. A non-empty selector is required.";
            self.events.warning(Regarding::object(&*deployment), "SelectingAll", message);
            return Ok(Next::Settled);
        }
        let mut sets = self.sets.controlled_by(&deployment.metadata.uid);
        sets.extend(self.sets.orphans(namespace));
        let mut populated = HashSet::new();
        if &*deployment.spec.strategy.kind == "Recreate" {
            for set in &sets {
                if self.pods.controlled_by(&set.metadata.uid).iter().any(|pod| !pod.is_finished()) {
                    populated.insert(set.metadata.uid.clone());
                }
            }
        }
        let now = Timestamp::now();
        let plan = plan(&Observed { deployment: &deployment, sets: &sets, populated: &populated, now });
        for action in &plan.actions {
            self.act(&deployment, action, writer).await?;
        }
        if let Some(status) = &plan.status {
            writer.patch_status::<Deployment>(key, &Patch::Merge(status::patch(status))).await?;
        }
        Ok(plan.again.map_or(Next::Settled, |wait| Next::After(wait.unsigned_abs())))
    }
}

impl Deployments {
    async fn act(&self, deployment: &Deployment, action: &Action, writer: &Writer) -> Result<(), DeploymentError> {
        let key = deployment.meta().key();
        let set_key = |name: &std::sync::Arc<str>| ObjectKey { namespace: key.namespace.clone(), name: name.clone() };
        match action {
            Action::Adopt(set) => {
                if owners::still_wants::<Deployment>(writer, &deployment.metadata).await? {
                    let reference = owners::reference::<Deployment>(&deployment.metadata);
                    owners::adopt::<ReplicaSet>(writer, &set.metadata, reference).await?;
                }
            }
            Action::Release(set) => {
                owners::release::<ReplicaSet>(writer, &set.metadata, &deployment.metadata.uid).await?;
            }
            Action::Create(new) => self.create(deployment, new, writer).await?,
            Action::Change(change) => {
                let mut patch = json!({});
                if !change.annotations.is_empty() {
                    patch["metadata"] = json!({"annotations": change.annotations});
                }
                if let Some((_, replicas)) = change.replicas {
                    patch["spec"]["replicas"] = json!(replicas);
                }
                if let Some(seconds) = change.min_ready_seconds {
                    patch["spec"]["minReadySeconds"] = json!(seconds);
                }
                writer.patch::<ReplicaSet>(&set_key(&change.name), &Patch::Merge(patch)).await?;
                if let Some((from, to)) = change.replicas {
                    self.scaled(deployment, &change.name, from, to);
                }
            }
            Action::Delete { name, uid } => {
                let params = DeleteParams::background();
                writer.delete(&ReplicaSet::RESOURCE, &set_key(name), uid, params).await?;
            }
            Action::Number(revision) => {
                let patch = json!({"metadata": {"annotations": {REVISION: revision}}});
                writer.patch::<Deployment>(&key, &Patch::Merge(patch)).await?;
            }
        }
        Ok(())
    }

    async fn create(&self, deployment: &Deployment, new: &NewSet, writer: &Writer) -> Result<(), DeploymentError> {
        let namespace = deployment.metadata.namespace.as_deref();
        match writer.create::<ReplicaSet>(namespace, &new.body).await {
            Ok(_) if new.replicas > 0 => {
                self.scaled(deployment, &new.name.as_str().into(), 0, new.replicas);
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) if namespace_ends(&error) => Ok(()),
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
                let key =
                    ObjectKey { namespace: deployment.metadata.namespace.clone(), name: new.name.as_str().into() };
                let there = writer.read::<ReplicaSet>(&key).await?;
                if there.is_none_or(|there| revision::is_ours(deployment, &there)) {
                    return Ok(());
                }
                // The name belongs to another template or owner; the next is made with a count that differs.
                let status = status::collision(deployment);
                writer.patch_status::<Deployment>(&deployment.meta().key(), &Patch::Merge(status)).await?;
                Err(DeploymentError::Collision(new.name.clone()))
            }
            Err(error) => {
                let message = format!("Failed to create new replica set \"{}\": {}", new.name, brief(&error));
                self.events.warning(Regarding::object(deployment), status::REPLICA_SET_CREATE_ERROR, message.clone());
                if let Some(status) = status::create_failed(deployment, &message, Timestamp::now()) {
                    let patch = Patch::Merge(status::patch(&status));
                    writer.patch_status::<Deployment>(&deployment.meta().key(), &patch).await?;
                }
                Err(error.into())
            }
        }
    }

    fn scaled(&self, deployment: &Deployment, set: &std::sync::Arc<str>, from: i32, to: i32) {
        let direction = if to > from { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {set} from {from} to {to}");
        self.events.normal(Regarding::object(deployment), "ScalingReplicaSet", message);
    }
}
