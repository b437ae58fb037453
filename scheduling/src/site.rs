//! A node as a pod would find it: as it is, or with some pods gone and others come.

use std::ops::Deref;
use std::sync::Arc;

use crate::host_port::HostPort;
use crate::node::Node;
use crate::pod::Pod;
use crate::resource::Resources;

/// What filters are asked about. Everything that a filter counts on the node itself it reads here, so that it answers
/// for a supposition as well.
pub struct Site<'a> {
    node: &'a Node,
    supposed: Option<Supposed>,
}

#[derive(Default)]
struct Supposed {
    gone: Vec<Arc<Pod>>,
    come: Vec<Arc<Pod>>,
    requested: Resources,
}

impl<'a> Site<'a> {
    /// The node as it is.
    pub fn of(node: &'a Node) -> Site<'a> {
        Site { node, supposed: None }
    }

    /// The node with the pods that were promised it and that are as important as `pod`, or more.
    pub fn with_nominated(node: &'a Node, pod: &Pod) -> Site<'a> {
        let mut site = Site::of(node);
        let before = node.nominated.iter().filter(|other| other.priority >= pod.priority && other.uid != pod.uid);
        before.for_each(|other| site.with(other.clone()));
        site
    }

    pub fn node(&self) -> &'a Node {
        self.node
    }

    fn suppose(&mut self) -> &mut Supposed {
        let node = self.node;
        self.supposed
            .get_or_insert_with(|| Supposed { requested: node.usage().requested().clone(), ..Supposed::default() })
    }

    /// Supposes that a pod of the node is gone.
    pub fn without(&mut self, pod: Arc<Pod>) {
        let supposed = self.suppose();
        supposed.requested.subtract(&pod.requests);
        supposed.gone.push(pod);
    }

    /// Takes that supposition back.
    pub fn with_again(&mut self, pod: &Pod) {
        let supposed = self.suppose();
        if let Some(at) = supposed.gone.iter().position(|gone| gone.uid == pod.uid) {
            supposed.requested.add(&pod.requests);
            supposed.gone.remove(at);
        }
    }

    /// Supposes that a pod which has no node yet is here.
    pub fn with(&mut self, pod: Arc<Pod>) {
        let supposed = self.suppose();
        supposed.requested.add(&pod.requests);
        supposed.come.push(pod);
    }

    /// Pods of the node that are supposed to be gone.
    pub fn gone(&self) -> &[Arc<Pod>] {
        self.supposed.as_ref().map_or(&[], |supposed| &supposed.gone)
    }

    /// Pods that are supposed to be here in addition.
    pub fn come(&self) -> &[Arc<Pod>] {
        self.supposed.as_ref().map_or(&[], |supposed| &supposed.come)
    }

    pub fn pod_count(&self) -> usize {
        self.node.usage().pod_count() + self.come().len() - self.gone().len()
    }

    pub fn requested(&self) -> &Resources {
        self.supposed.as_ref().map_or(self.node.usage().requested(), |supposed| &supposed.requested)
    }

    /// How many pods here pass a test, given how many of the node's own do.
    pub fn count(&self, of_the_node: i64, test: impl Fn(&Pod) -> bool) -> i64 {
        let count = |pods: &[Arc<Pod>]| pods.iter().filter(|pod| test(pod)).count() as i64;
        of_the_node + count(self.come()) - count(self.gone())
    }

    /// Whether a port is taken.
    pub fn is_taken(&self, port: &HostPort) -> bool {
        let clash = |held: &HostPort| held.conflicts_with(port);
        if !self.node.usage().host_ports().iter().any(clash) && self.come().is_empty() {
            return false;
        }
        let stays = |pod: &&Arc<Pod>| !self.gone().iter().any(|gone| gone.uid == pod.uid);
        self.node.usage().pods().filter(stays).chain(self.come()).any(|pod| pod.host_ports.iter().any(clash))
    }
}

impl Deref for Site<'_> {
    type Target = Node;
    fn deref(&self) -> &Node {
        self.node
    }
}
