//! Claims find volumes, and volumes whose claim is gone are released, kept or deleted.

mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::api::{DeleteParams, Patch};
use serde_json::{Value, json};
use timonier_client::events::{Recorder, Regarding};
use timonier_client::{Informer, Meta, Next, Object, ObjectKey, Reconcile, Writer};
use timonier_scheduling::volume::BIND_COMPLETED;

use super::Subject;
use crate::objects::{BOUND_BY_CONTROLLER, Claim, StorageClass, Volume, whole_seconds};
use crate::refusal::is_gone;
use plan::{Known, Step, Tone};

pub struct Binder {
    pub claims: Informer<Claim>,
    pub volumes: Informer<Volume>,
    pub classes: Informer<StorageClass>,
    pub events: Recorder,
}

/// The subjects that a volume concerns: itself, its claim, and when nobody has it every claim that waits.
pub fn concerned_by_volume(volume: &Volume, claims: &Informer<Claim>) -> Vec<Subject> {
    let mut subjects = vec![Subject::Volume(volume.metadata.name.clone())];
    match &volume.volume.claim {
        Some(((namespace, name), _)) => {
            subjects.push(Subject::Claim(ObjectKey::namespaced(namespace.clone(), name.clone())));
        }
        None => subjects.extend(waiting(claims)),
    }
    subjects
}

/// The subjects that a claim concerns: itself and its volume.
pub fn concerned_by_claim(claim: &Claim, volumes: &Informer<Volume>) -> Vec<Subject> {
    let key = claim.claim.key();
    let kept =
        volumes.all().into_iter().filter(|volume| matches!(&volume.volume.claim, Some((name, _)) if *name == key));
    let named = claim.claim.volume.clone();
    let volumes = kept.map(|volume| volume.metadata.name.clone()).chain(named).map(Subject::Volume);
    std::iter::once(Subject::Claim(claim.metadata.key())).chain(volumes).collect()
}

/// All claims that have no volume yet.
pub fn waiting(claims: &Informer<Claim>) -> impl Iterator<Item = Subject> {
    let all = claims.all().into_iter().filter(|claim| !claim.claim.is_bound());
    all.map(|claim| Subject::Claim(claim.metadata.key()))
}

impl Reconcile for Binder {
    type Key = Subject;
    type Error = kube::Error;

    async fn reconcile(&self, subject: &Subject, writer: &Writer) -> Result<Next, kube::Error> {
        match subject {
            Subject::Claim(key) => {
                let Some(claim) = self.claims.get(key) else { return Ok(Next::Settled) };
                let named = |volume: Arc<Volume>| (volume.metadata.name.clone(), volume);
                let volumes: BTreeMap<_, _> = self.volumes.all().into_iter().map(named).collect();
                let classes = self.classes.all().into_iter().map(|class| (class.metadata.name.clone(), class));
                let known = Known { volumes: &volumes, classes: &classes.collect() };
                let steps = plan::claim(&claim, &known);
                self.act(writer, steps, Some(&claim), Regarding::object(&*claim)).await?;
            }
            Subject::Volume(name) => {
                let Some(volume) = self.volumes.get(&ObjectKey::cluster(name.clone())) else {
                    return Ok(Next::Settled);
                };
                let claim = match &volume.volume.claim {
                    Some(((namespace, name), Some(_))) => {
                        self.claim(writer, &ObjectKey::namespaced(namespace.clone(), name.clone())).await?
                    }
                    _ => None,
                };
                let steps = plan::volume(&volume, claim.as_deref());
                self.act(writer, steps, None, Regarding::object(&*volume)).await?;
            }
        }
        Ok(Next::Settled)
    }
}

impl Binder {
    /// The claim of that name. A volume is released only when the server itself says that there is none.
    async fn claim(&self, writer: &Writer, key: &ObjectKey) -> Result<Option<Arc<Claim>>, kube::Error> {
        match self.claims.get(key) {
            Some(claim) => Ok(Some(claim)),
            None => Ok(writer.read::<Claim>(key).await?.map(Arc::new)),
        }
    }

    async fn act(
        &self,
        writer: &Writer,
        steps: Vec<Step>,
        claim: Option<&Claim>,
        about: Regarding,
    ) -> Result<(), kube::Error> {
        for step in steps {
            match (step, claim) {
                (Step::Say(Tone::Normal, reason, message), _) => self.events.normal(about.clone(), reason, message),
                (Step::Say(Tone::Warning, reason, message), _) => self.events.warning(about.clone(), reason, message),
                (Step::Give { volume }, Some(claim)) => self.give(writer, &volume, claim).await?,
                (Step::VolumePhase { volume, phase, message }, _) => {
                    let status = json!({"phase": phase, "message": message, "reason": null,
                        "lastPhaseTransitionTime": whole_seconds(Timestamp::now()).to_string()});
                    let patch = Patch::Merge(json!({ "status": status }));
                    let patched = writer.patch_status::<Volume>(&ObjectKey::cluster(volume), &patch).await;
                    tolerate(patched)?;
                }
                (Step::Bind { volume, chosen }, Some(claim)) => {
                    let mut annotations = json!({BIND_COMPLETED: "yes"});
                    if chosen && claim.claim.volume.is_none() {
                        annotations[BOUND_BY_CONTROLLER] = "yes".into();
                    }
                    let patch = json!({"metadata": {"uid": &*claim.metadata.uid, "annotations": annotations},
                        "spec": {"volumeName": &*volume}});
                    tolerate(writer.patch::<Claim>(&claim.metadata.key(), &Patch::Merge(patch)).await)?;
                }
                (Step::ClaimStatus { phase, capacity, modes }, Some(claim)) => {
                    let capacity = capacity.map(|storage| json!({ "storage": storage }));
                    let status = json!({"phase": phase, "capacity": capacity, "accessModes": modes});
                    let patch = Patch::Merge(json!({"metadata": {"uid": &*claim.metadata.uid}, "status": status}));
                    tolerate(writer.patch_status::<Claim>(&claim.metadata.key(), &patch).await)?;
                }
                (Step::Classify { class }, Some(claim)) => {
                    let patch = json!({"metadata": {"uid": &*claim.metadata.uid}, "spec": {"storageClassName": class}});
                    tolerate(writer.patch::<Claim>(&claim.metadata.key(), &Patch::Merge(patch)).await)?;
                }
                (Step::AskProvisioner(provisioner), Some(claim)) => {
                    let annotations = json!({"volume.kubernetes.io/storage-provisioner": &*provisioner,
                        "volume.beta.kubernetes.io/storage-provisioner": &*provisioner});
                    let patch = json!({"metadata": {"uid": &*claim.metadata.uid, "annotations": annotations}});
                    tolerate(writer.patch::<Claim>(&claim.metadata.key(), &Patch::Merge(patch)).await)?;
                }
                (Step::TakeBack { volume }, _) => {
                    let patch =
                        json!({"metadata": {"annotations": {BOUND_BY_CONTROLLER: null}}, "spec": {"claimRef": null}});
                    self.patch_volume(writer, &volume, patch).await?;
                }
                (Step::DeleteVolume { volume }, _) => {
                    let key = ObjectKey::cluster(volume);
                    let Some(found) = self.volumes.get(&key) else { continue };
                    writer.delete(&Volume::RESOURCE, &key, &found.metadata.uid, DeleteParams::default()).await?;
                }
                (
                    Step::Give { .. }
                    | Step::Bind { .. }
                    | Step::ClaimStatus { .. }
                    | Step::Classify { .. }
                    | Step::AskProvisioner(_),
                    None,
                ) => {}
            }
        }
        Ok(())
    }

    async fn give(&self, writer: &Writer, volume: &str, claim: &Claim) -> Result<(), kube::Error> {
        let Meta { name, namespace, uid, resource_version, .. } = &claim.metadata;
        let reference = json!({"apiVersion": "v1", "kind": Claim::KIND, "namespace": namespace.as_deref(), "name": &**name,
            "uid": &**uid, "resourceVersion": resource_version.to_string()});
        let mut patch = json!({"spec": {"claimRef": reference}});
        let unclaimed = self.volumes.get(&ObjectKey::cluster(volume)).is_some_and(|known| known.volume.claim.is_none());
        if unclaimed {
            patch["metadata"] = json!({"annotations": {BOUND_BY_CONTROLLER: "yes"}});
        }
        self.patch_volume(writer, volume, patch).await
    }

    /// Patches a volume as we know it: when another write came first, the plan is made anew.
    async fn patch_volume(&self, writer: &Writer, volume: &str, mut patch: Value) -> Result<(), kube::Error> {
        let key = ObjectKey::cluster(volume);
        if let Some(known) = self.volumes.get(&key) {
            patch["metadata"]["uid"] = json!(&*known.metadata.uid);
            patch["metadata"]["resourceVersion"] = json!(known.metadata.resource_version.to_string());
        }
        writer.patch::<Volume>(&key, &Patch::Merge(patch)).await.map(drop)
    }
}

/// What is gone needs nothing any more.
fn tolerate<T>(written: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match written {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
