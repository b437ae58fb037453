//! A change that helps, without what of it is not needed: what puts one refusal right may do so for another, too.

use super::apply::named;
use super::document::Step;
use super::repairs::MEBI;
use super::trial::Ground;
use crate::cluster::Cluster;
use crate::pod::Pod;

/// Of a change that helps, the smallest that still does. The first `needed` steps stay.
pub fn smallest(mut steps: Vec<Step>, needed: usize, ground: &mut Ground<'_>, pod: &Pod) -> Vec<Step> {
    fewer_steps(&mut steps, needed, ground);
    fewer_pods(&mut steps, ground);
    // Steps on the pod alone come in the order of their sizes already.
    if steps.len() > needed + 1 && steps.iter().any(|step| step.node().is_some()) {
        for at in needed..steps.len() {
            smaller_number(&mut steps, at, ground, pod);
        }
    }
    steps
}

fn fewer_steps(steps: &mut Vec<Step>, needed: usize, ground: &mut Ground<'_>) {
    let mut at = needed;
    while at < steps.len() && steps.len() > 1 {
        let mut fewer = steps.clone();
        fewer.remove(at);
        match ground.attempt(&fewer) {
            Some(_) => *steps = fewer,
            None => at += 1,
        }
    }
}

fn fewer_pods(steps: &mut Vec<Step>, ground: &mut Ground<'_>) {
    for at in 0..steps.len() {
        let Step::RemovePods { node, pods, .. } = &steps[at] else { continue };
        if pods.len() < 2 {
            continue;
        }
        // The most important ones first.
        let mut all = named(ground.cluster(), node, pods);
        all.sort_by(|(a, _), (b, _)| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
        let names: Vec<_> = all.iter().map(|(pod, _)| super::facts::full_name(pod)).collect();
        for name in names {
            let mut fewer = steps.clone();
            if let Step::RemovePods { pods, .. } = &mut fewer[at] {
                pods.retain(|pod| *pod != name);
                if pods.is_empty() {
                    break;
                }
            }
            if ground.attempt(&fewer).is_some() {
                *steps = fewer;
            }
        }
    }
}

/// A number of a step, from one that helps towards one that does not.
fn smaller_number(steps: &mut Vec<Step>, at: usize, ground: &mut Ground<'_>, pod: &Pod) {
    let Some((mut good, mut bad, unit)) = range(&steps[at], pod, ground.cluster()) else { return };
    while (bad - good).abs() > unit {
        let half = (bad - good) / (2 * unit);
        let middle = good + unit * if half == 0 { (bad - good).signum() } else { half };
        let mut other = steps.clone();
        set_number(&mut other[at], middle);
        match ground.attempt(&other) {
            Some(_) => (good, *steps) = (middle, other),
            None => bad = middle,
        }
    }
}

/// Of a step with a number: that one, which helps, the one without the step, which does not, and in what units it is counted.
fn range(step: &Step, pod: &Pod, cluster: &Cluster) -> Option<(i64, i64, i64)> {
    match step {
        Step::LowerRequest { resource, from, to } => {
            let unit = if resource == "memory" && to % MEBI == 0 && *to > MEBI { MEBI } else { 1 };
            Some((*to, *from, unit))
        }
        Step::RaiseMaxPods { node, to } => Some((*to, cluster.node(node)?.max_pods, 1)),
        Step::RaiseMaxSkew { key, to } => {
            let hard = pod.relations.spread.iter().filter(|one| one.hard && *one.key == **key);
            Some((*to, hard.map(|one| one.max_skew).min()?, 1))
        }
        _ => None,
    }
}

fn set_number(step: &mut Step, number: i64) {
    if let Step::LowerRequest { to, .. } | Step::RaiseMaxPods { to, .. } | Step::RaiseMaxSkew { to, .. } = step {
        *to = number;
    }
}
