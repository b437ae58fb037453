//! A claim with the mode ReadWriteOncePod has one pod at a time, wherever it runs.

use super::{Filter, Verdict};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::pod::Pod;

pub struct VolumeRestrictions;

impl Filter for VolumeRestrictions {
    fn name(&self) -> &'static str {
        "VolumeRestrictions"
    }

    fn curable_by(&self) -> Change {
        Change::POD_REMOVED
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster) -> Verdict<'a> {
        let exclusive = pod.claims.iter().filter(|wanted| {
            let claim = cluster.volumes().claim(&pod.namespace, &wanted.name);
            claim.is_some_and(|claim| claim.modes.iter().any(|mode| **mode == *"ReadWriteOncePod"))
        });
        let users = |name| cluster.users_of_claim(&pod.namespace, name) as i64;
        let taken: Vec<_> = exclusive.map(|wanted| (&wanted.name, users(&wanted.name))).collect();
        if taken.iter().all(|(_, users)| *users == 0) {
            return Verdict::Indifferent;
        }
        Verdict::ask(move |site, why| {
            let in_use = taken.iter().any(|(name, users)| {
                let uses =
                    |other: &Pod| other.namespace == pod.namespace && other.claims.iter().any(|one| one.name == **name);
                site.count(*users, uses) > 0
            });
            if in_use {
                why.push(Reason::ReadWriteOncePod);
            }
        })
    }
}
