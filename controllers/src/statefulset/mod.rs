//! StatefulSets: pods that have a name and claims of their own each, and never two of one name.
//!
//! [`identity`] says who a pod is, [`plan`] what is next, [`retention`] whose claims are, [`status`] reports; this file
//! acts. Pods are only ever deleted with their grace: the name is free when whoever runs the pod says that it ended.

mod identity;
#[cfg(test)]
mod laws;
mod plan;
mod retention;
mod start;
mod status;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc};

use jiff::Timestamp;
use kube::api::{DeleteParams, Patch};
use serde_json::json;
use timonier_client::{
    Informer, Next, Object, ObjectKey, Reconcile, Writer,
    events::{EventType, Recorder, Regarding},
    fence,
    watch::brief,
};

use crate::{
    history::{self, HashLabel, History},
    objects::{Claim, ControllerRevision, Pod, StatefulSet},
    pods::{batches::slow_start, claim},
    refusal::{is_gone, namespace_ends},
};
use identity::{claim_body, claim_names, is_member, ordinal, pod_body, pod_name, revision_of};
use plan::{Action, Claims, Observed, plan};
pub use start::statefulset;

/// Under which a revision has the hash of its template.
const HASH: HashLabel = HashLabel("controller.kubernetes.io/hash");

pub struct StatefulSets {
    pub sets: Informer<StatefulSet>,
    pub pods: Informer<Pod>,
    pub claims: Informer<Claim>,
    pub revisions: Informer<ControllerRevision>,
    pub events: Recorder,
}

impl Reconcile for StatefulSets {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(set) = self.sets.get(key) else { return Ok(Next::Settled) };
        if let Err(wrong) = fence::limit(&set.metadata.annotations) {
            self.events.warning(Regarding::object(&*set), "InvalidFence", wrong);
        }
        let candidates = claim::candidates(&*set, &self.pods);
        let claimed = claim::claim(&*set, &candidates, |pod| is_member(&set, pod));
        if !claimed.settle(&*set, writer).await? {
            return Ok(Next::Settled);
        }
        let collisions = set.status.collision_count.unwrap_or(0);
        let history = match history::settle(&*set, &self.revisions, HASH, collisions, writer).await {
            Err(error) if namespace_ends(&error) => return Ok(Next::Settled),
            settled => settled?,
        };
        let pods = &claimed.owned;
        let current = &status::current(&set, &history).metadata.name;
        let now = Timestamp::now();
        let observed = Observed {
            set: &set,
            pods,
            claims: &self.claims_of(&set, pods),
            current,
            update: &history.update.metadata.name,
            now,
        };
        let plan = plan(&observed);
        let acted = self.act(&set, &history, plan.actions, writer).await;
        let status = status::status(&set, pods, &history, now);
        if status != set.status {
            writer.patch_status::<StatefulSet>(key, &Patch::Merge(status::patch(&status))).await?;
        }
        acted?;
        let named = [&status.current_revision, &status.update_revision].map(Arc::clone);
        let live: HashSet<Arc<str>> = named.into_iter().chain(pods.iter().map(|pod| revision_of(pod).into())).collect();
        history::clean_up(&history, &live, set.spec.revision_history_limit, writer).await?;
        Ok(plan.available_in.map_or(Next::Settled, |wait| Next::After(wait.unsigned_abs())))
    }
}

impl StatefulSets {
    /// The claims of the ordinals that are wanted, and of the pods that are there.
    fn claims_of(&self, set: &StatefulSet, pods: &[Arc<Pod>]) -> Claims {
        let start = set.spec.ordinals.start;
        let there = pods.iter().filter_map(|pod| ordinal(&set.metadata.name, &pod.metadata.name));
        let ordinals = (start..start.saturating_add(set.spec.replicas)).chain(there);
        let names = ordinals.flat_map(|ordinal| claim_names(set, ordinal)).map(|(_, claim)| claim);
        let key = |name: String| ObjectKey { namespace: set.metadata.namespace.clone(), name: name.into() };
        let found = names.filter_map(|name| self.claims.get(&key(name)));
        found.map(|claim| (claim.metadata.name.clone(), claim)).collect()
    }

    /// Pods of a parallel set all at once, slowly at first; everything else in order. The first error ends it.
    async fn act(
        &self,
        set: &StatefulSet,
        history: &History,
        actions: Vec<Action>,
        writer: &Writer,
    ) -> Result<(), kube::Error> {
        let (creations, rest): (Vec<_>, Vec<_>) =
            actions.into_iter().partition(|action| matches!(action, Action::CreatePod { .. }));
        for action in &rest {
            self.take(set, history, action, writer).await?;
        }
        let act = |n: usize| self.take(set, history, &creations[n], writer);
        slow_start(creations.len(), act, Result::is_err).await.into_iter().collect()
    }

    async fn take(
        &self,
        set: &StatefulSet,
        history: &History,
        action: &Action,
        writer: &Writer,
    ) -> Result<(), kube::Error> {
        let namespace = set.metadata.namespace.as_deref();
        match action {
            Action::CreateClaim { ordinal, name } => {
                let Some(body) = claim_body(set, *ordinal, name) else { return Ok(()) };
                let what =
                    format!("create Claim {name} Pod {} in StatefulSet {}", pod_name(set, *ordinal), set.metadata.name);
                let created = writer.create::<Claim>(namespace, &body).await;
                self.tell(set, "Create", &what, "success", created.map(drop))
            }
            Action::OwnClaim { claim, owners } => {
                let meta = &claim.metadata;
                let patch = json!({"metadata": {"uid": &*meta.uid, "ownerReferences": owners,
                    "resourceVersion": meta.resource_version.to_string()}});
                match writer.patch::<Claim>(&meta.key(), &Patch::Merge(patch)).await {
                    Err(error) if !is_gone(&error) => Err(error),
                    _ => Ok(()),
                }
            }
            Action::CreatePod { ordinal, revision } => {
                let found = history.revisions.iter().find(|found| *found.metadata.name == **revision);
                let body = pod_body(set, *ordinal, found.unwrap_or(&history.update));
                let what = format!("create Pod {} in StatefulSet {}", pod_name(set, *ordinal), set.metadata.name);
                let created = writer.create::<Pod>(namespace, &body).await;
                self.tell(set, "Create", &what, "successful", created.map(drop))
            }
            Action::Identify { pod, labels } => {
                let meta = &pod.metadata;
                let patch = json!({"metadata": {"uid": &*meta.uid, "labels": labels}});
                match writer.patch::<Pod>(&meta.key(), &Patch::Merge(patch)).await {
                    Err(error) if !is_gone(&error) => Err(error),
                    _ => Ok(()),
                }
            }
            Action::DeletePod(pod) => {
                let meta = &pod.metadata;
                let what = format!("delete Pod {} in StatefulSet {}", meta.name, set.metadata.name);
                let deleted = writer.delete(&Pod::RESOURCE, &meta.key(), &meta.uid, DeleteParams::default()).await;
                self.tell(set, "Delete", &what, "successful", deleted)
            }
        }
    }

    /// Says how it went.
    fn tell(
        &self,
        set: &StatefulSet,
        verb: &str,
        what: &str,
        well: &str,
        done: Result<(), kube::Error>,
    ) -> Result<(), kube::Error> {
        match done {
            Ok(()) => {
                let message = format!("{what} {well}");
                self.events.event(Regarding::object(set), EventType::Normal, &format!("Successful{verb}"), message);
                Ok(())
            }
            // Its end is near; nothing is wrong with us.
            Err(error) if namespace_ends(&error) => Ok(()),
            Err(error) => {
                let message = format!("{what} failed error: {}", brief(&error));
                self.events.event(Regarding::object(set), EventType::Warning, &format!("Failed{verb}"), message);
                Err(error)
            }
        }
    }
}
