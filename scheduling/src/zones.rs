//! How many pods of each controller are in each zone, kept up to date: walking all nodes for each decision would
//! cost more than everything else together.

use std::collections::HashMap;
use std::sync::Arc;

use crate::node::Usage;

/// Zones of one controller are few, so a list is faster than a map.
#[derive(Debug, Clone, Default)]
pub struct Zones {
    by_controller: HashMap<Arc<str>, Vec<(Arc<str>, u32)>>,
}

impl Zones {
    /// Zones that have pods of a controller, with how many.
    pub fn of(&self, controller: &str) -> &[(Arc<str>, u32)] {
        self.by_controller.get(controller).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn add(&mut self, controller: &Arc<str>, zone: &Arc<str>, pods: u32) {
        let zones = self.by_controller.entry(controller.clone()).or_default();
        match zones.iter_mut().find(|(known, _)| known == zone) {
            Some((_, count)) => *count += pods,
            None => zones.push((zone.clone(), pods)),
        }
    }

    pub(crate) fn remove(&mut self, controller: &str, zone: &str, pods: u32) {
        let Some(zones) = self.by_controller.get_mut(controller) else { return };
        if let Some(at) = zones.iter().position(|(known, _)| **known == *zone) {
            zones[at].1 = zones[at].1.saturating_sub(pods);
            if zones[at].1 == 0 {
                zones.swap_remove(at);
            }
        }
        if zones.is_empty() {
            self.by_controller.remove(controller);
        }
    }

    /// All pods of a node come into its zone, with the node.
    pub(crate) fn enter(&mut self, zone: Option<&Arc<str>>, usage: &Usage) {
        let Some(zone) = zone else { return };
        for (controller, pods) in usage.by_controller() {
            self.add(controller, zone, pods);
        }
    }

    /// All pods of a node leave its zone, with the node.
    pub(crate) fn leave(&mut self, zone: Option<&Arc<str>>, usage: &Usage) {
        let Some(zone) = zone else { return };
        for (controller, pods) in usage.by_controller() {
            self.remove(controller, zone, pods);
        }
    }
}
