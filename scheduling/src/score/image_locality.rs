//! Nodes that have the pod's images already; an image that is on few nodes counts less, so that pods do not heap up there.

use super::{MOST, Ranking, Scale, Score};
use crate::cluster::Cluster;
use crate::pod::Pod;

/// Bytes: less than the least makes no difference, more than the most (of each container) no more of it.
const LEAST: i64 = 23 << 20;
const MOST_OF_A_CONTAINER: i64 = 1000 << 20;

pub struct ImageLocality;

impl Score for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster, _: &[usize]) -> Option<Ranking<'a>> {
        let nodes = cluster.nodes().len() as f64;
        let somewhere: Vec<_> = pod
            .images
            .iter()
            .filter_map(|image| Some((image, cluster.nodes_with_image(image)? as f64 / nodes)))
            .collect();
        if somewhere.is_empty() {
            return None;
        }
        let most = MOST_OF_A_CONTAINER * pod.images.len() as i64;
        Some(Ranking {
            rank: Box::new(move |node| {
                let here = somewhere.iter().filter_map(|(image, share)| Some((node.images.get(*image)?, share)));
                let bytes: i64 = here.map(|(bytes, share)| (*bytes as f64 * share) as i64).sum();
                MOST * (bytes.clamp(LEAST, most) - LEAST) / (most - LEAST)
            }),
            scale: Scale::Points,
        })
    }
}
