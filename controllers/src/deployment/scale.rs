//! Resizing a Deployment in the middle of a rollout: every set grows or shrinks in proportion, so that the
//! rollout's risk stays what it was.

use std::cmp::Reverse;

use super::{
    annotations::{DESIRED, MAX, number},
    bounds::bounds,
    sets::Set,
};
use crate::objects::Deployment;

/// Whether a set that has pods was last sized for another number of replicas.
pub fn is_wanted(deployment: &Deployment, new: Option<&Set>, old: &[Set]) -> bool {
    old.iter()
        .chain(new)
        .filter(|set| set.is_active())
        .any(|set| number::<i32>(&set.annotations, DESIRED).is_some_and(|desired| desired != deployment.spec.replicas))
}

pub fn scale(deployment: &Deployment, new: &mut Option<Set>, old: &mut [Set]) {
    let wanted = deployment.spec.replicas;
    if let Some(only) = only_active_or_latest(new, old) {
        if only.replicas != wanted {
            only.scale(wanted, deployment);
        }
        return;
    }
    if new.as_ref().is_some_and(|new| is_saturated(deployment, new)) {
        super::rollout::empty_old(deployment, old);
        return;
    }
    if &*deployment.spec.strategy.kind != "Recreate" {
        in_proportion(deployment, new, old);
    }
}

/// The one set with pods; without any, the new one, else the latest. None when several have pods.
fn only_active_or_latest<'a>(new: &'a mut Option<Set>, old: &'a mut [Set]) -> Option<&'a mut Set> {
    let active = old.iter().chain(new.as_ref()).filter(|set| set.is_active()).count();
    match active {
        0 if new.is_some() => new.as_mut(),
        0 => old.last_mut(),
        1 => old.iter_mut().chain(new.as_mut()).find(|set| set.is_active()),
        _ => None,
    }
}

/// The new set has everything, so the old ones are not needed.
fn is_saturated(deployment: &Deployment, new: &Set) -> bool {
    let wanted = deployment.spec.replicas;
    new.replicas == wanted && new.available() == wanted && number::<i32>(&new.annotations, DESIRED) == Some(wanted)
}

fn in_proportion(deployment: &Deployment, new: &mut Option<Set>, old: &mut [Set]) {
    let wanted = deployment.spec.replicas;
    let allowed = if wanted > 0 { wanted + bounds(deployment).surge } else { 0 };
    let mut active: Vec<&mut Set> = old.iter_mut().chain(new.as_mut()).filter(|set| set.is_active()).collect();
    let to_add = allowed - active.iter().map(|set| set.replicas).sum::<i32>();
    // The largest set takes what rounding leaves; of equals the newer when growing, the older when shrinking.
    let age = |set: &Set| set.object.metadata.creation_timestamp;
    if to_add > 0 {
        active.sort_by_key(|set| (Reverse(set.replicas), Reverse(age(set))));
    } else {
        active.sort_by_key(|set| (Reverse(set.replicas), age(set)));
    }
    let mut added = 0;
    let mut sizes = Vec::with_capacity(active.len());
    for set in &active {
        let share = proportion(deployment, set, to_add, added);
        added += share;
        sizes.push(set.replicas + share);
    }
    if let Some(largest) = sizes.first_mut() {
        *largest = (*largest + to_add - added).max(0);
    }
    for (set, size) in active.into_iter().zip(sizes) {
        set.scale(size, deployment);
    }
}

/// How many a set gains (or, negative, loses) of what is to be added in all.
fn proportion(deployment: &Deployment, set: &Set, to_add: i32, added: i32) -> i32 {
    if set.replicas == 0 || to_add == 0 || to_add == added {
        return 0;
    }
    let left = to_add - added;
    let fraction = fraction(deployment, set);
    if to_add > 0 { fraction.min(left) } else { fraction.max(left) }
}

fn fraction(deployment: &Deployment, set: &Set) -> i32 {
    let wanted = deployment.spec.replicas;
    if wanted == 0 {
        return -set.replicas;
    }
    let most = f64::from(wanted + bounds(deployment).surge);
    let before = number::<i32>(&set.annotations, MAX).filter(|before| *before != 0);
    let before = before.unwrap_or(deployment.status.replicas);
    if before == 0 {
        return 0;
    }
    let size = f64::from(set.replicas) * most / f64::from(before);
    // Halves away from zero; sizes are far below what a float counts exactly.
    size.round() as i32 - set.replicas
}
