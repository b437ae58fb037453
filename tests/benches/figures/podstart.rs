//! From an accepted pod to a running container, as a ratio to a bare `docker run` on the same daemon.

use super::report::{Report, quantile};
use super::server::binary;
use anyhow::{Context, Result, ensure};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Config, config::Kubeconfig};
use serde_json::json;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 10;
pub const IMAGE: &str = "timonier/web:bench";

pub async fn run(report: &mut Report) -> Result<()> {
    super::docker::needed()?;
    let cluster = Cluster::up().await?;
    let pods = cluster.pods().await?;

    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        ours.push(start_pod(&pods, &format!("bench-{round}")).await?);
        bare.push(docker_run()?);
    }
    let (ours, bare) = (quantile(&mut ours, 0.5).context("no round")?, quantile(&mut bare, 0.5).context("no round")?);
    report.add("docker run", bare.as_secs_f64() * 1e3, "ms", None);
    report.add("pod start", ours.as_secs_f64() * 1e3, "ms", None);
    report.add("pod start / docker run", ours.as_secs_f64() / bare.as_secs_f64(), "times", None);
    Ok(())
}

/// Creates a pod and waits until a watch says that it runs.
async fn start_pod(pods: &Api<Pod>, name: &str) -> Result<Duration> {
    let pod: Pod = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 0,
                 "containers": [{"name": "web", "image": IMAGE, "imagePullPolicy": "Never"}]},
    }))?;
    let start = Instant::now();
    pods.create(&PostParams::default(), &pod).await?;
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut seen = pin!(watcher(pods.clone(), config).applied_objects());
    while let Some(pod) = seen.try_next().await? {
        if pod.status.and_then(|s| s.phase).as_deref() == Some("Running") {
            break;
        }
    }
    let took = start.elapsed();
    pods.delete(name, &DeleteParams::default()).await?;
    Ok(took)
}

fn docker_run() -> Result<Duration> {
    let start = Instant::now();
    let output = Command::new("docker").args(["run", "-d", IMAGE]).output()?;
    let took = start.elapsed();
    ensure!(output.status.success(), "docker run: {}", String::from_utf8_lossy(&output.stderr));
    let id = String::from_utf8(output.stdout)?;
    Command::new("docker").args(["rm", "-f", id.trim()]).output()?;
    Ok(took)
}

/// A cluster of one node; its containers, processes and folder go with this value.
pub struct Cluster {
    dir: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl Cluster {
    pub async fn up() -> Result<Cluster> {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let made = Command::new("tools/sample-image").arg(IMAGE).current_dir(root).status()?;
        ensure!(made.success(), "tools/sample-image failed");
        let folder = tempfile::tempdir()?;
        let cluster = Cluster { dir: folder.path().join("cluster"), _folder: folder };
        let up = Command::new(binary("kctl")?)
            .args(["up", "--nodes", "1", "--port", "0", "--detach", "--state-dir"])
            .arg(&cluster.dir)
            .stdout(Stdio::null())
            .status()?;
        ensure!(up.success(), "kctl up failed");
        Ok(cluster)
    }

    /// Pods of namespace `default`.
    pub async fn pods(&self) -> Result<Api<Pod>> {
        let kubeconfig = Kubeconfig::read_from(self.dir.join("kubeconfig"))?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await?;
        Ok(Api::namespaced(Client::try_from(config)?, "default"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Ok(kctl) = binary("kctl") {
            let _ = Command::new(kctl).args(["down", "--purge", "--state-dir"]).arg(&self.dir).output();
        }
        let _ = Command::new("docker").args(["image", "rm", IMAGE]).output();
    }
}
