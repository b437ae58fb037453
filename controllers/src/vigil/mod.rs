//! Watching over the nodes' heartbeats: one look at all Leases of `kube-node-lease`, again and again.
//!
//! Each look asks the server itself and not a copy, so that it is also the proof that we could have heard a node which
//! did not speak. See [`clock`] for what that does to time.

mod clock;

use std::{collections::HashMap, sync::Arc, time::Duration};

use kube::{Client, api::ListParams};
use parking_lot::Mutex;
use serde::Deserialize;
use timonier_client::{
    Resource, Revision,
    watch::{MetadataOnly, brief},
};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::flags::NodeFlags;
use clock::Clock;
pub use clock::Moment;

const LEASES: Resource = Resource::of("coordination.k8s.io", "v1", "leases");
const NAMESPACE: &str = "kube-node-lease";
/// A server that takes longer has not answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one look showed.
#[derive(Debug, Clone, Default)]
pub struct Sighting {
    pub moment: Moment,
    /// The revision of each node's Lease, which every heartbeat raises.
    pub leases: Arc<HashMap<Arc<str>, Revision>>,
}

pub struct Vigil {
    clock: Arc<Mutex<Clock>>,
    sightings: watch::Receiver<Option<Sighting>>,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<MetadataOnly>,
}

impl Vigil {
    pub fn start(client: Client, flags: &NodeFlags, shutdown: CancellationToken) -> Vigil {
        let period = flags.node_monitor_period;
        // An outage that is shorter cannot make anybody late who was not already silent before.
        let tolerance = (flags.node_monitor_grace_period / 2).max(period * 2);
        let clock = Arc::new(Mutex::new(Clock::new(tolerance)));
        let (tell, sightings) = watch::channel(None);
        let ticking = clock.clone();
        tokio::spawn(async move {
            let mut turns = interval(period);
            turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    _ = turns.tick() => {}
                }
                match timeout(PATIENCE, look(&client)).await {
                    Ok(Ok(leases)) => {
                        let moment = ticking.lock().witness(Instant::now());
                        tell.send_replace(Some(Sighting { moment, leases: Arc::new(leases) }));
                    }
                    Ok(Err(error)) => tracing::debug!("heartbeats not read: {}", brief(&error)),
                    Err(_) => tracing::debug!("heartbeats not read within {PATIENCE:?}"),
                }
            }
        });
        Vigil { clock, sightings }
    }

    pub fn moment(&self) -> Moment {
        self.clock.lock().moment(Instant::now())
    }

    /// The newest look; None before the first.
    pub fn sightings(&self) -> watch::Receiver<Option<Sighting>> {
        self.sightings.clone()
    }
}

async fn look(client: &Client) -> Result<HashMap<Arc<str>, Revision>, kube::Error> {
    let request = kube::core::Request::new(LEASES.path(Some(NAMESPACE))).list_metadata(&ListParams::default());
    let list: List = client.request(request.map_err(kube::Error::BuildRequest)?).await?;
    Ok(list.items.into_iter().map(|item| (item.metadata.name, item.metadata.resource_version)).collect())
}
