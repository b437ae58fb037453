//! The fewest and least important pods of one node that have to go.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Preemption;
use crate::budget::Budgets;
use crate::explanation::Reason;
use crate::node::Node;
use crate::panel::Panel;
use crate::pod::Pod;
use crate::site::Site;

pub enum Attempt {
    Room(Preemption),
    /// Nobody here is less important.
    NoVictims,
    /// It would not fit even without them.
    StillRefused(Vec<Reason>),
}

/// Thinks all less important pods away, then as many as possible back: first those that a budget protects, and the more
/// important before the less important.
pub fn victims(panel: &Panel<'_>, pod: &Pod, node: &Node, budgets: &Budgets) -> Attempt {
    if node.usage().lowest_priority().is_none_or(|lowest| lowest >= pod.priority) {
        return Attempt::NoVictims;
    }
    let mut lesser: Vec<Arc<Pod>> =
        node.usage().pods().filter(|other| other.priority < pod.priority).cloned().collect();
    let mut site = Site::with_nominated(node, pod);
    lesser.iter().for_each(|other| site.without(other.clone()));
    let mut why = Vec::new();
    if panel.refuses(&site, &mut why).is_some() {
        return Attempt::StillRefused(why);
    }
    lesser.sort_by(|a, b| importance(a).cmp(&importance(b)));
    let protected = budgets.violated(&lesser);
    let mut in_turn: Vec<(&Arc<Pod>, bool)> = lesser.iter().zip(protected).collect();
    in_turn.sort_by_key(|(_, protected)| !protected);
    let (mut victims, mut violations) = (Vec::new(), 0);
    for (other, protected) in in_turn {
        site.with_again(other);
        if panel.refuses(&site, &mut why).is_some() {
            site.without(other.clone());
            victims.push(other.clone());
            violations += usize::from(protected);
        }
    }
    victims.sort_by(|a, b| importance(a).cmp(&importance(b)));
    Attempt::Room(Preemption { node: node.name.clone(), victims, violations, tried: 1 })
}

/// Sorts the more important first: higher priority, then running for longer. The uid makes the order certain.
fn importance(pod: &Pod) -> (Reverse<i32>, i64, &str) {
    (Reverse(pod.priority), pod.started(), &pod.uid)
}
