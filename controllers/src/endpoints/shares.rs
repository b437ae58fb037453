//! Endpoints shared out among zones as the nodes' processors are. Pure.

use std::{collections::BTreeMap, sync::Arc};

use timonier_client::Object;

use super::ZONE;
use crate::objects::Node;

/// By how much more than its part an endpoint may have to do.
const OVERLOAD: f64 = 0.2;
/// Nodes that run the cluster itself serve nobody.
const APART: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// Which part of all processors each zone has; at least two zones.
#[derive(Debug, PartialEq)]
pub struct Shares(BTreeMap<Arc<str>, f64>);

impl Shares {
    /// None when there is nothing to choose among, or a node that is ready does not say where it is or what it has.
    pub fn of(nodes: &[Arc<Node>]) -> Option<Shares> {
        let mut processors: BTreeMap<Arc<str>, i64> = BTreeMap::new();
        let apart = |node: &Node| APART.iter().any(|label| node.meta().labels.contains_key(*label));
        for node in nodes.iter().filter(|node| node.is_ready() && !apart(node)) {
            let zone = node.meta().labels.get(ZONE).filter(|zone| !zone.is_empty())?;
            if node.status.processors <= 0 {
                return None;
            }
            *processors.entry(zone.as_str().into()).or_default() += node.status.processors;
        }
        let all: i64 = processors.values().sum();
        let part = |(zone, own): (Arc<str>, i64)| (zone, own as f64 / all as f64);
        (processors.len() > 1).then(|| Shares(processors.into_iter().map(part).collect()))
    }

    /// For which zone each endpoint is, given in which each one is: its own, except where one zone has too many and another too
    /// few. None when some zone would have too much to do.
    pub fn allot(&self, zones: &[Arc<str>]) -> Option<Vec<Arc<str>>> {
        let Shares(parts) = self;
        if parts.len() > zones.len() {
            return None;
        }
        let mut over: BTreeMap<&Arc<str>, f64> = BTreeMap::new();
        let mut least_of_all = 0.0;
        for (zone, part) in parts {
            let fair = part * zones.len() as f64;
            let least = (fair / (1.0 + OVERLOAD)).ceil();
            least_of_all += least;
            over.insert(zone, -fair.max(least));
        }
        if least_of_all > zones.len() as f64 {
            return None;
        }
        for zone in zones {
            // Nobody is served from a zone without nodes that are ready: all of its endpoints are for others.
            *over.entry(zone).or_default() += 1.0;
        }
        let mut allotted = zones.to_vec();
        loop {
            let (Some((from, too_many)), Some((to, too_few))) = (
                over.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(zone, amount)| (*zone, *amount)),
                over.iter().min_by(|a, b| a.1.total_cmp(b.1)).map(|(zone, amount)| (*zone, -amount)),
            ) else {
                return Some(allotted);
            };
            // Whole endpoints are worth moving, and half of one where a whole one is missing.
            if too_many < 0.5 || too_few < 0.5 || (too_many < 1.0 && too_few < 1.0) {
                return Some(allotted);
            }
            let Some(moved) = allotted.iter_mut().find(|zone| **zone == *from) else { return Some(allotted) };
            *moved = to.clone();
            *over.entry(from).or_default() -= 1.0;
            *over.entry(to).or_default() += 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(zone: &str, processors: &str, ready: &str, label: &str) -> Arc<Node> {
        let mut labels = json!({label: ""});
        if !zone.is_empty() {
            labels[ZONE] = zone.into();
        }
        let status = json!({"allocatable": {"cpu": processors}, "conditions": [{"type": "Ready", "status": ready}]});
        Arc::new(serde_json::from_value(json!({"metadata": {"labels": labels}, "status": status})).expect("a node"))
    }

    #[test]
    fn zones_count_by_the_processors_of_their_nodes_that_are_ready() {
        let shares =
            |nodes: &[Arc<Node>]| Shares::of(nodes).map(|Shares(parts)| parts.into_values().collect::<Vec<_>>());
        let (a, b) = (node("a", "3", "True", "x"), node("b", "1000m", "True", "x"));
        assert_eq!(shares(&[a.clone(), b.clone()]), Some(vec![0.75, 0.25]));
        assert_eq!(shares(std::slice::from_ref(&a)), None, "one zone is no choice");
        assert_eq!(shares(&[a.clone(), b.clone(), node("", "1", "True", "x")]), None, "nobody knows where it is");
        assert_eq!(shares(&[a.clone(), b.clone(), node("c", "0", "True", "x")]), None, "nor this one's worth");
        let more = [node("c", "9", "False", "x"), node("", "9", "True", "node-role.kubernetes.io/control-plane")];
        assert_eq!(shares(&[&[a, b][..], &more[..]].concat()), Some(vec![0.75, 0.25]));
    }

    #[test]
    fn endpoints_stay_in_their_zone_unless_another_has_too_few() {
        let shares = |parts: &[(&str, f64)]| Shares(parts.iter().map(|(zone, part)| ((*zone).into(), *part)).collect());
        let check = |parts: &[(&str, f64)], zones: &str, expect: Option<&str>| {
            let given: Vec<Arc<str>> = zones.chars().map(|zone| zone.to_string().into()).collect();
            let found = shares(parts).allot(&given).map(|zones| zones.concat());
            assert_eq!(found.as_deref(), expect, "{parts:?} {zones}");
        };
        let halves = [("a", 0.5), ("b", 0.5)];
        check(&halves, "ab", Some("ab"));
        check(&halves, "aabb", Some("aabb"));
        check(&halves, "aaaa", Some("bbaa"));
        check(&halves, "a", None);
        check(&halves, "", None);
        // With three endpoints one zone would do with less than its part, by more than is allowed.
        check(&halves, "aab", None);
        check(&halves, "aaabb", None);
        check(&halves, &"a".repeat(11), Some("bbbbbaaaaaa"));
        // Nobody asks from zone c.
        check(&halves, "aabbcc", Some("aabbab"));
        check(&[("a", 0.75), ("b", 0.25)], "aabb", Some("aaab"));
        check(&[("a", 0.8), ("b", 0.2)], "aaaaabbbbb", Some("aaaaaaaabb"));
    }
}
