//! The decision: filter the nodes, score what is left, take the best.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::cluster::{Change, Cluster};
use crate::explanation::{Explanation, Reason};
use crate::filter::volume_binding::Claims;
use crate::filter::{FILTERS, Filter, Judge, Verdict};
use crate::pod::Pod;
use crate::score::{SCORES, Score, best};
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

/// Filters, scores, and the little state between decisions: where to start looking, and dice.
#[derive(Clone)]
pub struct Scheduler {
    filters: &'static [&'static dyn Filter],
    scores: &'static [&'static dyn Score],
    start: usize,
    dice: SmallRng,
}

impl Scheduler {
    /// Ties are broken by dice; the same seed throws the same ones.
    pub fn new(seed: u64) -> Scheduler {
        let dice = SmallRng::seed_from_u64(seed);
        Scheduler { filters: FILTERS, scores: SCORES, start: 0, dice }
    }

    pub fn schedule(&mut self, pod: &Pod, cluster: &Cluster) -> Result<Decision, Unschedulable> {
        if cluster.nodes().is_empty() {
            return Err(Unschedulable::NoNodes);
        }
        let found = self.filter(pod, cluster).map_err(Unschedulable::Refused)?;
        let best = match found.feasible[..] {
            [only] => only,
            ref several => best(self.scores, pod, cluster, several, &mut self.dice),
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
        let mut judges: Vec<(&dyn Filter, Box<dyn Judge + '_>)> = Vec::new();
        let mut named: Option<Vec<usize>> = None;
        for filter in self.filters {
            match filter.prepare(pod, cluster) {
                Verdict::Indifferent => {}
                Verdict::Never(why, curable_by) => return Err(Explanation::impossible(all, why, curable_by)),
                Verdict::Ask(judge) => judges.push((*filter, judge)),
                Verdict::AskOnly(names, judge) => {
                    let known = names.into_iter().filter_map(|name| cluster.position(name));
                    named = Some(match named {
                        None => known.collect(),
                        Some(so_far) => known.filter(|at| so_far.contains(at)).collect(),
                    });
                    explanation.others(Reason::NotNamedBy(filter.name()), Change::NODE_ADDED);
                    judges.push((*filter, judge));
                }
            }
        }

        let candidates = named.as_ref().map_or(all, Vec::len);
        let enough = enough(all);
        let mut found = Found { feasible: Vec::with_capacity(enough.min(candidates)), evaluated: 0 };
        while found.evaluated < candidates && found.feasible.len() < enough {
            let at = match &named {
                Some(named) => named[found.evaluated],
                None => (self.start + found.evaluated) % all,
            };
            found.evaluated += 1;
            let node = &cluster.nodes()[at];
            let refused = judges.iter().any(|(filter, judge)| {
                judge.refuse(node, explanation.open());
                explanation.close(&node.name, filter.curable_by())
            });
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
