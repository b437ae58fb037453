//! The smallest changes: what might help is combined, ranked by its cost, and tried on a copy of the cluster.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem::{Discriminant, discriminant};

use super::apply::{self, ANOTHER, Taken};
use super::document::{Change, Metadata, Step};
use super::{FEW, Question, Refused, cost, facts, repairs};
use crate::cluster::Cluster;
use crate::inquiry::Inquiry;
use crate::node::Node;
use crate::pod::Pod;

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
    }
    candidates.sort_by_key(|one| (one.cost, one.steps.len()));

    let mut scratch = cluster.clone();
    let mut kinds = HashSet::new();
    let mut told = Vec::new();
    let mut tries: HashMap<Kind, usize> = HashMap::new();
    for Candidate { cost, steps } in candidates {
        let kind: Kind = steps.iter().map(discriminant).collect();
        let tries = tries.entry(kind.clone()).or_default();
        if *tries == TRIES || kinds.contains(&kind) || holds_another(&kinds, &kind) {
            continue;
        }
        *tries += 1;
        let Some(fits) = tried(&steps, asked, &mut scratch) else { continue };
        kinds.insert(kind);
        told.push(told_of(cost, steps, fits, &asked.metadata()));
        if told.len() == TOLD {
            break;
        }
    }
    told
}

/// Whether a change of fewer kinds of steps, all of which are among these, is told already.
fn holds_another(kinds: &HashSet<Kind>, kind: &[Discriminant<Step>]) -> bool {
    kinds.iter().any(|known| known.len() < kind.len() && known.iter().all(|step| kind.contains(step)))
}

/// Takes the steps on the copy and asks all filters again: the nodes that would do then, of those that the steps are
/// about.
fn tried(steps: &[Step], asked: &Question<'_>, scratch: &mut Cluster) -> Option<Vec<String>> {
    let mut pod: Pod = asked.pod.clone();
    let mut taken = Taken::default();
    let mut fits = vec![];
    if apply::take(steps, &mut pod, scratch, &mut taken) {
        let inquiry = Inquiry::new(asked.profile, &pod, scratch);
        if inquiry.impossible().is_empty() {
            let nodes: Vec<&Node> = match steps.iter().find_map(Step::node) {
                Some(name) => inquiry.cluster().node(name).into_iter().collect(),
                None => inquiry.cluster().nodes().iter().collect(),
            };
            let fit = nodes.into_iter().filter(|node| inquiry.judge(node).is_empty());
            fits = fit.map(|node| node.name.to_string()).collect();
        }
    }
    taken.back(scratch);
    fits.sort_unstable();
    (!fits.is_empty()).then_some(fits)
}

fn told_of(cost: u32, steps: Vec<Step>, fits: Vec<String>, pod: &Metadata) -> Change {
    let mut summary = steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", and ");
    if steps.iter().all(|step| step.node().is_none()) {
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
    Change { cost, summary: capitalized(&summary), steps, commands, fits: fits.len(), nodes: names }
}

fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
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

/// Without doubles; pods that are removed from one node are removed in one step.
fn merged(steps: Vec<Step>) -> Vec<Step> {
    let mut merged: Vec<Step> = Vec::new();
    for step in steps {
        let mut known = false;
        for other in &mut merged {
            match (&mut *other, &step) {
                (Step::RemovePods { node, pods }, Step::RemovePods { node: there, pods: more }) if node == there => {
                    pods.extend(more.iter().cloned());
                    pods.sort_unstable();
                    pods.dedup();
                    known = true;
                }
                (
                    Step::UsePriorityClass { class, value, node, preempts },
                    Step::UsePriorityClass { class: name, value: higher, node: there, preempts: more },
                ) if node == there => {
                    if higher > value {
                        (*value, *class) = (*higher, name.clone());
                    }
                    preempts.extend(more.iter().cloned());
                    preempts.sort_unstable();
                    preempts.dedup();
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
