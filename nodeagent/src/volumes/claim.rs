//! What a pod's PersistentVolumeClaim comes to on this machine. Pure.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{PersistentVolume, Pod, Volume};

use super::files::Content;
use crate::desired::{ConfigError, sources::Sources};

/// Writes PersistentVolumes whose directories the agents of their nodes make and remove.
pub const PROVISIONER: &str = "timonier.io/local-path";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// The directory behind a claim.
pub fn content(pod: &Pod, volume: &Volume, name: &str, sources: &Sources) -> Result<Content, ConfigError> {
    let error = |message: String| Err(ConfigError(message));
    let Some((claim, bound_to)) = sources.claims.get(name).and_then(Option::as_ref) else {
        return error(format!("persistentvolumeclaim {name:?} not found"));
    };
    if volume.ephemeral.is_some() {
        let owners = claim.metadata.owner_references.iter().flatten();
        let ours = |uid: &str| Some(uid) == pod.metadata.uid.as_deref();
        if !owners.clone().any(|owner| owner.controller == Some(true) && ours(&owner.uid)) {
            let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
            return error(format!(
                "PVC {}/{name} was not created for pod {}/{pod_name} (pod is not owner)",
                sources.namespace, sources.namespace
            ));
        }
    }
    if claim.status.as_ref().and_then(|status| status.phase.as_deref()) != Some("Bound") {
        return error("PVC is not bound".to_owned());
    }
    let Some(found) = bound_to else {
        let volume_name = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).unwrap_or_default();
        return error(format!("persistentvolume {volume_name:?} not found"));
    };
    let spec = found.spec.clone().unwrap_or_default();
    let uid = spec.claim_ref.as_ref().and_then(|claim| claim.uid.as_deref());
    if uid != claim.metadata.uid.as_deref() {
        return error(format!("PersistentVolume {:?} is bound to another claim", name_of(found)));
    }
    if spec.volume_mode.as_deref() == Some("Block") {
        return error("no node of this version can map block volumes".to_owned());
    }
    if let Some(host) = spec.host_path {
        return Ok(Content::Host { path: host.path.into(), kind: host.type_.unwrap_or_default() });
    }
    match spec.local {
        Some(local) => Ok(Content::Local { path: local.path.into(), provisioned: is_provisioned(found) }),
        None => error("no node of this version can mount this kind of PersistentVolume".to_owned()),
    }
}

/// Whether a volume may be read only, whatever its mounts say.
pub fn is_read_only(volume: &Volume) -> bool {
    volume.persistent_volume_claim.as_ref().is_some_and(|claim| claim.read_only == Some(true))
}

pub fn is_provisioned(volume: &PersistentVolume) -> bool {
    let annotations = volume.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(PROVISIONED_BY)).is_some_and(|by| by == PROVISIONER)
}

fn name_of(volume: &PersistentVolume) -> &str {
    volume.metadata.name.as_deref().unwrap_or_default()
}

/// `<state_dir>/local-path`: the only place where an agent makes and removes directories of PersistentVolumes.
pub fn provisioned_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("local-path")
}

/// Whether a path is a directory that this agent may make and remove: a child of [`provisioned_dir`].
pub fn is_own(state_dir: &Path, path: &Path) -> bool {
    let is_plain = path.components().all(|part| !matches!(part, std::path::Component::ParentDir));
    is_plain && path.parent() == Some(&provisioned_dir(state_dir)) && path.file_name().is_some()
}

#[cfg(test)]
mod tests {
    use crate::desired::sources::claim_name;
    use k8s_openapi::api::core::v1::PersistentVolumeClaim;
    use serde_json::{Value, json};

    use super::*;

    fn resolve(volume: Value, claim: Value, bound_to: Option<Value>) -> Result<Content, String> {
        let pod: Pod = serde_json::from_value(json!({"metadata":{"name":"p","uid":"pod-1"}})).expect("a pod");
        let volume: Volume = serde_json::from_value(volume).expect("a volume");
        let name = claim_name(&pod, &volume).expect("a claim");
        let claim: Option<PersistentVolumeClaim> = serde_json::from_value(claim).expect("a claim");
        let bound_to = bound_to.map(|found| serde_json::from_value(found).expect("a volume"));
        let claims = [(name.clone(), claim.map(|claim| (claim, bound_to)))].into();
        let sources = Sources { namespace: "a".into(), claims, ..Sources::default() };
        content(&pod, &volume, &name, &sources).map_err(|error| error.0)
    }

    #[test]
    fn a_claim_comes_to_a_directory_or_to_what_is_missing() {
        let named = json!({"name":"v","persistentVolumeClaim":{"claimName":"data"}});
        let bound = json!({"metadata":{"uid":"c"},"spec":{"volumeName":"pv"},"status":{"phase":"Bound"}});
        let local = |uid: &str, by: &str| {
            json!({"metadata":{"name":"pv","annotations":{PROVISIONED_BY:by}},
            "spec":{"claimRef":{"uid":uid},"local":{"path":"/d"}}})
        };
        let found = |path: &str, provisioned| Ok(Content::Local { path: path.into(), provisioned });
        for (claim, volume, expected) in [
            (Value::Null, None, Err("persistentvolumeclaim \"data\" not found")),
            (json!({"status":{"phase":"Pending"}}), None, Err("PVC is not bound")),
            (bound.clone(), None, Err("persistentvolume \"pv\" not found")),
            (bound.clone(), Some(local("x", "")), Err("PersistentVolume \"pv\" is bound to another claim")),
            (bound.clone(), Some(local("c", "")), found("/d", false)),
            (bound.clone(), Some(local("c", PROVISIONER)), found("/d", true)),
            (
                bound.clone(),
                Some(json!({"spec":{"claimRef":{"uid":"c"},"hostPath":{"path":"/h","type":"Directory"}}})),
                Ok(Content::Host { path: "/h".into(), kind: "Directory".into() }),
            ),
            (
                bound.clone(),
                Some(json!({"spec":{"claimRef":{"uid":"c"},"nfs":{"server":"s","path":"/"}}})),
                Err("no node of this version can mount this kind of PersistentVolume"),
            ),
        ] {
            assert_eq!(resolve(named.clone(), claim, volume), expected.map_err(str::to_owned));
        }
    }

    #[test]
    fn an_ephemeral_claim_must_be_the_pods_own() {
        let volume = json!({"name":"v","ephemeral":{}});
        let claim = |owner: &str| {
            json!({"metadata":{"uid":"c","ownerReferences":[
            {"apiVersion":"v1","kind":"Pod","name":"p","uid":owner,"controller":true}]},"status":{"phase":"Bound"}})
        };
        let bound_to = json!({"spec":{"claimRef":{"uid":"c"},"local":{"path":"/d"}}});
        assert!(resolve(volume.clone(), claim("pod-1"), Some(bound_to.clone())).is_ok());
        assert_eq!(
            resolve(volume, claim("pod-0"), Some(bound_to)),
            Err("PVC a/p-v was not created for pod a/p (pod is not owner)".to_owned())
        );
    }

    #[test]
    fn only_children_of_its_own_place_are_an_agents_to_make_and_remove() {
        let state = Path::new("/var/lib/timonier");
        for (path, own) in [
            ("/var/lib/timonier/local-path/pvc-1", true),
            ("/var/lib/timonier/local-path", false),
            ("/var/lib/timonier/local-path/a/b", false),
            ("/var/lib/timonier/local-path/..", false),
            ("/var/lib/timonier/pods", false),
            ("/etc", false),
        ] {
            assert_eq!(is_own(state, Path::new(path)), own, "{path}");
        }
    }
}
