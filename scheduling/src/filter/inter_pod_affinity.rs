//! Required affinity and anti-affinity between pods: the pod's own, and the anti-affinity of pods that are there.

use super::{Filter, Judge, Verdict};
use crate::census::{Census, Counts, Holding, KeyId};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::pod::Pod;
use crate::relations::{Effect, PodTerm, Query};
use crate::site::Site;

pub struct InterPodAffinity;

impl Filter for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED
            | Change::NODE_LABELS
            | Change::POD_ADDED
            | Change::KINDRED_REMOVED
            | Change::POD_LABELS
            | Change::NAMESPACES
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster) -> Verdict<'a> {
        let (census, rules) = (cluster.census(), &pod.relations);
        let repelling = census.holdings(pod).filter(|holding| holding.held.effect == Effect::Repels).collect();
        let counted = |term: &'a PodTerm, query| {
            let (key, _, counts) = census.tally(query, &term.key)?;
            Some(Term { term, key, counts })
        };
        let companions = rules.companions.as_deref();
        let affinity: Vec<_> = rules
            .companions
            .iter()
            .flat_map(|all| rules.affinity.iter().filter_map(move |t| counted(t, all)))
            .collect();
        let anti = rules.anti_affinity.iter().filter_map(|term| counted(term, &term.pods)).collect();
        let is_its_own_companion = companions.is_some_and(|query| query.matches(pod, census.namespaces()));
        let judge = Relations {
            pod,
            census,
            companions,
            total: affinity.iter().map(|term| term.counts.total()).sum(),
            is_its_own_companion,
            affinity,
            anti,
            repelling,
        };
        if judge.affinity.is_empty()
            && judge.anti.is_empty()
            && judge.repelling.is_empty()
            && !cluster.has_averse_nominations()
        {
            return Verdict::Indifferent;
        }
        Verdict::Ask(Box::new(judge))
    }
}

struct Term<'a> {
    term: &'a PodTerm,
    key: KeyId,
    counts: &'a Counts,
}

struct Relations<'a> {
    pod: &'a Pod,
    census: &'a Census,
    /// Pods that all terms of the affinity mean.
    companions: Option<&'a Query>,
    affinity: Vec<Term<'a>>,
    /// Companions in any domain, term by term.
    total: i64,
    is_its_own_companion: bool,
    anti: Vec<Term<'a>>,
    /// Anti-affinity of pods that are there.
    repelling: Vec<&'a Holding>,
}

impl Relations<'_> {
    /// The first term whose domain has no companion.
    fn lonely(&self, site: &Site<'_>) -> Option<Reason> {
        let companions = self.companions?;
        let mut lonely = None;
        for term in &self.affinity {
            let key = term.term.key.clone();
            let Some(domain) = site.domains.of(term.key) else {
                return Some(Reason::PodAffinity { key, domain: None });
            };
            let pods = site.count(term.counts.of(domain), |pod| companions.matches(pod, self.census.namespaces()));
            if pods <= 0 && lonely.is_none() {
                let domain = Some(self.census.topology().value(term.key, domain).clone());
                lonely = Some(Reason::PodAffinity { key, domain });
            }
        }
        // The first of pods that want to be together may go anywhere: otherwise none ever could.
        let gone = site.count(0, |pod| companions.matches(pod, self.census.namespaces()));
        let nobody = self.total + gone * self.affinity.len() as i64 <= 0;
        lonely.filter(|_| !(self.is_its_own_companion && nobody))
    }

    /// The first term whose domain has a pod that it keeps away from.
    fn averse(&self, site: &Site<'_>) -> Option<Reason> {
        self.anti.iter().find_map(|term| {
            let domain = site.domains.of(term.key)?;
            let of_the_node = term.counts.of(domain);
            let pods = site.count(of_the_node, |pod| term.term.pods.matches(pod, self.census.namespaces()));
            (pods > 0).then(|| Reason::PodAntiAffinity {
                key: term.term.key.clone(),
                domain: self.census.topology().value(term.key, domain).clone(),
                pods,
            })
        })
    }

    fn repelled(&self, site: &Site<'_>) -> Option<Reason> {
        let there = self.repelling.iter().find_map(|holding| {
            let domain = site.domains.of(holding.key)?;
            let pods = site.count(holding.counts.of(domain), |pod| pod.relations.held.contains(&holding.held));
            (pods > 0).then(|| Reason::ExistingAntiAffinity {
                key: holding.held.term.key.clone(),
                domain: self.census.topology().value(holding.key, domain).clone(),
                pods,
            })
        });
        there.or_else(|| {
            let held = site.come().iter().flat_map(|pod| &pod.relations.held);
            let mut repelling = held.filter(|held| held.effect == Effect::Repels);
            let term = repelling.find(|held| held.term.pods.matches(self.pod, self.census.namespaces()))?;
            let domain = site.label(&term.term.key)?.into();
            Some(Reason::ExistingAntiAffinity { key: term.term.key.clone(), domain, pods: 1 })
        })
    }
}

impl Judge for Relations<'_> {
    fn refuse(&self, site: &Site<'_>, why: &mut Vec<Reason>) {
        why.extend(self.lonely(site).or_else(|| self.averse(site)).or_else(|| self.repelled(site)));
    }

    /// The nodes of domains that have companions, if there are any.
    fn among(&self) -> Option<Vec<usize>> {
        let term = self.affinity.first().filter(|_| self.total > 0)?;
        let topology = self.census.topology();
        let mut domains: Vec<_> = term.counts.each().filter(|(_, pods)| *pods > 0).collect();
        domains.sort_unstable_by_key(|(domain, _)| *domain);
        Some(domains.into_iter().flat_map(|(domain, _)| topology.members(term.key, domain)).collect())
    }
}
