//! Why a pod waits, in full: for every node what every filter has against it, the scores of those that would do, and the
//! smallest changes after which it would be placed.
//!
//! Pure, like the rest of the crate: the caller hands in the cluster as it was at one revision. A change is told only when
//! the same filters agree to it on a copy.
//!
//! Reading order: [`document`] (the answer), [`Subject`] (the pod), `facts` (reasons in numbers), `room` (who makes room), `repairs`, [`cost`],
//! `apply`, `trial`, `smaller`, `search` (the changes), `groups`, [`words`] (for people).

pub mod amount;
mod apply;
mod company;
pub mod cost;
pub mod document;
mod facts;
mod groups;
mod removal;
mod repairs;
mod room;
mod scores;
mod search;
mod smaller;
mod subject;
mod trial;
pub mod words;
pub mod world;

pub use document::{API_VERSION, Basis, Explanation, KIND, LIST_KIND, Verdict};
pub use subject::Subject;

use document::{Counts, Metadata, Refusal, RefusedNode};

use crate::cluster::Cluster;
use crate::inquiry::Inquiry;
use crate::node::Node;
use crate::pod::Pod;
use crate::profile::Profile;
use room::Decision;

/// So many names stand for many.
pub const FEW: usize = 3;

/// A class of priorities that the pod could have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorityClass {
    pub name: String,
    pub value: i32,
}

/// What is asked, apart from the cluster.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub pod: &'a Pod,
    pub profile: &'a Profile,
    pub classes: &'a [PriorityClass],
    /// Whether each refused node is to be listed.
    pub every_node: bool,
}

impl Question<'_> {
    fn metadata(&self) -> Metadata {
        Metadata {
            name: self.pod.name.to_string(),
            namespace: self.pod.namespace.to_string(),
            uid: self.pod.uid.to_string(),
        }
    }

    /// Classes that would make the pod more important, or as important and preempting; the lowest first.
    fn classes_above(&self) -> Vec<&PriorityClass> {
        let above = |class: &&PriorityClass| match self.pod.preempts {
            true => class.value > self.pod.priority,
            false => class.value >= self.pod.priority,
        };
        // What begins with this is for parts of the cluster itself.
        let mut classes: Vec<_> =
            self.classes.iter().filter(above).filter(|class| !class.name.starts_with("system-")).collect();
        classes.sort_by(|a, b| (a.value, &a.name).cmp(&(b.value, &b.name)));
        classes
    }
}

/// A node that does not do, and why.
struct Refused<'a> {
    node: &'a Node,
    refusals: Vec<Refusal>,
}

/// Judges the pod of `subject` on every node of the cluster, where it is not counted meanwhile.
pub fn explain(subject: &Subject, asked: &Question<'_>, cluster: &mut Cluster, basis: Basis) -> Explanation {
    let was_on = cluster.node_of(&subject.pod.uid).cloned();
    cluster.remove_pod(&subject.pod.uid);
    let explanation = judged(subject, asked, cluster, basis);
    if let Some(node) = was_on {
        cluster.set_pod(subject.pod.clone(), &node);
    }
    explanation
}

fn judged(subject: &Subject, asked: &Question<'_>, cluster: &mut Cluster, basis: Basis) -> Explanation {
    let mut answer = Explanation {
        api_version: API_VERSION.into(),
        kind: KIND.into(),
        metadata: asked.metadata(),
        verdict: subject.verdict(),
        message: String::new(),
        basis,
        node: subject.node.clone(),
        nodes: Counts { total: cluster.nodes().len(), feasible: 0 },
        groups: vec![],
        refused: vec![],
        scores: vec![],
        preemption: None,
        changes: vec![],
        like_it: 0,
    };
    let inquiry = Inquiry::new(asked.profile, asked.pod, cluster);
    let never = inquiry.impossible();
    let mut feasible = vec![];
    let mut refused = vec![];
    for node in inquiry.cluster().nodes() {
        let objections = inquiry.judge(node);
        if objections.is_empty() {
            feasible.push(node);
            continue;
        }
        let cluster = inquiry.cluster();
        let refusals = objections.iter().flat_map(|one| facts::refusals(one, asked.pod, node, cluster)).collect();
        refused.push(Refused { node, refusals });
    }
    refused.sort_by(|a, b| a.node.name.cmp(&b.node.name));
    if !never.is_empty() {
        feasible.clear();
    }
    answer.nodes.feasible = feasible.len();
    if answer.verdict == Verdict::Schedulable && feasible.is_empty() {
        answer.verdict = Verdict::Unschedulable;
    }
    if matches!(answer.verdict, Verdict::Scheduled | Verdict::Schedulable) {
        answer.scores = scores::of(&inquiry, &feasible, subject.node.as_deref());
    }
    answer.groups = groups::of(&refused);
    if asked.every_node {
        let each = refused.iter();
        let each = each.map(|one| RefusedNode { node: one.node.name.to_string(), refusals: one.refusals.clone() });
        answer.refused = each.collect();
    }
    let never = never.first().map(|one| one.why.to_string());
    // What stands against every node alike is not undone on one of them.
    let hopeful = never.is_none();
    let verdict = answer.verdict;
    if hopeful && matches!(verdict, Verdict::Unschedulable | Verdict::Gated | Verdict::NotOurs) {
        answer.changes = search::changes(asked, &refused, inquiry.cluster(), &subject.first_steps());
    }
    let mut remark = None;
    if hopeful && verdict == Verdict::Unschedulable {
        let cluster = inquiry.cluster();
        match room::decide(asked.pod, asked.profile, cluster) {
            Decision::Room(node, victims) => {
                answer.verdict = Verdict::Preempting;
                answer.preemption = Some(room::told(&node, &victims, cluster));
                answer.changes.clear();
            }
            Decision::None(Some(why)) => remark = room::none(&why, asked.pod, asked.profile, cluster),
            Decision::None(None) | Decision::Placed(_) => {}
        }
    }
    answer.message = subject.sentence(&answer, never.as_deref(), remark.as_deref());
    answer
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
