//! Many pods at once on one daemon: containers a second, beside the most that this daemon can start when its own API
//! is asked for the same pairs of containers as fast as it takes them. Both in turn, in the same run.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, NetworkCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::json;

use super::podstart::{self, IMAGE};
use super::report::{Report, quantile};

const PODS: usize = 50;
const ROUNDS: usize = 2;
/// The daemon's own best is looked for among these numbers of pairs at once.
const WIDTHS: [usize; 2] = [4, 16];
const LABEL: &str = "timonier.bench";

pub async fn run(report: &mut Report) -> Result<()> {
    super::docker::needed()?;
    let cluster = podstart::Cluster::up().await?;
    let pods = cluster.pods().await?;
    let docker = Docker::connect_with_socket_defaults()?;
    let version = docker.version().await;
    // An older daemon refuses the client's own version of the API.
    let docker = if version.is_ok() { docker } else { docker_of_1_41()? };
    let bare = Bare::new(docker).await?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut best = Duration::MAX;
        for width in WIDTHS {
            report.step("the daemon's own containers");
            best = best.min(bare.start(width).await?);
        }
        theirs.push(best);
        report.step("50 pods");
        ours.push(start_pods(&pods, round).await?);
    }
    let [ours, theirs] = [&mut ours, &mut theirs].map(|times| quantile(times, 0.5));
    let containers = 2.0 * PODS as f64;
    let (ours, theirs) = (ours.context("no round")?.as_secs_f64(), theirs.context("no round")?.as_secs_f64());
    report.add("the daemon's own containers", containers / theirs, "/s", None);
    report.add("50 pods' containers", containers / ours, "/s", None);
    report.add("50 pods / the daemon's own", theirs / ours, "times", None);
    bare.remove().await
}

fn docker_of_1_41() -> Result<Docker> {
    let version = bollard::ClientVersion { major_version: 1, minor_version: 41 };
    Ok(Docker::connect_with_socket("/var/run/docker.sock", 120, &version)?)
}

/// Creates pods and waits until watches say that all of them run.
async fn start_pods(pods: &kube::Api<Pod>, round: usize) -> Result<Duration> {
    let prefix = format!("burst-{round}-");
    let list = pods.list_metadata(&ListParams::default()).await?;
    let from = list.metadata.resource_version.context("a list without a revision")?;
    let start = Instant::now();
    let created = stream::iter(0..PODS).map(|number| {
        let name = format!("{prefix}{number}");
        async move {
            let pod: Pod = serde_json::from_value(json!({
                "metadata": {"name": name, "labels": {"round": prefix_label(round)}},
                "spec": {"terminationGracePeriodSeconds": 0, "enableServiceLinks": false,
                         "automountServiceAccountToken": false,
                         "containers": [{"name": "web", "image": IMAGE, "imagePullPolicy": "Never"}]},
            }))?;
            pods.create(&PostParams::default(), &pod).await?;
            anyhow::Ok(())
        }
    });
    let running = async {
        let parameters = kube::api::WatchParams::default().labels(&format!("round={}", prefix_label(round)));
        let mut running = HashSet::new();
        let mut events = pin!(pods.watch(&parameters, &from).await?);
        while running.len() < PODS {
            let event = events.try_next().await?.context("the watch ended")?;
            if let kube::api::WatchEvent::Added(pod) | kube::api::WatchEvent::Modified(pod) = event
                && pod.status.and_then(|status| status.phase).as_deref() == Some("Running")
            {
                running.insert(pod.metadata.name);
            }
        }
        anyhow::Ok(start.elapsed())
    };
    let (created, took) = tokio::join!(created.buffer_unordered(16).try_collect::<Vec<_>>(), running);
    created?;
    let took = took?;
    pods.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    while !pods.list_metadata(&ListParams::default()).await?.items.is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(took)
}

fn prefix_label(round: usize) -> String {
    format!("burst-{round}")
}

/// The same two containers as a pod's, without a pod: one on a bridge, one joined to it.
struct Bare {
    docker: Docker,
    network: String,
}

impl Bare {
    async fn new(docker: Docker) -> Result<Bare> {
        let network = format!("{LABEL}-{:08x}", rand::random::<u32>());
        let request = NetworkCreateRequest { name: network.clone(), ..Default::default() };
        docker.create_network(request).await?;
        Ok(Bare { docker, network })
    }

    /// Starts the pairs of all pods, `width` at a time, and removes them again.
    async fn start(&self, width: usize) -> Result<Duration> {
        let start = Instant::now();
        let pairs = stream::iter(0..PODS).map(|_| async {
            let sandbox = self.container(self.network.clone()).await?;
            self.container(format!("container:{sandbox}")).await
        });
        pairs.buffer_unordered(width).try_collect::<Vec<_>>().await?;
        let took = start.elapsed();
        self.clear().await?;
        Ok(took)
    }

    async fn container(&self, network: String) -> Result<String> {
        let body = ContainerCreateBody {
            image: Some(IMAGE.to_owned()),
            labels: Some(HashMap::from([(LABEL.to_owned(), self.network.clone())])),
            host_config: Some(HostConfig {
                ipc_mode: Some(if network.starts_with("container:") { network.clone() } else { "shareable".into() }),
                network_mode: Some(network),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new().build();
        let id = self.docker.create_container(Some(options), body).await?.id;
        self.docker.start_container(&id, None::<StartContainerOptions>).await?;
        Ok(id)
    }

    async fn clear(&self) -> Result<()> {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{LABEL}={}", self.network)])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = self.docker.list_containers(Some(options)).await?;
        let removed = stream::iter(found).map(|container| async move {
            let options = RemoveContainerOptionsBuilder::new().force(true).build();
            self.docker.remove_container(&container.id.unwrap_or_default(), Some(options)).await
        });
        let removed: Vec<_> = removed.buffer_unordered(8).collect().await;
        ensure!(removed.iter().all(Result::is_ok), "not all containers were removed: {removed:?}");
        Ok(())
    }

    async fn remove(self) -> Result<()> {
        // The daemon lets go of a container's address a moment after the container.
        for _ in 0..20 {
            if self.docker.remove_network(&self.network).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(self.docker.remove_network(&self.network).await?)
    }
}
