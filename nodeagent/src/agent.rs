//! One agent from start to stop.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use timonier_client::{Informer, events::Recorder, watch::Scope};
use tokio::{
    sync::{Semaphore, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    admission::Admission,
    capacity::{self, Room},
    config::{Config, Runtime as Choice},
    directory::Directory,
    error::Error,
    eviction::{self, DeadContainers, Evictor},
    fence::{Contact, Fence},
    followed::Watches,
    images,
    local_path::LocalPaths,
    node::{self, Circumstances, Description, FIRST_RETRY, LAST_RETRY, in_time},
    pods::{self, Gate},
    rulings::Rulings,
    runtime::{
        HostFacts, Network, Runtime, RuntimeError,
        docker::{self, DockerRuntime},
        hollow::HollowRuntime,
    },
    server::{self, About, Server},
    standalone::Known,
    statics::Folder,
    stats::Stats,
    volumes,
    worker::Shared,
};

/// Status writes at once.
const REPORTS_AT_ONCE: usize = 32;

/// Runs one agent until `shutdown`. Containers keep running afterwards, and the next agent finds them.
///
/// Fails only for what waiting does not mend: a runtime that is not there at the start, a port that is taken, files
/// that can't be read. An API server that does not answer is waited for.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        ended = choose(&config, shutdown.clone()) => ended,
    }
}

async fn choose(config: &Config, shutdown: CancellationToken) -> Result<(), Error> {
    match &config.runtime {
        Choice::Docker { host } => {
            let cluster = cluster_id(config).await;
            let runtime = DockerRuntime::connect(host.as_deref(), &cluster, &config.node_name, config.address).await?;
            Box::pin(work(config, runtime, shutdown)).await
        }
        Choice::Hollow => Box::pin(work(config, HollowRuntime::new(config.address), shutdown)).await,
    }
}

async fn work<R: Runtime>(config: &Config, runtime: R, shutdown: CancellationToken) -> Result<(), Error> {
    config.hosting.check().map_err(Error::Config)?;
    let facts = runtime.facts().await.map_err(|error| Error::Config(format!("container runtime: {error}")))?;
    let runtime = Arc::new(runtime);
    let directory = Directory::default();
    let thresholds = config.capacity.thresholds().map_err(Error::Config)?;
    let room = capacity::room(&facts, config.capacity_share, &config.capacity, &thresholds, R::SIMULATED);
    let stats = stats(config, &runtime, &facts, &room);
    let mut port = None;
    if let Some(tls) = &config.tls {
        let (listener, acceptor, bound) = server::bind(SocketAddr::new(config.address, config.port), tls).await?;
        port = Some(bound.port());
        let server = Server {
            runtime: runtime.clone(),
            directory: directory.clone(),
            stats: stats.clone(),
            about: Arc::new(About::of(config)),
        };
        tokio::spawn(server::serve(listener, acceptor, server, shutdown.clone()));
    }
    // The controllers write it into volumes, so it must say the same wherever it is read.
    let state_dir = std::path::absolute(&config.state_dir)
        .map_err(|error| Error::Config(format!("state directory {}: {error}", config.state_dir.display())))?;
    let description = Description {
        name: config.node_name.clone(),
        address: config.address,
        port,
        facts: facts.clone(),
        room,
        labels: config.labels.clone(),
        hollow: R::SIMULATED,
        docker_host: match &config.runtime {
            Choice::Docker { host } => Some(docker::host(host.as_deref())?),
            Choice::Hollow => None,
        },
        local_path: volumes::provisioned_dir(&state_dir),
    };

    let (network_ready, watched) = tokio::sync::watch::channel(false);
    let (back, returned) = tokio::sync::watch::channel(0);
    let (pressures, pressed) = tokio::sync::watch::channel(BTreeSet::new());
    let (rulings, ruled) = Rulings::new();
    let contact = Contact::begin();
    let gate = Gate { admission: Admission::new(room), pressures: pressed.clone(), labels: description.labels() };
    let maintained = maintain(
        config,
        runtime.clone(),
        description,
        Circumstances {
            network_ready: watched,
            pressures: pressed,
            directory: directory.clone(),
            contact: contact.clone(),
        },
        back,
        shutdown.clone(),
    );
    let images = Arc::new(images::Records::load(config.state_dir.join("images.json")));
    let services = Informer::new();
    if !R::SIMULATED {
        services.start(config.client.clone(), Scope::default(), shutdown.clone());
    }
    let shared = Arc::new(Shared {
        runtime: runtime.clone(),
        client: config.client.clone(),
        recorder: Recorder::new(config.client.clone(), "kubelet", Some(config.node_name.clone()), shutdown.clone()),
        node_name: config.node_name.clone(),
        state_dir: state_dir.clone(),
        facts,
        timings: config.timings.clone(),
        hosting: config.hosting.clone(),
        services,
        rulings: rulings.clone(),
        pulls: Semaphore::new(usize::from(config.hosting.max_parallel_image_pulls)),
        images: images.clone(),
        reports: Arc::new(Semaphore::new(REPORTS_AT_ONCE)),
        watches: Watches::new(config.client.clone()),
    });
    let fence = Fence { contact, directory: directory.clone(), rulings: rulings.clone() };
    let evictor = Evictor {
        runtime: runtime.clone(),
        gauge: config.gauge.clone().unwrap_or_else(|| stats.clone()),
        stats,
        reclaims: vec![Arc::new(DeadContainers { runtime: runtime.clone(), directory: directory.clone() })],
        directory: directory.clone(),
        rulings,
        recorder: shared.recorder.clone(),
        node_name: config.node_name.clone(),
        pressures,
    };
    let settings = eviction::Settings {
        thresholds,
        transition: config.capacity.eviction_pressure_transition_period,
        longest_grace: i64::from(config.capacity.eviction_max_pod_grace_period),
        every: config.timings.eviction_check,
    };
    let evicted = Box::pin(async {
        // A simulated node runs short of nothing.
        if !R::SIMULATED {
            evictor.run(settings, shutdown.clone()).await;
        }
    });
    // Boxed, as several agents share a thread's stack in `kctl up`.
    let collected = Box::pin(images::run(
        runtime.clone(),
        images,
        config.hosting.clone(),
        shared.recorder.clone(),
        config.node_name.clone(),
        shutdown.clone(),
    ));
    let worked = Box::pin(async {
        prepare(config, &*runtime).await?;
        network_ready.send_replace(true);
        let (path, node_name) = (config.pod_manifest_path.clone(), config.node_name.clone());
        let folder = path.map(|path| Folder { path, node_name });
        pods::follow(shared, directory, returned, gate, folder, ruled, shutdown.clone()).await;
        Ok(())
    });
    let maintained = Box::pin(async {
        tokio::join!(maintained, evicted, collected, fence.run(shutdown.clone()));
        Ok(())
    });
    let local_paths = LocalPaths {
        client: config.client.clone(),
        node_name: config.node_name.clone(),
        state_dir,
        simulated: R::SIMULATED,
    };
    tokio::select! {
        () = Box::pin(local_paths.follow()) => Ok(()),
        ended = async { tokio::try_join!(maintained, worked) } => ended.map(drop),
    }
}

/// Registers the node, while its static pods may run already, and keeps it fresh.
async fn maintain<R: Runtime>(
    config: &Config,
    runtime: Arc<R>,
    description: Description,
    circumstances: Circumstances,
    back: watch::Sender<u64>,
    shutdown: CancellationToken,
) {
    node::register(config.client.clone(), &description).await;
    let (node, address, port) = (&config.node_name, config.address, description.port);
    tracing::info!(node, %address, port, "node registered");
    let timings = config.timings.clone();
    node::maintain(runtime, config.client.clone(), description, timings, circumstances, back, shutdown).await;
}

/// Where a node's figures are read; a runtime elsewhere has only the agent's own disk to show.
fn stats<R: Runtime>(config: &Config, runtime: &Arc<R>, facts: &HostFacts, room: &Room) -> Arc<Stats<R>> {
    let data_root = if facts.data_root.is_empty() { config.state_dir.clone() } else { facts.data_root.clone().into() };
    Arc::new(Stats::new(runtime.clone(), config.state_dir.clone(), data_root, room.memory.for_pods))
}

/// Gives the runtime its network, as soon as the node has its part of it.
async fn prepare<R: Runtime>(config: &Config, runtime: &R) -> Result<(), Error> {
    let known = Known::load(config);
    let pod_cidr = node::await_pod_cidr(config.client.clone(), &config.node_name, known.pod_cidr.clone()).await;
    Known { pod_cidr: Some(pod_cidr.clone()), ..known }.save(config);
    let subnet = config.bridge_subnet.clone().unwrap_or_else(|| pod_cidr.clone());
    let network = Network { subnet, pod_cidr };
    let mut delay = FIRST_RETRY;
    while let Err(error) = runtime.prepare(&network).await {
        if let RuntimeError::Misconfigured(reason) = error {
            return Err(Error::Config(reason));
        }
        tracing::warn!(%error, node = config.node_name, "the node's network is not ready yet");
        sleep(delay).await;
        delay = (delay * 2).min(LAST_RETRY);
    }
    Ok(())
}

/// The cluster's id: the uid of its namespace `kube-system`. Without an API server, that which an earlier agent was told.
async fn cluster_id(config: &Config) -> String {
    let namespaces: Api<Namespace> = Api::all(config.client.clone());
    let known = Known::load(config);
    let mut delay = FIRST_RETRY;
    loop {
        match in_time(namespaces.get("kube-system")).await {
            Ok(Namespace { metadata, .. }) => {
                if let Some(uid) = metadata.uid.filter(|uid| !uid.is_empty()) {
                    let id = Some(uid.clone());
                    // Another cluster's addresses are of no use here.
                    let pod_cidr = known.pod_cidr.filter(|_| known.cluster_id == id);
                    Known { cluster_id: id, pod_cidr }.save(config);
                    return uid;
                }
            }
            Err(error) => {
                if let Some(id) = known.cluster_id {
                    tracing::warn!(%error, "the API server does not answer: static pods go on without it");
                    return id;
                }
                tracing::warn!(%error, "the API server does not answer yet");
            }
        }
        sleep(delay).await;
        delay = (delay * 2).min(LAST_RETRY);
    }
}
