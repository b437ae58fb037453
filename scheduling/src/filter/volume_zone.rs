//! A volume that says its zone or region in labels is reached from nodes that are there too.

use super::{Filter, Verdict};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::pod::Pod;
use crate::volume::Volume;

/// Labels that say where a volume is, each with its older name.
const PLACES: [(&str, &str); 2] = [
    ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
];
/// Between several values in one label.
const SEPARATOR: &str = "__";

pub struct VolumeZone;

impl Filter for VolumeZone {
    fn name(&self) -> &'static str {
        "VolumeZone"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED | Change::NODE_LABELS | Change::VOLUMES
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster) -> Verdict<'a> {
        let volumes = cluster.volumes();
        let bound = pod.claims.iter().filter_map(|wanted| volumes.claim(&pod.namespace, &wanted.name));
        let bound = bound.filter_map(|claim| volumes.volume(claim.volume.as_deref()?));
        let places: Vec<(&Volume, usize, &str)> = bound
            .flat_map(|volume| {
                PLACES.iter().enumerate().filter_map(move |(at, (key, older))| {
                    let value = volume.labels.get(*key).or_else(|| volume.labels.get(*older))?;
                    Some((volume, at, value.as_str()))
                })
            })
            .collect();
        if places.is_empty() {
            return Verdict::Indifferent;
        }
        Verdict::ask(move |site, why| {
            let of_the_node = PLACES.map(|(key, older)| site.label(key).or_else(|| site.label(older)));
            // A node that says nothing of where it is, is taken to be anywhere.
            if of_the_node.iter().all(Option::is_none) {
                return;
            }
            let elsewhere = places.iter().find(|(_, place, values)| {
                of_the_node[*place].is_none_or(|value| !values.split(SEPARATOR).any(|one| one == value))
            });
            why.extend(elsewhere.map(|(volume, place, _)| Reason::VolumeZone {
                volume: volume.name.clone(),
                key: PLACES[*place].0.into(),
            }));
        })
    }
}
