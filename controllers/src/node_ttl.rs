//! `node.alpha.kubernetes.io/ttl` on each node: for how long an agent may keep what it has read, in seconds. The more nodes
//! ask, the longer.

use std::sync::atomic::{AtomicUsize, Ordering};

use kube::api::Patch;
use serde_json::json;
use timonier_client::{Informer, Next, Object, ObjectKey, Reconcile, Writer};

use crate::{objects::Node, refusal::is_gone};

const ANNOTATION: &str = "node.alpha.kubernetes.io/ttl";

/// A size of cluster, in nodes.
struct Size {
    least: usize,
    most: usize,
    seconds: u32,
}

/// They overlap, so that a node that comes and goes does not change all others each time.
const SIZES: [Size; 5] = [
    Size { least: 0, most: 100, seconds: 0 },
    Size { least: 90, most: 500, seconds: 15 },
    Size { least: 450, most: 1000, seconds: 30 },
    Size { least: 900, most: 2000, seconds: 60 },
    Size { least: 1800, most: usize::MAX, seconds: 300 },
];

/// The size of so many nodes, after it was `size`.
fn resized(mut size: usize, nodes: usize) -> usize {
    while size + 1 < SIZES.len() && nodes > SIZES[size].most {
        size += 1;
    }
    while size > 0 && nodes < SIZES[size].least {
        size -= 1;
    }
    size
}

/// What the node is to say; None when it does.
fn missing(node: &Node, size: usize) -> Option<u32> {
    let seconds = SIZES.get(size)?.seconds;
    let said = node.metadata.annotations.get(ANNOTATION).and_then(|text| text.parse().ok());
    (said != Some(seconds)).then_some(seconds)
}

pub struct NodeTtl {
    nodes: Informer<Node>,
    size: AtomicUsize,
}

impl NodeTtl {
    pub fn new(nodes: Informer<Node>) -> NodeTtl {
        NodeTtl { nodes, size: AtomicUsize::new(0) }
    }

    /// Takes in that nodes came or went; the keys of all when that changes what they are to say.
    pub fn counted(&self) -> Vec<ObjectKey> {
        let old = self.size.load(Ordering::Relaxed);
        let new = resized(old, self.nodes.len());
        if self.size.swap(new, Ordering::Relaxed) == new {
            return Vec::new();
        }
        self.nodes.all().iter().map(|node| node.meta().key()).collect()
    }
}

impl Reconcile for NodeTtl {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(node) = self.nodes.get(key) else { return Ok(Next::Settled) };
        let Some(seconds) = missing(&node, self.size.load(Ordering::Relaxed)) else { return Ok(Next::Settled) };
        let patch = json!({"metadata": {"uid": &*node.metadata.uid, "annotations": {ANNOTATION: seconds.to_string()}}});
        match writer.patch::<Node>(key, &Patch::Merge(patch)).await {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(Next::Settled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_grows_and_shrinks_late() {
        let mut size = 0;
        for (nodes, seconds) in [
            (0, 0),
            (100, 0),
            (101, 15),
            (95, 15),
            (90, 15),
            (89, 0),
            (100, 0),
            (501, 30),
            (450, 30),
            (449, 15),
            (1001, 60),
            (900, 60),
            (899, 30),
            (2001, 300),
            (1800, 300),
            (1799, 60),
            (5000, 300),
            (10, 0),
        ] {
            size = resized(size, nodes);
            assert_eq!(SIZES[size].seconds, seconds, "{nodes} nodes");
        }
    }

    #[test]
    fn only_a_node_that_says_something_else_is_written_to() {
        let node = |annotations: serde_json::Value| -> Node {
            serde_json::from_value(json!({"metadata": {"name": "n", "annotations": annotations}})).expect("a node")
        };
        for (annotations, size, expect) in [
            (json!({}), 0, Some(0)),
            (json!({ANNOTATION: "0"}), 0, None),
            (json!({ANNOTATION: "0"}), 1, Some(15)),
            (json!({ANNOTATION: "15"}), 1, None),
            (json!({ANNOTATION: "soon"}), 0, Some(0)),
        ] {
            assert_eq!(missing(&node(annotations.clone()), size), expect, "{annotations} {size}");
        }
    }
}
