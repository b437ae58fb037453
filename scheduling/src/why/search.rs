//! The smallest changes: what might help is combined, ranked by its cost, and tried on a copy of the cluster.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem::{Discriminant, discriminant};

use super::apply;
use super::document::{ANOTHER, Change, Metadata, Step};
use super::smaller::smallest;
use super::trial::{Found, Ground};
use super::words::capitalized;
use super::{FEW, Question, Refused, cost, facts, repairs};
use crate::cluster::Cluster;

/// So many changes are told: the best, and others of another kind.
const TOLD: usize = 5;
/// So many of each kind are tried before it is given up.
const TRIES: usize = 100;
/// So many ways of putting things right on one node are thought of.
const WAYS: usize = 24;

/// What is done, whatever it is done to.
type Kind = Vec<Discriminant<Step>>;

struct Candidate {
    cost: u32,
    steps: Vec<Step>,
}

/// Changes that were tried and do let the pod be placed, the smallest first. `first` are steps that are needed whatever
/// else is done.
pub fn changes(asked: &Question<'_>, refused: &[Refused], cluster: &Cluster, first: &[Step]) -> Vec<Change> {
    let mut seen = HashSet::new();
    let mut models = HashSet::new();
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut consider = |steps: Vec<Step>| {
        let steps = merged(first.iter().cloned().chain(steps).collect());
        if !steps.is_empty() && seen.insert(steps.clone()) {
            candidates.push(Candidate { cost: cost::of(&steps, asked.pod, cluster), steps });
        }
    };
    for Refused { node, refusals } in refused {
        let options: Vec<_> = refusals.iter().map(|refusal| repairs::of(refusal, asked, node, cluster)).collect();
        combinations(&options).into_iter().for_each(&mut consider);
        // Of nodes that are alike in size and refusal, one stands for all.
        let kinds: Vec<_> = refusals.iter().map(facts::kind).collect();
        if models.insert((kinds, node.allocatable.milli_cpu, node.allocatable.memory, node.max_pods)) {
            consider(vec![Step::AddNode { like: node.name.to_string(), labels: BTreeMap::new() }]);
        }
    }
    if !first.is_empty() {
        consider(vec![]);
        consider(vec![Step::any_priority()]);
    }
    candidates.sort_by_key(|one| (one.cost, one.steps.len(), cost::size(&one.steps)));

    let mut ground = Ground::new(asked, cluster);
    let mut kinds = HashSet::new();
    let mut told = Vec::new();
    let mut tries: HashMap<Kind, usize> = HashMap::new();
    for Candidate { steps, .. } in candidates {
        let kind = kind(&steps);
        let tries = tries.entry(kind.clone()).or_default();
        if *tries == TRIES || kinds.contains(&kind) || holds_another(&kinds, &kind) {
            continue;
        }
        // Where there are better ways, nobody is sent to nodes that are in trouble.
        if !told.is_empty() && cost::leads_into_trouble(&steps) {
            continue;
        }
        *tries += 1;
        if ground.attempt(&steps).is_none() {
            continue;
        }
        let steps = smallest(steps, first.len(), &mut ground, asked.pod);
        let Some(mut found) = ground.attempt(&steps) else { continue };
        let kind = self::kind(&found.steps);
        if kinds.contains(&kind) || holds_another(&kinds, &kind) {
            continue;
        }
        kinds.insert(kind);
        found.steps.iter_mut().for_each(|step| note_budgets(step, cluster));
        let size = cost::size(&found.steps);
        told.push((size, told_of(cost::of(&found.steps, asked.pod, cluster), found, &asked.metadata())));
        if told.len() == TOLD {
            break;
        }
    }
    told.sort_by_key(|(size, change)| (change.cost, change.steps.len(), *size));
    told.into_iter().map(|(_, change)| change).collect()
}

fn kind(steps: &[Step]) -> Kind {
    steps.iter().map(discriminant).collect()
}

/// Says which budgets do not hold when pods are removed.
fn note_budgets(step: &mut Step, cluster: &Cluster) {
    if let Step::RemovePods { node, pods, violates } = step {
        let all: Vec<_> = apply::named(cluster, node, pods).into_iter().map(|(pod, _)| pod).collect();
        *violates = cluster.budgets().violated_by(&all);
    }
}

/// Whether a change of fewer kinds of steps, all of which are among these, is told already.
fn holds_another(kinds: &HashSet<Kind>, kind: &[Discriminant<Step>]) -> bool {
    kinds.iter().any(|known| known.len() < kind.len() && known.iter().all(|step| kind.contains(step)))
}

fn told_of(cost: u32, found: Found, pod: &Metadata) -> Change {
    let Found { steps, fits, preemption } = found;
    let mut summary = steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", and ");
    if let Some(preemption) = &preemption {
        summary.push_str(&format!(": {preemption}"));
    } else if steps.iter().all(|step| step.node().is_none()) {
        let place = match &fits[..] {
            [one] => format!(": it then fits on {one}"),
            [one, two] => format!(": it then fits on {one} and {two}"),
            many => format!(": it then fits on {} nodes", many.len()),
        };
        summary.push_str(&place);
    }
    let each: Vec<_> = steps.iter().map(|step| step.commands(pod)).collect();
    let commands = if each.iter().any(Vec::is_empty) { vec![] } else { each.concat() };
    let names: Vec<_> = fits.iter().filter(|name| *name != ANOTHER).take(FEW).cloned().collect();
    Change { cost, summary: capitalized(&summary), steps, commands, fits: fits.len(), nodes: names, preemption }
}

/// One option for each refusal, in all ways, the first options first; nothing when a refusal has none.
fn combinations(options: &[Vec<Step>]) -> Vec<Vec<Step>> {
    let mut all = vec![vec![]];
    for steps in options {
        let mut longer = Vec::new();
        for step in steps {
            for so_far in &all {
                let mut way: Vec<Step> = Vec::clone(so_far);
                way.push(step.clone());
                longer.push(way);
            }
        }
        longer.truncate(WAYS);
        all = longer;
    }
    if options.is_empty() { vec![] } else { all }
}

/// Without doubles; pods that are removed for one node are removed in one step.
fn merged(steps: Vec<Step>) -> Vec<Step> {
    let mut merged: Vec<Step> = Vec::new();
    for step in steps {
        let mut known = false;
        for other in &mut merged {
            match (&mut *other, &step) {
                (Step::RemovePods { node, pods, .. }, Step::RemovePods { node: there, pods: more, .. })
                | (Step::RemoveNominated { node, pods }, Step::RemoveNominated { node: there, pods: more })
                    if node == there =>
                {
                    pods.extend(more.iter().cloned());
                    pods.sort_unstable();
                    pods.dedup();
                    known = true;
                }
                (other, step) if other == step => known = true,
                _ => {}
            }
        }
        if !known {
            merged.push(step);
        }
    }
    merged
}
