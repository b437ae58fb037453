//! No more volumes of a CSI driver on a node than its CSINode allows.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Filter, Judge, Verdict};
use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::pod::Pod;
use crate::site::Site;
use crate::volume::Volumes;

pub struct NodeVolumeLimits;

impl Filter for NodeVolumeLimits {
    fn name(&self) -> &'static str {
        "NodeVolumeLimits"
    }

    fn curable_by(&self) -> Change {
        Change::NODE_ADDED | Change::POD_REMOVED | Change::VOLUMES | Change::VOLUME_LIMITS
    }

    fn prepare<'a>(&self, pod: &'a Pod, cluster: &'a Cluster) -> Verdict<'a> {
        if pod.claims.is_empty() || cluster.volume_limits().is_empty() {
            return Verdict::Indifferent;
        }
        let wanted: HashSet<_> = attachments(pod, cluster.volumes()).collect();
        if wanted.is_empty() {
            return Verdict::Indifferent;
        }
        Verdict::Ask(Box::new(Limits { wanted, cluster }))
    }
}

/// Driver and volume. One that is yet to be made is known by its claim.
type Attachment = (Arc<str>, (Arc<str>, Arc<str>));

fn attachments<'a>(pod: &'a Pod, volumes: &'a Volumes) -> impl Iterator<Item = Attachment> + 'a {
    pod.claims.iter().filter_map(|wanted| {
        let claim = volumes.claim(&pod.namespace, &wanted.name)?;
        match &claim.volume {
            Some(volume) => {
                let (driver, handle) = volumes.volume(volume)?.csi.clone()?;
                Some((driver, ("".into(), handle)))
            }
            None => Some((volumes.class(&claim.class)?.provisioner.as_ref().into(), claim.key())),
        }
    })
}

struct Limits<'a> {
    wanted: HashSet<Attachment>,
    cluster: &'a Cluster,
}

impl Judge for Limits<'_> {
    fn refuse(&self, site: &Site<'_>, why: &mut Vec<Reason>) {
        let Some(limits) = self.cluster.volume_limits().of(&site.name) else { return };
        let stays = |pod: &&Arc<Pod>| !site.gone().iter().any(|gone| gone.uid == pod.uid);
        let pods = site.usage().pods().filter(stays).chain(site.come());
        let with_claims = pods.filter(|pod| !pod.claims.is_empty());
        let there: HashSet<Attachment> = with_claims.flat_map(|pod| attachments(pod, self.cluster.volumes())).collect();
        let mut drivers: Vec<_> = self.wanted.difference(&there).map(|(driver, _)| driver).collect();
        drivers.sort_unstable();
        let exceeded = drivers.chunk_by(|a, b| a == b).find_map(|added| {
            let driver = added.first()?;
            let (allowed, added) = (limits.of(driver)?, added.len() as i64);
            let attached = there.iter().filter(|(other, _)| other == *driver).count() as i64;
            let exceeds = attached + added > allowed;
            exceeds.then(|| Reason::TooManyVolumes { driver: (*driver).clone(), attached, added, allowed })
        });
        why.extend(exceeded);
    }
}
