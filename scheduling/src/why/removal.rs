//! Taking pods away.

use std::sync::Arc;

use super::Question;
use super::document::Step;
use super::facts::full_name;
use crate::node::Node;
use crate::pod::Pod;

/// The pods taken away, by hand or by preemption. Not those of the pod's own controller, which would only make them anew.
pub fn without(pods: &[&Arc<Pod>], asked: &Question<'_>, node: &Node) -> Vec<Step> {
    if pods.is_empty() || pods.iter().any(|other| is_sibling(other, asked)) {
        return vec![];
    }
    let mut names: Vec<String> = pods.iter().map(|pod| full_name(pod)).collect();
    names.sort_unstable();
    let by_hand = Step::RemovePods { node: node.name.to_string(), pods: names, violates: vec![] };
    [by_hand].into_iter().chain(priority(asked)).collect()
}

/// Whether the pod's own controller would make it anew.
pub fn is_sibling(other: &Pod, asked: &Question<'_>) -> bool {
    asked.pod.controller.is_some() && other.controller == asked.pod.controller
}

/// Whatever priority it takes, when the scheduler preempts at all.
pub fn priority(asked: &Question<'_>) -> Option<Step> {
    asked.profile.preempts.then(Step::any_priority)
}
