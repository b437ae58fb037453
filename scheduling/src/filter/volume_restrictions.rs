//! A claim with the mode ReadWriteOncePod has one pod at a time, wherever it runs.

use super::{Filter, Verdict};
use crate::cluster::{Change, Cluster};
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
        let taken = exclusive.into_iter().any(|wanted| cluster.uses_claim(&pod.namespace, &wanted.name));
        if !taken {
            return Verdict::Indifferent;
        }
        Verdict::ask(|_, why| why.push(Reason::ReadWriteOncePod))
    }
}
