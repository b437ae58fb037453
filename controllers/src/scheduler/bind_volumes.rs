//! What a pod's claims need before the pod is bound: volumes given, nodes told to whoever makes volumes, and patience.

use std::time::Duration;

use kube::api::Patch;
use serde_json::{Value, json};
use timonier_client::object::{Object, ObjectKey};
use timonier_client::watch::brief;
use timonier_client::writer::Writer;
use timonier_scheduling::volume::{Bindings, ClaimName, Given, SELECTED_NODE};
use tokio::time::{Instant, sleep};

use super::state::{Binding, key};
use super::storage::{ClaimView, VolumeView};
use super::view::{PodView, Stage};

/// As long as Kubernetes' scheduler waits for volumes.
const PATIENCE: Duration = Duration::from_secs(600);
/// First and longest time between two looks at the claims.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Why the volumes are not bound.
pub enum Unbound {
    /// The pod no longer waits for it.
    Moot,
    Failed(String),
}

impl From<kube::Error> for Unbound {
    fn from(error: kube::Error) -> Unbound {
        Unbound::Failed(brief(&error).to_string())
    }
}

/// Returns when every claim of the binding has its volume.
pub async fn bind_volumes(writer: &Writer, binding: &Binding) -> Result<(), Unbound> {
    let bindings = &binding.bindings;
    for (volume, given) in &bindings.give {
        give(writer, volume, given).await?;
    }
    for claim in &bindings.provision {
        select_node(writer, claim, &binding.node).await?;
    }
    wait(writer, binding, bindings).await
}

fn failed<T>(message: impl Into<String>) -> Result<T, Unbound> {
    Err(Unbound::Failed(message.into()))
}

fn claim_key((namespace, name): &ClaimName) -> ObjectKey {
    ObjectKey::namespaced(namespace.clone(), name.clone())
}

async fn give(writer: &Writer, volume: &str, given: &Given) -> Result<(), Unbound> {
    let at = ObjectKey::cluster(volume);
    let Some(found) = writer.read::<VolumeView>(&at).await? else {
        return failed(format!("persistentvolume {volume:?} not found"));
    };
    match &found.volume.claim {
        Some((name, Some(uid))) if *name == given.claim && *uid == given.uid => return Ok(()),
        Some((name, uid)) if *name != given.claim || uid.is_some() => {
            return failed(format!("persistentvolume {volume:?} is given to another claim"));
        }
        _ => {}
    }
    let (namespace, name) = &given.claim;
    let claim = json!({"apiVersion": "v1", "kind": ClaimView::KIND, "namespace": &**namespace, "name": &**name,
        "uid": &*given.uid});
    let patch = json!({
        "metadata": at_revision(found.meta()),
        "spec": {"claimRef": claim},
    });
    writer.patch::<VolumeView>(&at, &Patch::Merge(patch)).await?;
    Ok(())
}

async fn select_node(writer: &Writer, claim: &ClaimName, node: &str) -> Result<(), Unbound> {
    let at = claim_key(claim);
    let Some(found) = writer.read::<ClaimView>(&at).await? else {
        return failed(format!("persistentvolumeclaim {:?} not found", claim.1));
    };
    match found.claim.selected_node.as_deref() {
        Some(selected) if selected == node => return Ok(()),
        _ if found.claim.is_bound() => return Ok(()),
        Some(selected) => {
            return failed(format!("node {selected:?} was selected for persistentvolumeclaim {:?}", claim.1));
        }
        None => {}
    }
    let mut metadata = at_revision(found.meta());
    metadata["annotations"] = json!({SELECTED_NODE: node});
    writer.patch::<ClaimView>(&at, &Patch::Merge(json!({"metadata": metadata}))).await?;
    Ok(())
}

/// Makes a patch a conflict when something else was written since.
fn at_revision(meta: &timonier_client::object::Meta) -> Value {
    json!({"uid": &*meta.uid, "resourceVersion": meta.resource_version.to_string()})
}

async fn wait(writer: &Writer, binding: &Binding, bindings: &Bindings) -> Result<(), Unbound> {
    let start = Instant::now();
    let mut pause = LOOKS.0;
    loop {
        let mut bound = true;
        for claim in bindings.claims() {
            let Some(found) = writer.read::<ClaimView>(&claim_key(claim)).await? else {
                return failed(format!("persistentvolumeclaim {:?} not found", claim.1));
            };
            if found.claim.is_bound() {
                continue;
            }
            // Whoever makes volumes takes the choice back when it can't be had.
            if bindings.provision.contains(claim) && found.claim.selected_node.as_deref() != Some(&binding.node) {
                return failed(format!("the node selected for persistentvolumeclaim {:?} was taken back", claim.1));
            }
            bound = false;
        }
        if bound {
            return Ok(());
        }
        let pod = writer.read::<PodView>(&key(&binding.pod)).await?;
        let waits = pod.is_some_and(|pod| pod.meta.uid == binding.pod.uid && pod.stage == Stage::Unscheduled);
        if !waits {
            return Err(Unbound::Moot);
        }
        if start.elapsed() > PATIENCE {
            return failed("context deadline exceeded");
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LOOKS.1);
    }
}
