//! Which claims a pod's volumes use.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

/// A claim that a pod's volume uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodClaim {
    pub name: Arc<str>,
    /// Made for this pod and nobody else.
    pub ephemeral: bool,
}

impl PodClaim {
    /// The claims of a pod's volumes, in their order.
    pub fn of(pod: &core::Pod) -> Vec<PodClaim> {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let claims = volumes.filter_map(|volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
            (Some(claim), _) => Some(PodClaim { name: claim.claim_name.as_str().into(), ephemeral: false }),
            (None, Some(_)) => {
                let name = format!("{}-{}", pod.metadata.name.as_deref().unwrap_or_default(), volume.name);
                Some(PodClaim { name: name.into(), ephemeral: true })
            }
            (None, None) => None,
        });
        claims.collect()
    }
}
