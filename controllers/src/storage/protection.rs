//! Claims that a pod uses, and volumes that a claim has, stay until they are used no more.

use kube::Api;
use kube::api::{ListParams, Patch};
use serde_json::json;
use timonier_client::{Informer, Meta, Next, Object, ObjectKey, Reconcile, Writer};

use crate::objects::{Claim, Pod, Volume};
use crate::refusal::is_gone;

const CLAIM_FINALIZER: &str = "kubernetes.io/pvc-protection";
const VOLUME_FINALIZER: &str = "kubernetes.io/pv-protection";

pub struct ProtectedClaims {
    pub claims: Informer<Claim>,
    pub pods: Informer<Pod>,
}

pub struct ProtectedVolumes {
    pub volumes: Informer<Volume>,
}

fn is_held(meta: &Meta, finalizer: &str) -> bool {
    meta.is_deleting() && meta.finalizers.iter().any(|held| held == finalizer)
}

/// Whether a pod has the claim: one that has no node yet will not be given one.
fn uses(pod: &Pod, claim: &str) -> bool {
    pod.spec.node_name.as_deref().is_some_and(|node| !node.is_empty()) && pod.claims().any(|name| name == claim)
}

impl Reconcile for ProtectedClaims {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(claim) = self.claims.get(key) else { return Ok(Next::Settled) };
        let namespace = key.namespace().unwrap_or_default();
        if !is_held(&claim.metadata, CLAIM_FINALIZER)
            || self.pods.in_namespace(namespace).iter().any(|pod| uses(pod, &key.name))
        {
            return Ok(Next::Settled);
        }
        // Our copy may be late, and data would be lost.
        let live: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(writer.client().clone(), namespace);
        for pod in live.list(&ListParams::default()).await?.items {
            let pod: Pod =
                serde_json::to_value(pod).and_then(serde_json::from_value).map_err(kube::Error::SerdeError)?;
            if uses(&pod, &key.name) {
                return Ok(Next::Settled);
            }
        }
        let_go::<Claim>(writer, &claim.metadata, CLAIM_FINALIZER).await
    }
}

impl Reconcile for ProtectedVolumes {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        match self.volumes.get(key) {
            Some(volume) if is_held(&volume.metadata, VOLUME_FINALIZER) && &*volume.volume.phase != "Bound" => {
                let_go::<Volume>(writer, &volume.metadata, VOLUME_FINALIZER).await
            }
            _ => Ok(Next::Settled),
        }
    }
}

/// Removes a finalizer from the object as we know it.
pub async fn let_go<T: Object>(writer: &Writer, meta: &Meta, finalizer: &str) -> Result<Next, kube::Error> {
    let left: Vec<&String> = meta.finalizers.iter().filter(|held| *held != finalizer).collect();
    let patch = json!({"metadata": {"uid": &*meta.uid, "resourceVersion": meta.resource_version.to_string(),
        "finalizers": left}});
    match writer.patch::<T>(&meta.key(), &Patch::Merge(patch)).await {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(Next::Settled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_used_by_pods_that_have_a_node() {
        let pod = |node: &str, claim: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"nodeName": node, "volumes": [
                {"name": "a", "emptyDir": {}}, {"name": "b", "persistentVolumeClaim": {"claimName": claim}},
                {"name": "c", "ephemeral": {}}]}}))
            .expect("a pod")
        };
        assert!(uses(&pod("n1", "data"), "data"));
        assert!(uses(&pod("n1", "data"), "p-c"));
        assert!(!uses(&pod("", "data"), "data"));
        assert!(!uses(&pod("n1", "other"), "data"));
    }
}
