//! The decision: filter the nodes, score what is left, take the best.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::cluster::{Change, Cluster};
use crate::explanation::{Explanation, Reason};
use crate::filter::volume_binding::Claims;
use crate::filter::{FILTERS, Filter};
use crate::panel::Panel;
use crate::pod::Pod;
use crate::score::{SCORES, Score, best};
use crate::site::Site;
use crate::volume::Bindings;

/// Where a pod goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub node: Arc<str>,
    /// How many nodes were looked at, and how many of these would have done.
    pub evaluated: usize,
    pub feasible: usize,
    /// What the pod's claims need first.
    pub bindings: Bindings,
}

/// Why a pod goes nowhere; as text, the message of its `PodScheduled` condition.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unschedulable {
    #[error("no nodes available to schedule pods")]
    NoNodes,
    #[error("{0}")]
    Refused(Explanation),
}

impl Unschedulable {
    /// What would have to happen before another try can end differently.
    pub fn curable_by(&self) -> Change {
        match self {
            Unschedulable::NoNodes => Change::NODE_ADDED,
            Unschedulable::Refused(explanation) => explanation.curable_by(),
        }
    }
}

/// Which filters and scores a decision takes into account.
#[derive(Clone)]
pub struct Profile {
    pub(crate) filters: Vec<&'static dyn Filter>,
    pub(crate) scores: Vec<(&'static dyn Score, i64)>,
}

/// All of them, with Kubernetes' weights.
impl Default for Profile {
    fn default() -> Profile {
        Profile { filters: FILTERS.to_vec(), scores: SCORES.to_vec() }
    }
}

/// A profile, and the little state between decisions: where to start looking, and dice.
#[derive(Clone)]
pub struct Scheduler {
    profile: Profile,
    start: usize,
    dice: SmallRng,
}

impl Scheduler {
    /// Ties are broken by dice; the same seed throws the same ones.
    pub fn new(seed: u64) -> Scheduler {
        let dice = SmallRng::seed_from_u64(seed);
        Scheduler { profile: Profile::default(), start: 0, dice }
    }

    /// Decides on one pod. A cluster that does not [follow](Cluster::follow) what the pod's rules count is copied to do
    /// so, which is slow.
    pub fn schedule(&mut self, pod: &Pod, cluster: &Cluster) -> Result<Decision, Unschedulable> {
        if !cluster.follows(pod) {
            let mut cluster = cluster.clone();
            cluster.follow(pod);
            return self.decide(pod, &cluster);
        }
        self.decide(pod, cluster)
    }

    fn decide(&mut self, pod: &Pod, cluster: &Cluster) -> Result<Decision, Unschedulable> {
        if cluster.nodes().is_empty() {
            return Err(Unschedulable::NoNodes);
        }
        let found = self.filter(pod, cluster).map_err(Unschedulable::Refused)?;
        let best = match found.feasible[..] {
            [only] => only,
            ref several => best(&self.profile.scores, pod, cluster, several, &mut self.dice),
        };
        let node = &cluster.nodes()[best];
        let bindings = match Claims::of(pod, cluster.volumes()) {
            Ok(claims) if !pod.claims.is_empty() => claims.bindings(node).unwrap_or_default(),
            _ => Bindings::default(),
        };
        Ok(Decision { node: node.name.clone(), bindings, evaluated: found.evaluated, feasible: found.feasible.len() })
    }

    fn filter(&mut self, pod: &Pod, cluster: &Cluster) -> Result<Found, Explanation> {
        let all = cluster.nodes().len();
        let mut explanation = Explanation::new(all);
        let mut panel = Panel::new(&self.profile.filters, pod, cluster);
        if !panel.never.is_empty() {
            let first = panel.never.swap_remove(0);
            return Err(Explanation::impossible(all, first.why, first.curable_by));
        }
        if let Some((filter, _)) = &panel.named {
            explanation.others(Reason::NotNamedBy(filter), Change::NODE_ADDED);
        }
        let named = panel.named.as_ref().map(|(_, positions)| positions);

        let candidates = named.map_or(all, Vec::len);
        let enough = enough(all);
        let mut found = Found { feasible: Vec::with_capacity(enough.min(candidates)), evaluated: 0 };
        while found.evaluated < candidates && found.feasible.len() < enough {
            let at = match named {
                Some(named) => named[found.evaluated],
                None => (self.start + found.evaluated) % all,
            };
            found.evaluated += 1;
            let node = &cluster.nodes()[at];
            let refused = match panel.refuses(&Site::of(node), explanation.open()) {
                Some(filter) => explanation.close(&node.name, filter.curable_by()),
                None => false,
            };
            if !refused {
                found.feasible.push(at);
            }
        }
        if named.is_none() {
            // The next pod starts where this one stopped, so that all nodes have their turn.
            self.start = (self.start + found.evaluated) % all;
        }
        if found.feasible.is_empty() { Err(explanation) } else { Ok(found) }
    }
}

struct Found {
    feasible: Vec<usize>,
    evaluated: usize,
}

/// How many feasible nodes are enough to choose among: all of a hundred, then a share that falls
/// from a half to a twentieth as the cluster grows, as Kubernetes has it.
fn enough(nodes: usize) -> usize {
    let percent = 50usize.saturating_sub(nodes / 125).max(5);
    (nodes * percent / 100).max(100).min(nodes)
}
