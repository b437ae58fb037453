//! How much of each zone is unhealthy, and how fast its nodes may therefore lose their pods. Pure.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use timonier_client::Object;

use crate::{flags::NodeFlags, objects::Node};

/// Region and zone of a node; both empty when its labels do not say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Zone(String, String);

pub fn zone(node: &Node) -> Zone {
    let label = |names: [&str; 2]| {
        let labels = &node.meta().labels;
        names.iter().find_map(|name| labels.get(*name)).cloned().unwrap_or_default()
    };
    Zone(
        label(["topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"]),
        label(["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"]),
    )
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    nodes: usize,
    unhealthy: usize,
}

/// Nodes a second that may lose their pods, by zone. None: no node of any zone is healthy, so that the trouble is more
/// likely ours, and nobody may.
pub fn rates(nodes: &[Arc<Node>], flags: &NodeFlags) -> Option<BTreeMap<Zone, f64>> {
    let mut zones: BTreeMap<Zone, Count> = BTreeMap::new();
    for node in nodes {
        let count = zones.entry(zone(node)).or_default();
        count.nodes += 1;
        count.unhealthy += usize::from(!node.is_ready());
    }
    if !zones.is_empty() && zones.values().all(|count| count.unhealthy == count.nodes) {
        return None;
    }
    Some(zones.into_iter().map(|(zone, count)| (zone, rate(count, flags))).collect())
}

fn rate(Count { nodes, unhealthy }: Count, flags: &NodeFlags) -> f64 {
    // A zone of which nothing is left is lost, not overloaded.
    let partly = unhealthy > 2 && unhealthy < nodes;
    #[expect(clippy::cast_precision_loss, reason = "counts of nodes are small")]
    let part = unhealthy as f64 / nodes as f64;
    match partly && part >= flags.unhealthy_zone_threshold {
        true if nodes > flags.large_cluster_size_threshold => flags.secondary_node_eviction_rate,
        true => 0.0,
        false => flags.node_eviction_rate,
    }
}

/// Lets one through at once, and then as many as the rate allows.
#[derive(Debug, Clone, Copy)]
pub struct Limiter {
    tokens: f64,
    at: Duration,
}

impl Limiter {
    pub fn new(now: Duration) -> Limiter {
        Limiter { tokens: 1.0, at: now }
    }

    pub fn pass(&mut self, now: Duration, rate: f64) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(rate.max(1.0));
        self.at = now;
        let pass = rate > 0.0 && self.tokens >= 1.0;
        if pass {
            self.tokens -= 1.0;
        }
        pass
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nodes(zone: &str, ready: usize, lost: usize) -> Vec<Arc<Node>> {
        let node = |status: &str| {
            let node = json!({"metadata": {"name": "a", "labels": {"topology.kubernetes.io/zone": zone}},
                "status": {"conditions": [{"type": "Ready", "status": status}]}});
            Arc::new(serde_json::from_value(node).expect("a node"))
        };
        (0..ready).map(|_| node("True")).chain((0..lost).map(|_| node("Unknown"))).collect()
    }

    fn check(all: &[(&str, usize, usize)], expect: Option<&[f64]>) {
        let nodes: Vec<_> = all.iter().flat_map(|(zone, ready, lost)| nodes(zone, *ready, *lost)).collect();
        let found = rates(&nodes, &NodeFlags::default()).map(|rates| rates.into_values().collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expect, "{all:?}");
    }

    #[test]
    fn the_more_of_a_zone_is_unhealthy_the_slower_its_pods_leave() {
        check(&[("a", 10, 1)], Some(&[0.1]));
        check(&[("a", 1, 2)], Some(&[0.1]));
        check(&[("a", 2, 3)], Some(&[0.0]));
        check(&[("a", 40, 60)], Some(&[0.01]));
    }

    #[test]
    fn a_lost_zone_is_left_but_when_all_are_lost_nobody_leaves() {
        check(&[("a", 10, 0), ("b", 0, 10)], Some(&[0.1, 0.1]));
        check(&[("a", 0, 10), ("b", 0, 10)], None);
        check(&[("a", 0, 1)], None);
        check(&[], Some(&[]));
    }

    #[test]
    fn the_limiter_lets_one_pass_and_then_keeps_the_rate() {
        let at = Duration::from_secs;
        let mut limiter = Limiter::new(at(100));
        assert!(limiter.pass(at(100), 0.1));
        assert!(!limiter.pass(at(105), 0.1));
        assert!(limiter.pass(at(110), 0.1));
        assert!(!limiter.pass(at(111), 0.0));
        let mut never = Limiter::new(at(0));
        assert!(!never.pass(at(1000), 0.0));
        let mut fast = Limiter::new(at(0));
        assert!((0..3).all(|_| fast.pass(at(1), 3.0)) && !fast.pass(at(1), 3.0));
    }
}
