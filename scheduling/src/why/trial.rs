//! Steps that are taken on a copy of the cluster, and what then would become of the pod.

use super::Question;
use super::apply::{self, Taken};
use super::document::{Preemption, Step};
use super::room::{self, Decision};
use crate::cluster::Cluster;
use crate::inquiry::Inquiry;
use crate::node::Node;
use crate::pod::Pod;

/// Steps that do help.
#[derive(Debug, Clone)]
pub struct Found {
    /// As they were tried, but for the priority class, which is decided here.
    pub steps: Vec<Step>,
    /// The nodes that would do then, of those that the steps are about; sorted.
    pub fits: Vec<String>,
    /// When it needs others to end, and no step says so.
    pub preemption: Option<Preemption>,
}

/// A copy of the cluster.
pub struct Ground<'a> {
    asked: &'a Question<'a>,
    scratch: Cluster,
}

impl<'a> Ground<'a> {
    pub fn new(asked: &'a Question<'a>, cluster: &Cluster) -> Ground<'a> {
        Ground { asked, scratch: cluster.clone() }
    }

    pub fn cluster(&self) -> &Cluster {
        &self.scratch
    }

    /// Takes the steps, and takes them back. None when they do not help.
    pub fn attempt(&mut self, steps: &[Step]) -> Option<Found> {
        let (open, others): (Vec<_>, Vec<_>) = steps.iter().cloned().partition(Step::is_open);
        let mut pod: Pod = self.asked.pod.clone();
        let mut taken = Taken::default();
        let mut found = None;
        if apply::take(&others, &mut pod, &mut self.scratch, &mut taken) {
            found = if open.is_empty() { self.fitting(&pod, others) } else { self.making_room(pod, others) };
        }
        taken.back(&mut self.scratch);
        found
    }

    fn fitting(&mut self, pod: &Pod, steps: Vec<Step>) -> Option<Found> {
        let inquiry = Inquiry::new(self.asked.profile, pod, &mut self.scratch);
        if !inquiry.impossible().is_empty() {
            return None;
        }
        let nodes: Vec<&Node> = match steps.iter().find_map(Step::node) {
            Some(name) => inquiry.cluster().node(name).into_iter().collect(),
            None => inquiry.cluster().nodes().iter().collect(),
        };
        let fit = nodes.into_iter().filter(|node| inquiry.judge(node).is_empty());
        let mut fits: Vec<String> = fit.map(|node| node.name.to_string()).collect();
        fits.sort_unstable();
        (!fits.is_empty()).then_some(Found { steps, fits, preemption: None })
    }

    /// With the pod's own priority if that is enough, else with that of the lowest class for which there is room: what the
    /// scheduler decides then, with its choice of victims.
    fn making_room(&mut self, mut pod: Pod, mut steps: Vec<Step>) -> Option<Found> {
        let asked = self.asked;
        let place = steps.iter().find_map(Step::node).map(str::to_string);
        let levels = asked.pod.preempts.then_some(None).into_iter().chain(asked.classes_above().into_iter().map(Some));
        self.scratch.follow(&pod);
        for class in levels {
            if let Some(class) = class {
                (pod.priority, pod.preempts) = (class.value, true);
            }
            let (node, victims) = match room::decide(&pod, asked.profile, &self.scratch) {
                Decision::Placed(node) => (node, vec![]),
                Decision::Room(node, victims) => (node, victims),
                Decision::None(_) => continue,
            };
            // The pods of one controller have one class: what is given to one of them is given to all.
            let ours = pod.controller.as_ref();
            let own = ours.is_some() && victims.iter().any(|victim| victim.controller.as_ref() == ours);
            if own || place.as_deref().is_some_and(|place| *place != *node) {
                continue;
            }
            let Preemption { node, victims, violates } = room::told(&node, &victims, &self.scratch);
            let fits = vec![node.clone()];
            let Some(class) = class else {
                let preemption = (!victims.is_empty()).then_some(Preemption { node, victims, violates });
                return Some(Found { steps, fits, preemption });
            };
            let (class, value) = (class.name.clone(), class.value);
            steps.push(Step::UsePriorityClass { class, value, node, preempts: victims, violates });
            return Some(Found { steps, fits, preemption: None });
        }
        None
    }
}
