//! How far the pods are, and when they came so far. Pure: fed with steps of watches and the time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use timonier_client::Object;
use timonier_client::watch::Step;

use crate::News;
use crate::view::{Deployment, Node, Pod};

/// The stages of a pod, in order. The last is what the Deployments themselves say.
pub const STAGES: [&str; 4] = ["created", "bound to a node", "running", "available"];
const AVAILABLE: usize = 3;

pub struct Progress {
    total: usize,
    ready_nodes: HashSet<Arc<str>>,
    /// Stages that each pod has reached, by uid.
    pods: HashMap<Arc<str>, usize>,
    available: HashMap<Arc<str>, usize>,
    /// Pods that have reached each stage.
    counts: [usize; STAGES.len()],
    /// When the first, half and all of them had.
    times: [[Option<Duration>; 3]; STAGES.len()],
    /// Which of the watches have listed.
    seen: [bool; 3],
}

impl Progress {
    pub fn new(total: usize) -> Progress {
        Progress {
            total,
            ready_nodes: HashSet::new(),
            pods: HashMap::new(),
            available: HashMap::new(),
            counts: [0; STAGES.len()],
            times: [[None; 3]; STAGES.len()],
            seen: [false; 3],
        }
    }

    pub fn total(&self) -> usize {
        self.total
    }

    pub fn ready_nodes(&self) -> usize {
        self.ready_nodes.len()
    }

    /// Whether everything that is followed was listed.
    pub fn seen_all(&self) -> bool {
        self.seen.iter().all(|seen| *seen)
    }

    pub fn count(&self, stage: usize) -> usize {
        self.counts[stage]
    }

    pub fn times(&self, stage: usize) -> [Option<Duration>; 3] {
        self.times[stage]
    }

    pub fn finished(&self) -> Option<Duration> {
        self.times[AVAILABLE][2]
    }

    pub fn take(&mut self, news: News, now: Duration) {
        match news {
            News::Node(step) => self.seen[0] |= each(step, |node, there| self.node(&node, there)),
            News::Pod(step) => self.seen[1] |= each(step, |pod, there| self.pod(&pod, there)),
            News::Deployment(step) => {
                self.seen[2] |= each(step, |deployment, there| self.deployment(&deployment, there))
            }
        }
        for (count, times) in self.counts.iter().zip(&mut self.times) {
            for (enough, time) in [1, self.total / 2, self.total].into_iter().zip(times) {
                if *count >= enough {
                    time.get_or_insert(now);
                }
            }
        }
    }

    fn node(&mut self, node: &Node, there: bool) {
        if there && node.is_ready() {
            self.ready_nodes.insert(node.meta().name.clone());
        } else {
            self.ready_nodes.remove(&node.meta().name);
        }
    }

    fn pod(&mut self, pod: &Pod, there: bool) {
        let stages = if there { pod.stages() } else { 0 };
        let before = self.pods.insert(pod.meta().uid.clone(), stages).unwrap_or(0);
        for (stage, count) in self.counts.iter_mut().enumerate().take(AVAILABLE) {
            *count += usize::from(stage < stages);
            *count -= usize::from(stage < before);
        }
    }

    fn deployment(&mut self, deployment: &Deployment, there: bool) {
        let available = if there { deployment.available() } else { 0 };
        self.available.insert(deployment.meta().uid.clone(), available);
        self.counts[AVAILABLE] = self.available.values().sum();
    }
}

/// Hands on the objects of a step, and whether each is there. Whether the step was a complete list.
fn each<T>(step: Step<T>, mut take: impl FnMut(T, bool)) -> bool {
    match step {
        Step::Reset { objects, .. } => {
            objects.into_iter().for_each(|object| take(object, true));
            return true;
        }
        Step::Changed { object, .. } => take(object, true),
        Step::Removed { object, .. } => take(object, false),
        Step::Progress { .. } => {}
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use timonier_client::Revision;

    use super::*;

    fn pod(uid: &str, node: Option<&str>, phase: &str) -> Pod {
        let pod =
            json!({"metadata": {"name": uid, "uid": uid}, "spec": {"nodeName": node}, "status": {"phase": phase}});
        serde_json::from_value(pod).expect("a pod")
    }

    fn changed<T>(object: T) -> Step<T> {
        Step::Changed { object, revision: Revision(1) }
    }

    #[test]
    fn a_stage_is_done_when_all_pods_reached_it() {
        let mut progress = Progress::new(2);
        let second = Duration::from_secs(1);
        progress.take(News::Pod(changed(pod("a", None, "Pending"))), second);
        progress.take(News::Pod(changed(pod("a", Some("n"), "Pending"))), second * 2);
        progress.take(News::Pod(changed(pod("b", Some("n"), "Running"))), second * 3);
        assert_eq!(progress.counts, [2, 2, 1, 0]);
        assert_eq!(progress.times(0), [Some(second), Some(second), Some(second * 3)]);
        assert_eq!(progress.times(2), [Some(second * 3), Some(second * 3), None]);
        progress
            .take(News::Pod(Step::Removed { object: pod("b", Some("n"), "Running"), revision: Revision(2) }), second);
        assert_eq!(progress.counts, [1, 1, 0, 0]);
    }

    #[test]
    fn what_is_available_the_deployments_say() {
        let mut progress = Progress::new(2);
        let deployment = |uid: &str, available: usize| -> Deployment {
            let metadata = json!({"name": uid, "uid": uid});
            serde_json::from_value(json!({"metadata": metadata, "status": {"availableReplicas": available}}))
                .expect("one")
        };
        progress.take(News::Deployment(changed(deployment("a", 1))), Duration::ZERO);
        assert_eq!(progress.finished(), None);
        progress.take(News::Deployment(changed(deployment("b", 1))), Duration::from_secs(2));
        assert_eq!(progress.finished(), Some(Duration::from_secs(2)));
    }
}
