//! An explanation as text for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::document::{Change, Explanation, Group, Preemption, Refusal, RefusedNode, Verdict};
use super::facts;

/// So many groups of nodes are told one by one; when there are more, what stands against how many nodes comes first.
const GROUPS: usize = 6;
/// The same on a page about the pod.
const GROUPS_IN_SHORT: usize = 4;

/// All of it, several lines, each ended.
pub fn text(told: &Explanation) -> String {
    let mut out = String::new();
    let (namespace, name) = (&told.metadata.namespace, &told.metadata.name);
    let state = match told.verdict {
        Verdict::Scheduled => "has its node",
        Verdict::Ended => "has ended",
        _ => "waits for a node",
    };
    line(&mut out, 0, format!("Pod {namespace}/{name} {state}. {}{}", told.message, room(told)));
    if let Some(note) = &told.basis.note {
        line(&mut out, 0, note);
    }
    if !told.refused.is_empty() {
        told.refused.iter().for_each(|one| refused(&mut out, one));
    } else if told.verdict != Verdict::Ended {
        if told.groups.len() > GROUPS {
            tally(&mut out, &told.groups);
        }
        told.groups.iter().take(GROUPS).for_each(|one| group(&mut out, one));
        if let Some(rest) = rest(&told.groups, GROUPS) {
            line(&mut out, 2, format!("{rest}; --nodes lists each of them"));
        }
    }
    scores(&mut out, told);
    changes(&mut out, told);
    out
}

/// The sentence and the best change, for a page about the pod.
pub fn short(told: &Explanation) -> Vec<String> {
    let mut lines = vec![format!("{}{}", told.message, room(told))];
    let groups = told.groups.iter().take(GROUPS_IN_SHORT);
    lines.extend(groups.map(|group| format!("{}: {}", nodes(group), details(&group.refusals))));
    lines.extend(rest(&told.groups, GROUPS_IN_SHORT));
    lines.extend(told.changes.first().map(|change| format!("Smallest change: {}.", change.summary)));
    lines
}

/// Who makes room, as one more sentence.
fn room(told: &Explanation) -> String {
    let sentence = |preemption: &Preemption| format!(" {}.", capitalized(&preemption.to_string()));
    told.preemption.as_ref().map(sentence).unwrap_or_default()
}

fn line(out: &mut String, indent: usize, text: impl AsRef<str>) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{:indent$}{}", "", text.as_ref());
}

fn nodes(group: &Group) -> String {
    let names = group.nodes.join(", ");
    match group.count - group.nodes.len() {
        0 if group.count == 1 => names,
        0 => format!("{} nodes ({names})", group.count),
        _ => format!("{} nodes ({names}, …)", group.count),
    }
}

/// What is not told of each group.
fn rest(groups: &[Group], told: usize) -> Option<String> {
    let rest = groups.get(told..).filter(|rest| !rest.is_empty())?;
    let nodes: usize = rest.iter().map(|group| group.count).sum();
    Some(match (nodes, rest.len()) {
        (1, _) => "1 more node, for reasons of its own".into(),
        (nodes, 1) => format!("{nodes} more nodes, for other reasons"),
        (nodes, groups) => format!("{nodes} more nodes, for {groups} other sets of reasons"),
    })
}

fn details(refusals: &[Refusal]) -> String {
    refusals.iter().map(|refusal| &*refusal.detail).collect::<Vec<_>>().join("; ")
}

fn group(out: &mut String, group: &Group) {
    line(out, 2, format!("{}:", nodes(group)));
    let nearest = (group.count > 1).then(|| &*group.nodes[0]);
    for refusal in &group.refusals {
        line(out, 4, format!("{:<20} {}", refusal.filter, seen_on(refusal, nearest)));
    }
}

/// What a filter has against one of several nodes; where its numbers are from, if they are not those of all.
fn seen_on(refusal: &Refusal, node: Option<&str>) -> String {
    let detail = &refusal.detail;
    match node.filter(|node| facts::kind(refusal) != *detail && !detail.contains(node)) {
        Some(node) => format!("{detail} (on {node})"),
        None => detail.clone(),
    }
}

/// What stands against how many nodes, whatever else does: the most frequent first, each with the numbers of the node where
/// the least is missing.
fn tally(out: &mut String, groups: &[Group]) {
    let mut kinds: BTreeMap<String, (usize, &str, &Refusal)> = BTreeMap::new();
    for group in groups {
        for refusal in &group.refusals {
            let distance = |refusal: &Refusal| facts::distance(std::slice::from_ref(refusal));
            let known = kinds.entry(facts::kind(refusal)).or_insert((0, &group.nodes[0], refusal));
            known.0 += group.count;
            if distance(refusal) < distance(known.2) {
                (known.1, known.2) = (&group.nodes[0], refusal);
            }
        }
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.detail.cmp(&b.2.detail)));
    for (nodes, nearest, refusal) in kinds {
        let counted = if nodes == 1 { "1 node".into() } else { format!("{nodes} nodes") };
        let place = (nodes > 1).then_some(nearest);
        line(out, 2, format!("{counted:<10} {:<20} {}", refusal.filter, seen_on(refusal, place)));
    }
    line(out, 0, "Together on:");
}

fn refused(out: &mut String, one: &RefusedNode) {
    line(out, 2, format!("{}:", one.node));
    for refusal in &one.refusals {
        line(out, 4, format!("{:<20} {}", refusal.filter, refusal.detail));
    }
}

fn scores(out: &mut String, told: &Explanation) {
    if told.scores.is_empty() {
        return;
    }
    line(out, 0, "Scores of the nodes that would do:");
    for score in &told.scores {
        let parts = score.scores.iter().map(|one| format!("{} {}×{}", one.name, one.points, one.weight));
        line(out, 2, format!("{} {}  ({})", score.node, score.total, parts.collect::<Vec<_>>().join(", ")));
    }
}

fn changes(out: &mut String, told: &Explanation) {
    let Some((best, others)) = told.changes.split_first() else {
        if matches!(told.verdict, Verdict::Unschedulable | Verdict::Gated | Verdict::NotOurs) {
            line(out, 0, "No single change was found after which it would fit.");
        }
        return;
    };
    line(out, 0, "The smallest change after which it fits:");
    change(out, best);
    if !others.is_empty() {
        line(out, 0, "Or:");
        others.iter().for_each(|one| change(out, one));
    }
}

fn change(out: &mut String, change: &Change) {
    line(out, 2, format!("{}.", change.summary));
    change.commands.iter().for_each(|command| line(out, 4, format!("$ {command}")));
}

/// As the beginning of a sentence.
pub(super) fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
