//! Hundreds of nodes in a few lines: those that are refused for the same reasons, together.

use std::collections::BTreeMap;

use super::document::Group;
use super::{FEW, Refused, facts};

/// The largest first; of each, the numbers of the node that is nearest to taking the pod.
pub fn of(refused: &[Refused<'_>]) -> Vec<Group> {
    let mut by_kind: BTreeMap<Vec<String>, Vec<&Refused<'_>>> = BTreeMap::new();
    for one in refused {
        by_kind.entry(one.refusals.iter().map(facts::kind).collect()).or_default().push(one);
    }
    let mut groups: Vec<Group> = by_kind
        .into_values()
        .filter_map(|alike| {
            let nearest = alike.iter().min_by_key(|one| facts::distance(&one.refusals))?;
            let mut nodes = vec![nearest.node.name.to_string()];
            let others = alike.iter().filter(|one| one.node.name != nearest.node.name);
            nodes.extend(others.take(FEW - 1).map(|one| one.node.name.to_string()));
            Some(Group { count: alike.len(), nodes, refusals: nearest.refusals.clone() })
        })
        .collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.nodes.cmp(&b.nodes)));
    groups
}
