//! What an agent must know of its cluster to run static pods while no API server answers, kept from the last time one did.

use std::{fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Config;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    #[serde(rename = "podCIDR", skip_serializing_if = "Option::is_none")]
    pub pod_cidr: Option<String>,
}

impl Known {
    /// Nothing, for an agent without static pods: it has nothing to do before the API server answers.
    pub fn load(config: &Config) -> Known {
        if config.pod_manifest_path.is_none() {
            return Known::default();
        }
        match fs::read_to_string(path(config)) {
            Ok(text) => serde_json::from_str(&text).unwrap_or_else(|error| {
                tracing::warn!(%error, path = %path(config).display(), "what was known of the cluster is lost");
                Known::default()
            }),
            Err(_) => Known::default(),
        }
    }

    pub fn save(&self, config: &Config) {
        if config.pod_manifest_path.is_some()
            && *self != Known::load(config)
            && let Err(error) = self.write(config)
        {
            tracing::warn!(%error, path = %path(config).display(), "static pods will not start without an API server");
        }
    }

    /// At once or not at all.
    fn write(&self, config: &Config) -> io::Result<()> {
        let (path, text) = (path(config), serde_json::to_string(self)?);
        let half = path.with_extension("new");
        fs::create_dir_all(&config.state_dir)?;
        fs::write(&half, text)?;
        fs::rename(half, path)
    }
}

fn path(config: &Config) -> PathBuf {
    config.state_dir.join("cluster.json")
}
