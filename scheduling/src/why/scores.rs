//! The points of the nodes that would do.

use super::document::{NodeScore, Points};
use crate::inquiry::Inquiry;
use crate::node::Node;

/// So many of the best are told.
const BEST: usize = 5;

/// The best first, and the node where the pod is, wherever it stands among them.
pub fn of(inquiry: &Inquiry<'_>, feasible: &[&Node], chosen: Option<&str>) -> Vec<NodeScore> {
    let given = inquiry.scores(feasible);
    let mut all: Vec<NodeScore> = feasible
        .iter()
        .enumerate()
        .map(|(at, node)| {
            let points = |score: &crate::inquiry::Points| score.points.get(at).copied().unwrap_or_default();
            let scores = given.iter().map(|score| Points {
                name: score.score.to_string(),
                points: points(score),
                weight: score.weight,
            });
            let total = given.iter().map(|score| points(score) * score.weight).sum();
            NodeScore { node: node.name.to_string(), total, scores: scores.collect() }
        })
        .collect();
    all.sort_by(|a, b| b.total.cmp(&a.total).then_with(|| a.node.cmp(&b.node)));
    let mut place = 0;
    all.retain(|score| {
        place += 1;
        place <= BEST || Some(&*score.node) == chosen
    });
    all
}
