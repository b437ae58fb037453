//! Since when each node has been silent, by the time that we were there to hear it. Pure.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use timonier_client::{Object, Revision};

use crate::{
    objects::{ConditionStatus, Node},
    vigil::Sighting,
};

/// What changes with each heartbeat: the Lease, and the time that the Node's own status tells. Other changes of the
/// Node may come from anybody, but for one: that it is ready, or not, only the node itself can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Beat {
    lease: Option<Revision>,
    status: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    beat: Beat,
    ready: Option<ConditionStatus>,
    at: Duration,
}

#[derive(Debug, Default)]
pub struct Hearing {
    epoch: u64,
    heard: HashMap<Arc<str>, Heard>,
}

impl Hearing {
    /// Takes in what was just seen. After a gap everybody has time again.
    pub fn take(&mut self, sighting: &Sighting, nodes: &[Arc<Node>]) {
        let now = sighting.moment.at;
        if sighting.moment.epoch != self.epoch {
            self.epoch = sighting.moment.epoch;
            self.forgive(now);
        }
        let mut heard = HashMap::with_capacity(nodes.len());
        for node in nodes {
            let name = &node.meta().name;
            let status = node.condition("Ready").and_then(|ready| ready.last_heartbeat_time);
            let beat = Beat { lease: sighting.leases.get(name).copied(), status };
            let ready = node.ready();
            let known = ready.is_some_and(|ready| ready != ConditionStatus::Unknown);
            let spoke = |before: &Heard| known && ready != before.ready;
            let before = self.heard.get(name).filter(|before| before.beat == beat && !spoke(before));
            let at = before.map_or(now, |before| before.at);
            heard.insert(name.clone(), Heard { beat, ready, at });
        }
        self.heard = heard;
    }

    /// It was written that nothing is known of the node: whatever its status says next is its own word, also if nobody
    /// looked in between.
    pub fn told_unknown(&mut self, node: &str) {
        if let Some(heard) = self.heard.get_mut(node) {
            heard.ready = Some(ConditionStatus::Unknown);
        }
    }

    /// Nobody has been silent until now.
    pub fn forgive(&mut self, now: Duration) {
        self.heard.values_mut().for_each(|heard| heard.at = now);
    }

    pub fn silent_for(&self, node: &str, now: Duration) -> Duration {
        self.heard.get(node).map_or(Duration::ZERO, |heard| now.saturating_sub(heard.at))
    }

    /// For how long no node at all was heard.
    pub fn all_silent_for(&self, now: Duration) -> Duration {
        let last = self.heard.values().map(|heard| heard.at).max();
        last.map_or(Duration::ZERO, |last| now.saturating_sub(last))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::vigil::Moment;

    fn nodes(names: &[&str]) -> Vec<Arc<Node>> {
        let node = |name: &&str| Arc::new(serde_json::from_value(json!({"metadata": {"name": name}})).expect("a node"));
        names.iter().map(node).collect()
    }

    fn look(hearing: &mut Hearing, epoch: u64, at: u64, leases: &[(&str, u64)]) {
        look_at(hearing, epoch, at, leases, &nodes(&["a", "b"]));
    }

    fn look_at(hearing: &mut Hearing, epoch: u64, at: u64, leases: &[(&str, u64)], nodes: &[Arc<Node>]) {
        let leases = leases.iter().map(|(name, revision)| (Arc::from(*name), Revision(*revision))).collect();
        let moment = Moment { epoch, began: Duration::ZERO, at: Duration::from_secs(at) };
        hearing.take(&Sighting { moment, leases: Arc::new(leases) }, nodes);
    }

    fn silent(hearing: &Hearing, node: &str, at: u64) -> u64 {
        hearing.silent_for(node, Duration::from_secs(at)).as_secs()
    }

    #[test]
    fn only_a_new_heartbeat_ends_a_silence() {
        let mut hearing = Hearing::default();
        look(&mut hearing, 0, 0, &[("a", 1), ("b", 2)]);
        look(&mut hearing, 0, 40, &[("a", 1), ("b", 3)]);
        assert_eq!((silent(&hearing, "a", 50), silent(&hearing, "b", 50)), (50, 10));
        assert_eq!(hearing.all_silent_for(Duration::from_secs(50)).as_secs(), 10);
        look(&mut hearing, 0, 55, &[("a", 4), ("b", 3)]);
        assert_eq!(silent(&hearing, "a", 60), 5);
    }

    #[test]
    fn after_a_gap_everybody_has_time_again() {
        let mut hearing = Hearing::default();
        look(&mut hearing, 0, 0, &[("a", 1), ("b", 2)]);
        look(&mut hearing, 0, 45, &[("a", 1), ("b", 2)]);
        look(&mut hearing, 1, 49, &[("a", 1), ("b", 3)]);
        assert_eq!((silent(&hearing, "a", 60), silent(&hearing, "b", 60)), (11, 11));
    }

    #[test]
    fn a_node_that_says_how_it_is_is_heard_without_a_lease() {
        let says = |status: &str| {
            let ready = json!({"type": "Ready", "status": status});
            let node = json!({"metadata": {"name": "a"}, "status": {"conditions": [ready]}});
            [Arc::new(serde_json::from_value(node).expect("a node"))]
        };
        let mut hearing = Hearing::default();
        for (at, status, silence) in
            [(0, "True", 0), (30, "True", 30), (40, "Unknown", 40), (50, "True", 0), (60, "False", 0)]
        {
            look_at(&mut hearing, 0, at, &[("a", 1)], &says(status));
            assert_eq!(silent(&hearing, "a", at), silence, "at {at}");
        }
        look_at(&mut hearing, 0, 90, &[("a", 1)], &says("False"));
        assert_eq!(silent(&hearing, "a", 90), 30);
        hearing.told_unknown("a");
        look_at(&mut hearing, 0, 91, &[("a", 1)], &says("False"));
        assert_eq!(silent(&hearing, "a", 91), 0);
    }

    #[test]
    fn a_node_that_was_never_heard_has_its_time_too() {
        let mut hearing = Hearing::default();
        look(&mut hearing, 0, 100, &[]);
        assert_eq!(silent(&hearing, "a", 130), 30);
    }
}
