//! What wakes it: workloads that ask for it, and the metadata of what they use.

use std::{sync::Arc, time::Duration};

use timonier_client::{Informer, Object, Runner, informer::Change, runner::Enqueue, watch::Scope};
use tokio_util::sync::CancellationToken;

use super::{
    ConfigRoll, asks,
    plan::{self, Kind},
};
use crate::{
    ground::Ground,
    objects::{ConfigContent, PodOwner, SecretContent},
};

/// Several objects that are applied together are one roll.
const PAUSE: Duration = Duration::from_millis(500);

pub async fn start(ground: Arc<Ground>, shutdown: CancellationToken) {
    let scope = || Scope { metadata_only: true, ..Scope::default() };
    let (configs, secrets) = (Informer::new(), Informer::new());
    // They end with this future, also when it is dropped.
    let following = shutdown.child_token();
    let _stop = following.clone().drop_guard();
    configs.start(ground.client.clone(), scope(), following.clone());
    secrets.start(ground.client.clone(), scope(), following);
    let copies = &ground.copies;
    tokio::join!(
        follow("config-roll-deployment", &ground, copies.deployments(), &configs, &secrets, shutdown.clone()),
        follow("config-roll-statefulset", &ground, copies.stateful_sets(), &configs, &secrets, shutdown.clone()),
        follow("config-roll-daemonset", &ground, copies.daemon_sets(), &configs, &secrets, shutdown),
    );
}

async fn follow<T: PodOwner>(
    name: &'static str,
    ground: &Ground,
    owners: Informer<T>,
    configs: &Informer<ConfigContent>,
    secrets: &Informer<SecretContent>,
    shutdown: CancellationToken,
) {
    let events = ground.recorder("config-roll-controller", &shutdown);
    let reconciler = Arc::new(ConfigRoll { owners: owners.clone(), events });
    let (of_configs, of_secrets) = (owners.clone(), owners.clone());
    Runner::new(name, ground.client.clone(), reconciler)
        .pause(PAUSE)
        .primary(&owners, |owner| asks(owner).then(|| owner.meta().key()))
        .watch(configs, move |change, queue| users(&of_configs, Kind::ConfigMap, &change, queue))
        .watch(secrets, move |change, queue| users(&of_secrets, Kind::Secret, &change, queue))
        .run(shutdown)
        .await;
}

/// The workloads that use what has changed.
fn users<T: PodOwner, C: Object>(
    owners: &Informer<T>,
    kind: Kind,
    change: &Change<'_, C>,
    queue: &Enqueue<timonier_client::ObjectKey>,
) {
    let Some(meta) = change.new.or(change.old).map(|object| object.meta()) else { return };
    let owners = owners.in_namespace(meta.namespace.as_deref().unwrap_or_default());
    for owner in owners.iter().filter(|owner| asks(&***owner)) {
        if plan::names(owner.template(), kind).contains(&*meta.name) {
            queue.add(owner.meta().key());
        }
    }
}
