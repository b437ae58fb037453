//! How Deployments and DaemonSets bring new pods and take old ones.

use std::sync::Arc;

use serde::Deserialize;
use timonier_client::object::null_as_default;

use super::IntOrPercent;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Strategy {
    /// `Recreate` or `OnDelete`, or anything else for a rolling update.
    #[serde(rename = "type")]
    pub kind: Arc<str>,
    #[serde(deserialize_with = "null_as_default")]
    pub rolling_update: RollingUpdate,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollingUpdate {
    pub max_surge: Option<IntOrPercent>,
    pub max_unavailable: Option<IntOrPercent>,
}
