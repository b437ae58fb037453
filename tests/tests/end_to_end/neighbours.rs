//! Two clusters, and somebody else's containers, on one machine.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use timonier_tests::both_stores;
use timonier_tests::cluster::{Cluster, Store, Wish, containers};
use timonier_tests::command::Program;
use timonier_tests::pages::{page, takes_requests};
use timonier_tests::wait::eventually;

both_stores!(two_clusters_and_a_stranger_do_not_disturb_each_other, nodes = 1, hollow = false, side_by_side);

/// A container that no cluster made, removed with this value.
struct Stranger(String);

impl Stranger {
    async fn run(image: &str) -> Result<Stranger> {
        // Named first: a container that was made and then did not start is removed too.
        let stranger = Stranger(format!("timonier-stranger-{:016x}", rand::random::<u64>()));
        let run = ["run", "--detach", "--network", "none", "--name", &stranger.0, image, "sleep", "3600"];
        Program::new("docker").args(run).run().await?.ok()?;
        Ok(stranger)
    }

    async fn start(&self) -> Result<String> {
        let look = ["inspect", "--format", "{{.State.Running}} {{.State.StartedAt}} {{.RestartCount}}", &self.0];
        Program::new("docker").args(look).run().await?.ok()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _removed = std::process::Command::new("docker").args(["rm", "-f", &self.0]).output();
    }
}

fn on_port_80(image: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: web
      image: {image}
      imagePullPolicy: Never
      ports: [{{containerPort: 8080, hostPort: 80}}]
"
    )
}

async fn serving(cluster: &Cluster) -> Result<Pod> {
    eventually("its pod serves on port 80 of its own node", || async {
        let pod = cluster.api::<Pod>().get("web").await?;
        ensure!(takes_requests(&pod), "{:?}", pod.status);
        let host = pod.status.as_ref().and_then(|status| status.host_ip.clone()).context("no hostIP")?;
        page(&format!("{host}:80")).await?;
        Ok(pod)
    })
    .await
}

async fn side_by_side(cluster: &Cluster) -> Result<()> {
    let stranger = Stranger::run(cluster.image()).await?;
    let stranger_before = stranger.start().await?;
    let other = Cluster::up(Wish { store: Store::Embedded, nodes: 1, hollow: false }).await?;
    ensure!(other.id() != cluster.id(), "each cluster has an id of its own");

    // The same name, the same node name, the same port: still nobody is in anybody's way.
    cluster.apply(&on_port_80(cluster.image())).await?;
    other.apply(&on_port_80(other.image())).await?;
    let (mine, theirs) = (serving(cluster).await?, serving(&other).await?);
    ensure!(mine.uid() != theirs.uid(), "two pods");
    let before = cluster.containers().await?;
    ensure!(before.len() == 2, "a sandbox and a container: {before:?}");

    let id = other.id().to_string();
    drop(other);
    ensure!(containers(&id).await?.is_empty(), "purging the other cluster removes all its containers");
    ensure!(cluster.containers().await? == before, "and none of ours");
    let still = serving(cluster).await?;
    ensure!(still.uid() == mine.uid(), "the pod was replaced");
    ensure!(stranger.start().await? == stranger_before, "the stranger was touched");
    Ok(())
}
