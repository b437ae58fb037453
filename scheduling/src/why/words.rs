//! An explanation as text for a terminal.

use std::fmt::Write;

use super::document::{Change, Explanation, Group, Refusal, RefusedNode, Verdict};

/// All of it, several lines, each ended.
pub fn text(told: &Explanation) -> String {
    let mut out = String::new();
    let (namespace, name) = (&told.metadata.namespace, &told.metadata.name);
    let state = match told.verdict {
        Verdict::Scheduled => "has its node",
        Verdict::Ended => "has ended",
        _ => "waits for a node",
    };
    line(&mut out, 0, format!("Pod {namespace}/{name} {state}. {}", told.message));
    if let Some(note) = &told.basis.note {
        line(&mut out, 0, note);
    }
    if !told.refused.is_empty() {
        told.refused.iter().for_each(|one| refused(&mut out, one));
    } else if told.verdict != Verdict::Ended {
        told.groups.iter().for_each(|one| group(&mut out, one));
    }
    scores(&mut out, told);
    changes(&mut out, told);
    out
}

/// The sentence and the best change, for a page about the pod.
pub fn short(told: &Explanation) -> Vec<String> {
    let mut lines = vec![told.message.clone()];
    lines.extend(told.groups.iter().map(|group| format!("{}: {}", nodes(group), details(&group.refusals))));
    lines.extend(told.changes.first().map(|change| format!("Smallest change: {}.", change.summary)));
    lines
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

fn details(refusals: &[Refusal]) -> String {
    refusals.iter().map(|refusal| &*refusal.detail).collect::<Vec<_>>().join("; ")
}

fn group(out: &mut String, group: &Group) {
    line(out, 2, format!("{}:", nodes(group)));
    let nearest = if group.count > 1 { format!(" (on {})", group.nodes[0]) } else { String::new() };
    for refusal in &group.refusals {
        let numbers = super::facts::kind(refusal) != refusal.detail;
        let place = if numbers { &*nearest } else { "" };
        line(out, 4, format!("{:<20} {}{place}", refusal.filter, refusal.detail));
    }
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
        if matches!(told.verdict, Verdict::Unschedulable | Verdict::Gated) {
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
