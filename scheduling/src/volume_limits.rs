//! How many volumes of each CSI driver a node takes, as its CSINode says.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::storage::v1 as storage;

/// Of one node, by driver. A driver that is not in it, or says no number, has no limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VolumeLimits(BTreeMap<Arc<str>, i64>);

/// Of all nodes, by name.
#[derive(Debug, Clone, Default)]
pub struct NodeVolumeLimits(HashMap<Arc<str>, VolumeLimits>);

impl VolumeLimits {
    pub fn parse(node: &storage::CSINode) -> VolumeLimits {
        let limits = node.spec.drivers.iter().filter_map(|driver| {
            let count = driver.allocatable.as_ref()?.count?;
            Some((driver.name.as_str().into(), i64::from(count)))
        });
        VolumeLimits(limits.collect())
    }

    pub fn of(&self, driver: &str) -> Option<i64> {
        self.0.get(driver).copied()
    }
}

impl NodeVolumeLimits {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn of(&self, node: &str) -> Option<&VolumeLimits> {
        self.0.get(node)
    }

    pub fn nodes(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys()
    }

    /// Whether that made a difference.
    pub(crate) fn set(&mut self, node: Arc<str>, limits: VolumeLimits) -> bool {
        self.0.insert(node, limits.clone()).is_none_or(|known| known != limits)
    }

    pub(crate) fn remove(&mut self, node: &str) -> bool {
        self.0.remove(node).is_some()
    }
}
