//! What wakes it: the sets, their pods, their claims and their revisions.

use std::sync::Arc;

use timonier_client::{Object, ObjectKey, Runner};
use tokio_util::sync::CancellationToken;

use super::StatefulSets;
use crate::{
    ground::{Ground, PAUSE},
    objects::{Claim, StatefulSet},
    pods::claim,
};

/// The sets, by name, whose claim it may be: `VOLUME-SET-ORDINAL`.
fn owners(claim: &Claim) -> Vec<ObjectKey> {
    let meta = &claim.metadata;
    let Some((stem, digits)) = meta.name.rsplit_once('-') else { return Vec::new() };
    if digits.parse::<u32>().is_err() {
        return Vec::new();
    }
    let cuts = stem.match_indices('-').map(|(at, _)| &stem[at + 1..]);
    cuts.map(|set| ObjectKey { namespace: meta.namespace.clone(), name: set.into() }).collect()
}

pub async fn statefulset(ground: Arc<Ground>, shutdown: CancellationToken) {
    let copies = &ground.copies;
    let (sets, pods, claims, revisions) = (copies.stateful_sets(), copies.pods(), copies.claims(), copies.revisions());
    let reconciler = StatefulSets {
        sets: sets.clone(),
        pods: pods.clone(),
        claims: claims.clone(),
        revisions: revisions.clone(),
        events: ground.recorder("statefulset-controller", &shutdown),
    };
    let (of_pods, of_claims) = (sets.clone(), sets.clone());
    Runner::new("statefulset", ground.client.clone(), Arc::new(reconciler))
        .pause(PAUSE)
        .primary(&sets, |set| Some(set.meta().key()))
        .watch(&pods, move |change, queue| {
            let keys = change.states().flat_map(|pod| claim::concerned(pod, &of_pods));
            keys.for_each(|key| queue.add(key));
        })
        .watch(&claims, move |change, queue| {
            let keys = change.states().flat_map(|claim| owners(claim));
            keys.filter(|key| of_claims.get(key).is_some()).for_each(|key| queue.add(key));
        })
        .watch(&revisions, |change, queue| {
            let controllers = change.states().filter_map(|revision| {
                let owner = revision.meta().controller().filter(|owner| &*owner.kind == StatefulSet::KIND)?;
                Some(ObjectKey { namespace: revision.meta().namespace.clone(), name: owner.name.clone() })
            });
            controllers.for_each(|key| queue.add(key));
        })
        .run(shutdown)
        .await;
}
