//! Workloads that roll when a ConfigMap or Secret changes that their pods use, if an annotation asks for it.
//!
//! The content's hash is noted on the workload; when it is another one later, it is written into the pod template's
//! annotations too, which makes whoever controls the workload replace its pods. [`plan`] decides; this file acts.

mod plan;
mod start;

use std::collections::BTreeMap;

use kube::api::Patch;
use serde_json::json;
use timonier_client::{
    Informer, Next, ObjectKey, Reconcile, Writer,
    events::{Recorder, Regarding},
};

use crate::{
    objects::{ConfigContent, PodOwner, SecretContent},
    refusal::is_gone,
};
use plan::{Content, Kind, Step, Used};
pub use start::start;

/// On the workload: `"true"`.
const ROLL: &str = "timonier.dev/roll-on-config-change";
/// On the workload: what was used when it was last looked at; on the template: what its pods are to use.
const HASH: &str = "timonier.dev/config-hash";

pub struct ConfigRoll<T> {
    pub owners: Informer<T>,
    pub events: Recorder,
}

fn asks<T: PodOwner>(owner: &T) -> bool {
    owner.meta().annotations.get(ROLL).is_some_and(|value| value == "true") && !owner.meta().is_deleting()
}

impl<T: PodOwner> Reconcile for ConfigRoll<T> {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(owner) = self.owners.get(key).filter(|owner| asks(&**owner)) else { return Ok(Next::Settled) };
        let used = plan::used(owner.template());
        if used.is_empty() {
            return Ok(Next::Settled);
        }
        let contents = read(used.keys(), key, writer).await?;
        let now = plan::hash(&used, &contents);
        let meta = owner.meta();
        let step = plan::step(meta.annotations.get(HASH).map(String::as_str), now.as_deref());
        let mut patch = json!({"metadata": {"uid": &*meta.uid, "annotations": {HASH: now}}});
        match step {
            Step::Nothing => return Ok(Next::Settled),
            Step::Note => {}
            Step::Roll => patch["spec"]["template"]["metadata"]["annotations"][HASH] = json!(now),
        }
        match writer.patch::<T>(key, &Patch::Merge(patch)).await {
            Ok(_) if step == Step::Roll => {
                let message = "A ConfigMap or Secret that its pods use has changed; they are replaced";
                self.events.normal(Regarding::object(&*owner), "ConfigChanged", message);
            }
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
        Ok(Next::Settled)
    }
}

/// What is there of it, from the server: only metadata is followed.
async fn read(
    used: impl Iterator<Item = &Used>,
    owner: &ObjectKey,
    writer: &Writer,
) -> Result<BTreeMap<Used, Content>, kube::Error> {
    let mut contents = BTreeMap::new();
    for one in used {
        let key = ObjectKey { namespace: owner.namespace.clone(), name: one.name.as_str().into() };
        let content = match one.kind {
            Kind::ConfigMap => writer.read::<ConfigContent>(&key).await?.map(ConfigContent::into_content),
            Kind::Secret => writer.read::<SecretContent>(&key).await?.map(|secret| secret.data),
        };
        if let Some(content) = content {
            contents.insert(one.clone(), content);
        }
    }
    Ok(contents)
}
