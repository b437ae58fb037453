//! Claims that are made for one pod, from the template in its volume, and go with it.

use serde_json::{Value, json};
use timonier_client::events::{Recorder, Regarding};
use timonier_client::{Informer, Next, Object, ObjectKey, Reconcile, Writer};

use crate::objects::{Claim, Pod};
use crate::owners;
use crate::refusal::namespace_ends;

pub struct EphemeralVolumes {
    pub pods: Informer<Pod>,
    pub claims: Informer<Claim>,
    pub events: Recorder,
}

/// The pod that a claim was made for, by name.
pub fn pod_of(claim: &Claim, pods: &Informer<Pod>) -> Option<ObjectKey> {
    let owner = claim.claim.owner.as_deref()?;
    let pods = pods.in_namespace(&claim.claim.namespace);
    pods.iter().find(|pod| *pod.metadata.uid == *owner).map(|pod| pod.metadata.key())
}

impl Reconcile for EphemeralVolumes {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(pod) = self.pods.get(key).filter(|pod| pod.is_active()) else { return Ok(Next::Settled) };
        let namespace = key.namespace().unwrap_or_default();
        let missing: Vec<_> = pod
            .ephemeral_claims()
            .filter(|(_, claim)| self.claims.get(&ObjectKey::namespaced(namespace, claim.as_str())).is_none())
            .collect();
        if missing.is_empty() {
            return Ok(Next::Settled);
        }
        // The templates are not in our copy.
        let pods: kube::Api<kube::api::DynamicObject> = kube::Api::namespaced_with(
            writer.client().clone(),
            namespace,
            &kube::api::ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&()),
        );
        let Some(whole) = pods.get_opt(&key.name).await? else { return Ok(Next::Settled) };
        if whole.metadata.uid.as_deref() != Some(&*pod.metadata.uid) {
            return Ok(Next::Settled);
        }
        for (volume, claim) in missing {
            let volumes = whole.data["spec"]["volumes"].as_array();
            let found = volumes.into_iter().flatten().find(|one| one["name"] == *volume);
            let Some(template) = found.map(|one| &one["ephemeral"]["volumeClaimTemplate"]) else { continue };
            let body = body(&claim, template, owners::reference::<Pod>(&pod.metadata));
            match writer.create::<Claim>(Some(namespace), &body).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" || status.code == 404 => {}
                Err(error) if namespace_ends(&error) => {}
                Err(error) => {
                    let message = format!("ephemeral volume controller: create PVC {claim}: {error}");
                    self.events.warning(Regarding::object(&*pod), "FailedCreate", message);
                    return Err(error);
                }
            }
        }
        Ok(Next::Settled)
    }
}

fn body(claim: &str, template: &Value, owner: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": Claim::KIND,
        "metadata": {
            "name": claim,
            "labels": template["metadata"]["labels"],
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_its_template_under_the_pods_name() {
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"accessModes": ["ReadWriteOnce"]}});
        let made = body("p-data", &template, json!({"kind": "Pod", "uid": "u"}));
        assert_eq!(made["metadata"]["name"], "p-data");
        assert_eq!(made["metadata"]["labels"], json!({"a": "b"}));
        assert_eq!(made["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(made["spec"], template["spec"]);
    }
}
