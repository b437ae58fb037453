//! The ConfigMaps and Secrets that a pod refers to: which, and what they held.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, Secret};

use super::{ConfigError, spec};

/// Names in the pod's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    pub config_maps: BTreeSet<String>,
    pub secrets: BTreeSet<String>,
}

/// What was found under the names; `None`: there is none.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub namespace: String,
    pub config_maps: BTreeMap<String, Option<ConfigMap>>,
    pub secrets: BTreeMap<String, Option<Secret>>,
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
            for source in projected {
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
