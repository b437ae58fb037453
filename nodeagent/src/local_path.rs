//! The node's directories of PersistentVolumes: removed when their volume is deleted and its policy says so. They are made
//! when the first pod mounts them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use timonier_client::{
    object::{Meta, Resource, Revision},
    watch::{Scope, Step, Watched, Watcher},
};
use tokio::{task::JoinSet, time::sleep};

use crate::{node::in_time, volumes};

/// Held on each volume of this kind until its directory is gone.
const FINALIZER: &str = "timonier.io/local-path";
/// On a volume: its node.
const NODE_LABEL: &str = "timonier.io/node";
/// After a removal that failed.
const RETRY: Duration = Duration::from_secs(10);

/// As the watch delivers it.
#[derive(Clone)]
struct Found {
    meta: Meta,
    volume: Arc<PersistentVolume>,
}

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let volume = PersistentVolume::deserialize(deserializer)?;
        let version = volume.metadata.resource_version.as_deref().and_then(|version| version.parse().ok());
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        let meta = Meta { name: name.into(), resource_version: Revision(version.unwrap_or(0)), ..Meta::default() };
        Ok(Found { meta, volume: Arc::new(volume) })
    }
}

impl Watched for Found {
    fn metadata(&self) -> &Meta {
        &self.meta
    }
}

/// What a node's agent removes when a volume ends.
pub struct LocalPaths {
    pub client: Client,
    pub node_name: String,
    pub state_dir: PathBuf,
    /// Nothing was ever made.
    pub simulated: bool,
}

impl LocalPaths {
    /// Follows the node's volumes and never ends.
    pub async fn follow(self) {
        let scope = Scope { label_selector: Some(format!("{NODE_LABEL}={}", self.node_name)), ..Scope::default() };
        let resource = Resource::of("", "v1", "persistentvolumes");
        let mut watcher: Watcher<Found> = Watcher::new(self.client.clone(), resource, scope);
        let (this, mut endings) = (Arc::new(self), JoinSet::new());
        loop {
            let changed = match watcher.next().await {
                Step::Reset { objects, .. } => objects,
                Step::Changed { object, .. } => vec![object],
                Step::Removed { .. } | Step::Progress { .. } => continue,
            };
            for found in changed.into_iter().filter(|found| ends(&found.volume)) {
                let this = this.clone();
                // One that can't be removed keeps no other waiting.
                endings.spawn(async move {
                    while let Err(error) = this.end(&found.volume).await {
                        tracing::warn!(volume = &*found.meta.name, error, "volume not removed");
                        sleep(RETRY).await;
                    }
                });
            }
            while endings.try_join_next().is_some() {}
        }
    }

    /// Removes the directory if that is wanted, then lets go of the volume.
    async fn end(&self, volume: &PersistentVolume) -> Result<(), String> {
        if let Some(dir) = doomed(volume).filter(|dir| !self.simulated && volumes::is_own(&self.state_dir, dir)) {
            let removal = tokio::task::spawn_blocking(move || match std::fs::remove_dir_all(&dir) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(format!("{}: {error}", dir.display()))
                }
                _ => Ok(()),
            });
            removal.await.map_err(|error| error.to_string())??;
        }
        let meta = &volume.metadata;
        let finalizers = meta.finalizers.iter().flatten().filter(|held| *held != FINALIZER);
        let patch = json!({"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version,
            "finalizers": finalizers.collect::<Vec<_>>()}});
        let volumes: Api<PersistentVolume> = Api::all(self.client.clone());
        let name = meta.name.as_deref().unwrap_or_default();
        match in_time(volumes.patch(name, &PatchParams::default(), &Patch::Merge(patch))).await {
            Ok(_) => Ok(()),
            // Gone, or changed since: the watch tells.
            Err(crate::node::WriteError::Api(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Whether a volume waits for its agent, and for nobody else.
fn ends(volume: &PersistentVolume) -> bool {
    let meta = &volume.metadata;
    meta.deletion_timestamp.is_some() && meta.finalizers.as_ref().is_some_and(|held| *held == [FINALIZER])
}

/// The directory that goes with a volume.
fn doomed(volume: &PersistentVolume) -> Option<PathBuf> {
    let spec = volume.spec.as_ref()?;
    let delete = spec.persistent_volume_reclaim_policy.as_deref() == Some("Delete");
    (delete && volumes::is_provisioned(volume)).then(|| spec.local.as_ref().map(|local| local.path.clone().into()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(policy: &str, by: &str, finalizers: &[&str], deleted: bool) -> PersistentVolume {
        let mut volume = json!({"metadata": {"name": "pv", "finalizers": finalizers,
            "annotations": {"pv.kubernetes.io/provisioned-by": by}},
            "spec": {"persistentVolumeReclaimPolicy": policy, "local": {"path": "/state/local-path/pv"}}});
        if deleted {
            volume["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        serde_json::from_value(volume).expect("a volume")
    }

    #[test]
    fn a_volume_ends_here_when_nobody_else_holds_it() {
        assert!(ends(&volume("Delete", "", &[FINALIZER], true)));
        assert!(!ends(&volume("Delete", "", &[FINALIZER], false)));
        assert!(!ends(&volume("Delete", "", &[FINALIZER, "kubernetes.io/pv-protection"], true)));
        assert!(!ends(&volume("Delete", "", &[], true)));
    }

    #[test]
    fn only_what_was_made_here_and_is_not_to_be_kept_is_removed() {
        let of = |policy, by| doomed(&volume(policy, by, &[FINALIZER], true));
        assert_eq!(of("Delete", "timonier.io/local-path"), Some("/state/local-path/pv".into()));
        assert_eq!(of("Retain", "timonier.io/local-path"), None);
        assert_eq!(of("Delete", "example.com/other"), None);
    }
}
