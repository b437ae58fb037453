//! How fast old sets give way to the new one. Each function changes sets within the bounds of the strategy.

use super::{bounds::bounds, sets::Set};
use crate::objects::Deployment;

fn total(sets: &[Set]) -> i32 {
    sets.iter().map(|set| set.replicas).sum()
}

/// The replicas that the new set may have while the others have theirs.
pub fn new_replicas(deployment: &Deployment, new: i32, old: &[Set]) -> i32 {
    let wanted = deployment.spec.replicas;
    if &*deployment.spec.strategy.kind == "Recreate" {
        return wanted;
    }
    let most = wanted + bounds(deployment).surge;
    let now = new + total(old);
    if now >= most {
        return new;
    }
    new + (most - now).min(wanted - new).max(0)
}

/// Grows (or, when it is too large, shrinks) the new set. True: it changed.
pub fn grow_new(deployment: &Deployment, new: &mut Set, old: &[Set]) -> bool {
    let wanted = deployment.spec.replicas;
    let target = match new.replicas.cmp(&wanted) {
        std::cmp::Ordering::Equal => return false,
        std::cmp::Ordering::Greater => wanted,
        std::cmp::Ordering::Less => new_replicas(deployment, new.replicas, old),
    };
    let changes = target != new.replicas;
    if changes {
        new.scale(target, deployment);
    }
    changes
}

/// Shrinks old sets as far as enough pods stay available: first by what is not available anyway. True: one
/// changed. `old` is in order of age.
pub fn shrink_old(deployment: &Deployment, new: &Set, old: &mut [Set]) -> bool {
    let old_total = total(old);
    if old_total == 0 {
        return false;
    }
    let least = deployment.spec.replicas - bounds(deployment).unavailable;
    let new_unavailable = new.replicas - new.available();
    // Were the new set's pods never to come up, this many could still go.
    let may_go = old_total + new.replicas - least - new_unavailable;
    if may_go <= 0 {
        return false;
    }
    let unhealthy = shrink_unhealthy(deployment, old, may_go);
    let healthy = shrink_healthy(deployment, new, old, least);
    unhealthy + healthy > 0
}

fn shrink_unhealthy(deployment: &Deployment, old: &mut [Set], may_go: i32) -> i32 {
    let mut gone = 0;
    for set in old.iter_mut().filter(|set| set.replicas > 0) {
        let unhealthy = (set.replicas - set.available()).min(may_go - gone);
        if unhealthy > 0 {
            set.scale(set.replicas - unhealthy, deployment);
            gone += unhealthy;
        }
    }
    gone
}

fn shrink_healthy(deployment: &Deployment, new: &Set, old: &mut [Set], least: i32) -> i32 {
    let available: i32 = old.iter().map(Set::available).sum::<i32>() + new.available();
    let may_go = available - least;
    let mut gone = 0;
    for set in old.iter_mut().filter(|set| set.replicas > 0) {
        let share = set.replicas.min(may_go - gone);
        if share > 0 {
            set.scale(set.replicas - share, deployment);
            gone += share;
        }
    }
    gone
}

/// Empties every old set. True: one changed.
pub fn empty_old(deployment: &Deployment, old: &mut [Set]) -> bool {
    let mut changed = false;
    for set in old.iter_mut().filter(|set| set.replicas > 0) {
        set.scale(0, deployment);
        changed = true;
    }
    changed
}
