//! What every controller stands on.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use kube::Client;
use timonier_client::events::Recorder;
use tokio_util::sync::CancellationToken;

use crate::{copies::Copies, flags::NodeFlags, nodeipam::ClusterCidr, trust::Trust, vigil::Vigil};

/// Bursts of events about one key, such as pods becoming ready, are taken together for this long.
pub const PAUSE: Duration = Duration::from_millis(20);
/// What every controller is given.
pub struct Ground {
    pub client: Client,
    pub copies: Copies,
    pub cluster_cidr: ClusterCidr,
    pub trust: Trust,
    pub nodes: NodeFlags,
    vigil: OnceLock<Arc<Vigil>>,
    shutdown: CancellationToken,
}

impl Ground {
    pub fn new(
        client: Client,
        copies: Copies,
        cluster_cidr: ClusterCidr,
        nodes: NodeFlags,
        trust: Trust,
        shutdown: CancellationToken,
    ) -> Ground {
        Ground { client, copies, cluster_cidr, nodes, trust, vigil: OnceLock::new(), shutdown }
    }

    /// The one look at heartbeats that all share, begun when first needed.
    pub fn vigil(&self) -> Arc<Vigil> {
        let start = || Arc::new(Vigil::start(self.client.clone(), &self.nodes, self.shutdown.clone()));
        self.vigil.get_or_init(start).clone()
    }

    pub fn recorder(&self, component: &str, shutdown: &CancellationToken) -> Recorder {
        Recorder::new(self.client.clone(), component, None, shutdown.clone())
    }
}
