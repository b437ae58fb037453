//! Hard topology spread constraints: with the pod, a domain may have at most so many matching pods more than the
//! domain with the fewest.

use std::collections::HashMap;

use super::{Filter, Judge, Verdict, node_affinity, taint_toleration};
use crate::census::{Counts, DomainId, KeyId};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::{Reason, Skew};
use crate::node::Node;
use crate::pod::Pod;
use crate::relations::Constraint;
use crate::site::Site;

pub struct PodTopologySpread;

impl Filter for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED
            | Change::NODE_REMOVED
            | Change::NODE_LABELS
            | Change::NODE_TAINTS
            | Change::POD_ADDED
            | Change::KINDRED_REMOVED
            | Change::POD_LABELS
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster) -> Verdict<'a> {
        let hard: Vec<_> = pod.relations.spread.iter().filter(|constraint| constraint.hard).collect();
        if hard.is_empty() {
            return Verdict::Indifferent;
        }
        let rules = hard.iter().filter_map(|constraint| Rule::new(constraint, &hard, pod, cluster)).collect();
        Verdict::Ask(Box::new(Rules { rules, cluster }))
    }
}

struct Rules<'a> {
    rules: Vec<Rule<'a>>,
    cluster: &'a Cluster,
}

struct Rule<'a> {
    constraint: &'a Constraint,
    key: KeyId,
    pods: Matching<'a>,
    fewest: i64,
    domains: i64,
    matches_itself: bool,
}

/// Matching pods by domain of those nodes that count.
pub enum Matching<'a> {
    /// All nodes that have the label do.
    Everywhere(&'a Counts),
    Eligible(HashMap<DomainId, i64>),
}

impl<'a> Matching<'a> {
    /// `among`: constraints whose labels a node must all have to count. None when nobody counts the constraint.
    pub fn new(
        constraint: &Constraint,
        among: &[&Constraint],
        pod: &Pod,
        cluster: &'a Cluster,
    ) -> Option<(KeyId, Matching<'a>)> {
        let census = cluster.census();
        let (key, tally, counts) = census.tally(&constraint.pods, &constraint.key)?;
        let keys: Vec<KeyId> = among.iter().filter_map(|one| census.topology().key(&one.key)).collect();
        let picks = constraint.honors_affinity && (!pod.node_labels.is_empty() || pod.node_affinity.is_some());
        let everywhere = !picks
            && !constraint.honors_taints
            && keys.iter().all(|other| *other == key || census.topology().nodes(*other) == cluster.nodes().len());
        if everywhere {
            return Some((key, Matching::Everywhere(counts)));
        }
        let counts = |node: &&Node| {
            keys.iter().all(|key| node.domains.of(*key).is_some())
                && (!picks || node_affinity::matches(pod, node))
                && (!constraint.honors_taints || taint_toleration::untolerated(pod, node).is_none())
        };
        let mut eligible = HashMap::new();
        for node in cluster.nodes().iter().filter(counts) {
            if let Some(domain) = node.domains.of(key) {
                *eligible.entry(domain).or_default() += tally.on(&node.name);
            }
        }
        Some((key, Matching::Eligible(eligible)))
    }

    pub fn of(&self, domain: DomainId) -> i64 {
        match self {
            Matching::Everywhere(counts) => counts.of(domain),
            Matching::Eligible(counts) => counts.get(&domain).copied().unwrap_or_default(),
        }
    }
}

impl<'a> Rule<'a> {
    fn new(constraint: &'a Constraint, hard: &[&'a Constraint], pod: &Pod, cluster: &'a Cluster) -> Option<Rule<'a>> {
        let census = cluster.census();
        let (key, pods) = Matching::new(constraint, hard, pod, cluster)?;
        let (domains, fewest) = match &pods {
            Matching::Everywhere(counts) => {
                let domains = census.topology().domains(key);
                (domains, counts.fewest(domains))
            }
            Matching::Eligible(counts) => (counts.len(), counts.values().copied().min().unwrap_or(0)),
        };
        let domains = domains as i64;
        let fewest = if domains < constraint.min_domains { 0 } else { fewest };
        let matches_itself = constraint.pods.matches(pod, census.namespaces());
        Some(Rule { constraint, key, pods, fewest, domains, matches_itself })
    }
}

impl Judge for Rules<'_> {
    fn refuse(&self, site: &Site<'_>, why: &mut Vec<Reason>) {
        let census = self.cluster.census();
        for rule in &self.rules {
            let constraint = rule.constraint;
            let Some(domain) = site.domains.of(rule.key) else {
                why.push(Reason::NoTopologyLabel { key: constraint.key.clone() });
                return;
            };
            let known = rule.pods.of(domain);
            let matching = site.count(known, |pod| constraint.pods.matches(pod, census.namespaces()));
            // Only the node's own domain is supposed to be different: with fewer pods it may now be the one with the
            // fewest, with more nobody else has fewer than before.
            let fewest = rule.fewest.min(matching);
            if matching + i64::from(rule.matches_itself) - fewest > constraint.max_skew {
                why.push(Reason::Skew(Skew {
                    key: constraint.key.clone(),
                    domain: census.topology().value(rule.key, domain).clone(),
                    matching,
                    matches_itself: rule.matches_itself,
                    fewest,
                    max_skew: constraint.max_skew,
                    domains: rule.domains,
                    min_domains: constraint.min_domains,
                }));
                return;
            }
        }
    }
}
