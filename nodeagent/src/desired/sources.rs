//! What a pod refers to: which ConfigMaps, Secrets, tokens and claims, and what they held.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    ConfigMap, Container, PersistentVolume, PersistentVolumeClaim, Pod, Secret, ServiceAccountTokenProjection, Volume,
};

use super::{ConfigError, spec};

/// Names in the pod's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    pub config_maps: BTreeSet<String>,
    pub secrets: BTreeSet<String>,
    pub tokens: BTreeSet<Audience>,
    pub claims: BTreeSet<String>,
}

/// A token of the pod's account: for whom, and for how many seconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Audience {
    /// Empty: the API server itself.
    pub audience: String,
    pub seconds: i64,
}

impl Audience {
    pub fn of(from: &ServiceAccountTokenProjection) -> Audience {
        const HOUR: i64 = 3600;
        Audience {
            audience: from.audience.clone().unwrap_or_default(),
            seconds: from.expiration_seconds.unwrap_or(HOUR),
        }
    }
}

/// A claim and the PersistentVolume that it is bound to.
pub type Claim = (PersistentVolumeClaim, Option<PersistentVolume>);

/// What was found under the names; `None`: there is none.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub namespace: String,
    pub config_maps: BTreeMap<String, Option<ConfigMap>>,
    pub secrets: BTreeMap<String, Option<Secret>>,
    pub tokens: BTreeMap<Audience, String>,
    pub claims: BTreeMap<String, Option<Claim>>,
    /// Variables that tell of Services.
    pub service_links: Vec<(String, String)>,
}

impl References {
    /// What a container's environment refers to.
    pub fn of_environment(container: &Container) -> References {
        let mut names = References::default();
        for source in container.env_from.iter().flatten() {
            names.config_maps.extend(source.config_map_ref.iter().map(|from| from.name.clone()));
            names.secrets.extend(source.secret_ref.iter().map(|from| from.name.clone()));
        }
        for from in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
            names.config_maps.extend(from.config_map_key_ref.iter().map(|key| key.name.clone()));
            names.secrets.extend(from.secret_key_ref.iter().map(|key| key.name.clone()));
        }
        names
    }

    /// What the pod's volumes refer to.
    pub fn of_volumes(pod: &Pod) -> References {
        let mut names = References::default();
        for volume in spec(pod).volumes.iter().flatten() {
            names.config_maps.extend(volume.config_map.iter().map(|from| from.name.clone()));
            names.secrets.extend(volume.secret.iter().filter_map(|from| from.secret_name.clone()));
            let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
            names.claims.extend(claim_name(pod, volume));
            for source in projected {
                names.tokens.extend(source.service_account_token.iter().map(Audience::of));
                names.config_maps.extend(source.config_map.iter().map(|from| from.name.clone()));
                names.secrets.extend(source.secret.iter().map(|from| from.name.clone()));
            }
        }
        names
    }
}

impl Sources {
    /// Data and binary data as bytes by key. `Ok(None)`: it does not exist, and may be absent.
    pub fn config_map(&self, name: &str, optional: bool) -> Result<Option<BTreeMap<String, Vec<u8>>>, ConfigError> {
        match self.config_maps.get(name).and_then(Option::as_ref) {
            Some(found) => {
                let text = found.data.iter().flatten().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
                let binary = found.binary_data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
                Ok(Some(text.chain(binary).collect()))
            }
            None if optional => Ok(None),
            None => Err(ConfigError(format!("configmap {name:?} not found"))),
        }
    }

    pub fn token(&self, audience: &Audience) -> Result<&str, ConfigError> {
        let token = self.tokens.get(audience).map(String::as_str);
        token.ok_or_else(|| ConfigError("failed to fetch token".to_owned()))
    }

    /// The same for a Secret.
    pub fn secret(&self, name: &str, optional: bool) -> Result<Option<BTreeMap<String, Vec<u8>>>, ConfigError> {
        match self.secrets.get(name).and_then(Option::as_ref) {
            Some(found) => {
                Ok(Some(found.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone())).collect()))
            }
            None if optional => Ok(None),
            None => Err(ConfigError(format!("secret {name:?} not found"))),
        }
    }
}
/// The claim that a volume uses: one that is named, or the one that was made for this pod and volume.
pub fn claim_name(pod: &Pod, volume: &Volume) -> Option<String> {
    if let Some(claim) = &volume.persistent_volume_claim {
        return Some(claim.claim_name.clone());
    }
    volume.ephemeral.as_ref()?;
    Some(format!("{}-{}", pod.metadata.name.as_deref().unwrap_or_default(), volume.name))
}
