//! The decision: filter the nodes, score what is left, take the best.

use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::{Explanation, Reason, Refusals};
use crate::filter::Filter;
use crate::filter::volume_binding::Claims;
use crate::node::Node;
use crate::panel::Panel;
use crate::pod::Pod;
use crate::preemption::{NoPreemption, Pool, Preemption, preempt};
use crate::profile::Profile;
use crate::score::best;
use crate::site::Site;
use crate::standing::{Known, Standing};
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

/// A profile, and the little state between decisions: where to start looking, dice, and what still holds of what was
/// found out.
#[derive(Clone)]
pub struct Scheduler {
    profile: Profile,
    start: usize,
    dice: SmallRng,
    standing: Standing,
}

impl Scheduler {
    /// Ties are broken by dice; the same seed throws the same ones.
    pub fn new(seed: u64) -> Scheduler {
        Scheduler::with_profile(seed, Profile::default())
    }

    pub fn with_profile(seed: u64, profile: Profile) -> Scheduler {
        Scheduler { profile, start: 0, dice: SmallRng::seed_from_u64(seed), standing: Standing::default() }
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

    /// Looks for room that less important pods could make, for a pod that was refused everywhere. None when the profile
    /// has no preemption.
    pub fn preempt(
        &mut self,
        pod: &Pod,
        cluster: &Cluster,
        refused: &Explanation,
    ) -> Option<Result<Preemption, NoPreemption>> {
        if !self.profile.preempts {
            return None;
        }
        if !cluster.follows(pod) {
            let mut cluster = cluster.clone();
            cluster.follow(pod);
            return self.preempt(pod, &cluster, refused);
        }
        let panel = Panel::new(&self.profile.filters, pod, cluster);
        let start = self.dice.random_range(0..cluster.nodes().len().max(1));
        let known = self.standing.of(pod, cluster, refused);
        Some(match known {
            Some(known) => preempt(&panel, pod, cluster, refused, &mut known.pool, start),
            None => preempt(&panel, pod, cluster, refused, &mut Pool::default(), start),
        })
    }

    fn filter(&mut self, pod: &Pod, cluster: &Cluster) -> Result<Found, Explanation> {
        let all = cluster.nodes().len();
        let mut panel = Panel::new(&self.profile.filters, pod, cluster);
        if !panel.never.is_empty() {
            let first = panel.never.swap_remove(0);
            return Err(Explanation::impossible(all, first.why, first.curable_by));
        }
        let named = panel.named.as_ref().map(|(_, positions)| positions);
        // A node that the pod was promised is taken if it does now.
        let promised = cluster.nomination(&pod.uid).and_then(|name| cluster.position(name));
        if let Some(at) = promised
            && named.is_none_or(|named| named.contains(&at))
            && refuses(&panel, pod, &cluster.nodes()[at], &mut Vec::new()).is_none()
        {
            return Ok(Found { feasible: vec![at], evaluated: 1 });
        }
        let mut look = Look { panel: &panel, pod, cluster, refusals: Arc::default(), why: Vec::new() };
        if let Some((filter, positions)) = &panel.named {
            let found = look.among(positions.iter().copied(), all);
            if !found.feasible.is_empty() {
                return Ok(found);
            }
            let refused = Explanation::new(all, look.refusals, found.evaluated);
            return Err(refused.others(Reason::NotNamedBy(filter), Change::NODE_ADDED));
        }
        if !panel.is_local() {
            return match panel.judges.iter().find_map(|(_, judge)| judge.among()) {
                Some(few) => self.among_few(&mut look, &few),
                None => self.everywhere(&mut look),
            };
        }
        let Some((mut known, mut due)) = self.standing.take(pod, cluster) else {
            let answer = self.everywhere(&mut look);
            if answer.is_err() && promised.is_none() {
                self.standing.keep(Known::new(pod, cluster, look.refusals), Vec::new(), cluster);
            }
            return answer;
        };
        look.refusals = std::mem::take(&mut known.refusals);
        due.iter().for_each(|at| known.pool.forget(*at));
        due.retain(|at| Some(*at) != promised);
        let mut found = look.among(due.into_iter(), all);
        known.refusals = look.refusals.clone();
        let mut again = found.feasible.clone();
        if let Some(promised) = promised {
            // All others find this pod there.
            found.evaluated += look.among([promised].into_iter(), all).evaluated;
            again.push(promised);
        }
        self.standing.keep(known, again, cluster);
        if found.feasible.is_empty() {
            return Err(Explanation::new(all, look.refusals, found.evaluated));
        }
        Ok(found)
    }

    /// Looks at the only nodes that may do, and at the others when these do not: what is said then is said of all.
    fn among_few(&mut self, look: &mut Look<'_>, few: &[usize]) -> Result<Found, Explanation> {
        let all = look.cluster.nodes().len();
        let (before, from) = few.split_at(self.start % few.len().max(1));
        let found = look.among(from.iter().chain(before).copied(), enough(all));
        if found.feasible.is_empty() {
            return self.everywhere(look);
        }
        self.start = (self.start + found.evaluated) % all;
        Ok(found)
    }

    /// Looks at all nodes in turn until there are enough.
    fn everywhere(&mut self, look: &mut Look<'_>) -> Result<Found, Explanation> {
        let all = look.cluster.nodes().len();
        let found = look.among((self.start..all).chain(0..self.start.min(all)), enough(all));
        // The next pod starts where this one stopped, so that all nodes have their turn.
        self.start = (self.start + found.evaluated) % all;
        if found.feasible.is_empty() {
            return Err(Explanation::new(all, look.refusals.clone(), found.evaluated));
        }
        Ok(found)
    }
}

/// A pod's filters going through nodes.
struct Look<'a> {
    panel: &'a Panel<'a>,
    pod: &'a Pod,
    cluster: &'a Cluster,
    refusals: Arc<Refusals>,
    /// Room for reasons while they are made.
    why: Vec<Reason>,
}

impl Look<'_> {
    /// Looks at nodes in turn until so many would do.
    fn among(&mut self, nodes: impl Iterator<Item = usize>, enough: usize) -> Found {
        let refusals = Arc::make_mut(&mut self.refusals);
        let mut found = Found { feasible: Vec::new(), evaluated: 0 };
        for at in nodes {
            found.evaluated += 1;
            self.why.clear();
            match refuses(self.panel, self.pod, &self.cluster.nodes()[at], &mut self.why) {
                Some(filter) => refusals.refuse(at, &self.why, filter.curable_by()),
                None => {
                    refusals.silence(at);
                    found.feasible.push(at);
                    if found.feasible.len() >= enough {
                        break;
                    }
                }
            }
        }
        found
    }
}

/// The first filter that refuses the node, with those that were promised it or without them: they may not come, and the
/// pod must not depend on them.
fn refuses(panel: &Panel<'_>, pod: &Pod, node: &Node, why: &mut Vec<Reason>) -> Option<&'static dyn Filter> {
    if !node.nominated.is_empty() {
        let site = Site::with_nominated(node, pod);
        if !site.come().is_empty()
            && let Some(filter) = panel.refuses(&site, why)
        {
            return Some(filter);
        }
    }
    panel.refuses(&Site::of(node), why)
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
