//! One metadata watch for each collection that the server serves; kinds that come later are followed too.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use kube::Client;
use parking_lot::{Mutex, RwLock};
use timonier_client::{
    Resource,
    runner::Enqueue,
    watch::{MetadataOnly, Scope, Step, Watcher, brief},
};
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::graph::{Graph, Uid};
use crate::discovery::{Served, discover};

/// How often the server is asked what it serves.
const REDISCOVER: Duration = Duration::from_secs(30);
/// The same while it does not answer.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Watches {
    served: RwLock<Vec<Served>>,
    listed: Mutex<HashSet<Resource>>,
    changed: tokio::sync::Notify,
}

impl Watches {
    /// The collection of a kind. Any version of its group will do: an object is the same in all.
    pub fn served(&self, api_version: &str, kind: &str) -> Option<Served> {
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let served = self.served.read();
        served.iter().find(|served| served.resource.group == group && served.kind == kind).cloned()
    }

    pub fn kind(&self, resource: &Resource) -> Option<String> {
        self.served.read().iter().find(|served| served.resource == *resource).map(|served| served.kind.clone())
    }

    /// Waits until each collection that is known has been listed once: before, dependents may be unknown.
    pub async fn ready(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let (served, listed) = (self.served.read(), self.listed.lock());
                let complete = served.iter().all(|served| listed.contains(&served.resource));
                if !served.is_empty() && complete {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Follows everything until `shutdown`.
    pub async fn run(
        self: Arc<Self>,
        client: Client,
        graph: Arc<Mutex<Graph>>,
        queue: Enqueue<Uid>,
        shutdown: CancellationToken,
    ) {
        let mut followed: HashMap<Resource, CancellationToken> = HashMap::new();
        loop {
            let wait = match discover(&client).await {
                Ok(mut found) => {
                    found.retain(is_followed);
                    followed.retain(|resource, stop| {
                        let stays = found.iter().any(|served| served.resource == *resource);
                        if !stays {
                            debug!(%resource, "is no longer served");
                            stop.cancel();
                            self.listed.lock().remove(resource);
                        }
                        stays
                    });
                    for served in &found {
                        followed.entry(served.resource.clone()).or_insert_with(|| {
                            let stop = shutdown.child_token();
                            let follow = follow(
                                self.clone(),
                                client.clone(),
                                served.resource.clone(),
                                graph.clone(),
                                queue.clone(),
                            );
                            tokio::spawn(stop.clone().run_until_cancelled_owned(follow));
                            stop
                        });
                    }
                    *self.served.write() = found;
                    self.changed.notify_waiters();
                    REDISCOVER
                }
                Err(error) => {
                    warn!("cannot ask what the server serves: {}", brief(&error));
                    RETRY
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }
}

/// Events own nothing, are owned by nothing and are many.
fn is_followed(served: &Served) -> bool {
    served.can("list") && served.can("watch") && served.can("delete") && served.resource.plural != "events"
}

async fn follow(
    watches: Arc<Watches>,
    client: Client,
    resource: Resource,
    graph: Arc<Mutex<Graph>>,
    queue: Enqueue<Uid>,
) {
    let scope = Scope { metadata_only: true, ..Default::default() };
    let mut watcher = Watcher::<MetadataOnly>::new(client, resource.clone(), scope);
    loop {
        let step = watcher.next().await;
        let look = match &step {
            Step::Reset { objects, .. } => {
                let list: Vec<_> = objects.iter().map(|object| &object.metadata).collect();
                let look = graph.lock().relist(&resource, &list);
                watches.listed.lock().insert(resource.clone());
                watches.changed.notify_waiters();
                look
            }
            Step::Changed { object, .. } => graph.lock().observe(&resource, &object.metadata),
            Step::Removed { object, .. } => graph.lock().forget(&object.metadata.uid),
            Step::Progress { .. } => continue,
        };
        look.into_iter().for_each(|uid| queue.add(uid));
    }
}
