//! Everything that can be said about a pod and a node: every filter's reasons, not only the first that refuses, and
//! every score's points. For explaining; decisions stop earlier.

use std::borrow::Cow;
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::node::Node;
use crate::panel::Panel;
use crate::pod::Pod;
use crate::profile::Profile;
use crate::score::points;
use crate::site::Site;

/// What one filter has against a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Objection {
    /// Kubernetes' name of the filter.
    pub filter: &'static str,
    pub reasons: Vec<Reason>,
    /// Pods that were promised the node, when it is for their sake.
    pub held_for: Vec<Arc<Pod>>,
}

/// Why a filter would refuse every node, before it sees one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impossible {
    pub filter: &'static str,
    pub why: Cow<'static, str>,
}

/// What one score gives to nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Points {
    pub score: &'static str,
    pub weight: i64,
    /// 0 to 100 each, before the weight, in the order in which the nodes were given.
    pub points: Vec<i64>,
}

/// A pod that is asked about, with all filters prepared for it.
pub struct Inquiry<'a> {
    profile: &'a Profile,
    pod: &'a Pod,
    cluster: &'a Cluster,
    panel: Panel<'a>,
}

impl<'a> Inquiry<'a> {
    pub fn new(profile: &'a Profile, pod: &'a Pod, cluster: &'a mut Cluster) -> Inquiry<'a> {
        cluster.follow(pod);
        let cluster = &*cluster;
        Inquiry { profile, pod, cluster, panel: Panel::new(&profile.filters, pod, cluster) }
    }

    pub fn cluster(&self) -> &'a Cluster {
        self.cluster
    }

    /// What keeps the pod from every node alike.
    pub fn impossible(&self) -> Vec<Impossible> {
        let never = self.panel.never.iter();
        never.map(|never| Impossible { filter: never.filter, why: never.why.clone() }).collect()
    }

    /// The objections of all filters to a node as it is, and as it will be when those have come who were promised it and
    /// are as important as the pod, or more; none: the pod fits there.
    pub fn judge(&self, node: &Node) -> Vec<Objection> {
        let without = self.judge_site(&Site::of(node));
        if node.nominated.is_empty() {
            return without;
        }
        let site = Site::with_nominated(node, self.pod);
        if site.come().is_empty() {
            return without;
        }
        let mut all = self.judge_site(&site);
        for objection in all.iter_mut().filter(|objection| !without.contains(objection)) {
            objection.held_for = site.come().to_vec();
        }
        for objection in without {
            if !all.iter().any(|known| known.filter == objection.filter) {
                all.push(objection);
            }
        }
        all
    }

    /// The same as if these pods of the node were gone.
    pub fn judge_without(&self, node: &Node, gone: &[Arc<Pod>]) -> Vec<Objection> {
        let mut site = Site::of(node);
        gone.iter().for_each(|pod| site.without(pod.clone()));
        self.judge_site(&site)
    }

    fn judge_site(&self, site: &Site<'_>) -> Vec<Objection> {
        let judged = self.panel.judges.iter().map(|(filter, judge)| {
            let mut reasons = Vec::new();
            judge.refuse(site, &mut reasons);
            Objection { filter: filter.name(), reasons, held_for: Vec::new() }
        });
        judged.filter(|objection| !objection.reasons.is_empty()).collect()
    }

    /// The points of several nodes, from every score that makes a difference for this pod.
    pub fn scores(&self, nodes: &[&Node]) -> Vec<Points> {
        let at: Vec<usize> = nodes.iter().filter_map(|node| self.cluster.position(&node.name)).collect();
        let scores = self.profile.scores.iter();
        let given = scores.filter_map(|(score, weight)| {
            let points = points(*score, self.pod, self.cluster, &at)?;
            Some(Points { score: score.name(), weight: *weight, points })
        });
        given.collect()
    }
}

#[cfg(test)]
#[path = "inquiry_tests.rs"]
mod tests;
