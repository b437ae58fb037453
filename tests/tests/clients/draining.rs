//! `kubectl drain`: a node is emptied through evictions, and comes back.

use std::path::Path;

use anyhow::{Result, ensure};
use timonier_tests::cluster::Cluster;
use timonier_tests::wait::eventually;

use crate::Kubectl;

pub async fn all(cluster: &Cluster) -> Result<()> {
    let kubectl = Kubectl { cluster, path: Path::new("kubectl"), namespace: "default" };
    cluster.apply(&cluster.sample()?).await?;
    cluster.rolled_out("web").await?;
    let flags = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s"];
    let said = kubectl.ok(&[&["drain", "node-2"][..], &flags].concat()).await?;
    ensure!(said.contains("node/node-2 drained") || said.contains("node/node-2 evicted"), "{said}");
    let rows = kubectl.ok(&["get", "nodes", "--no-headers"]).await?;
    ensure!(rows.contains("Ready,SchedulingDisabled"), "{rows}");
    eventually("nothing of the deployment is on the node", || async {
        let there = kubectl
            .ok(&["get", "pods", "-l", "app=web", "--field-selector=spec.nodeName=node-2", "-o", "name"])
            .await?;
        ensure!(there.is_empty(), "{there}");
        Ok(())
    })
    .await?;
    kubectl.ok(&["uncordon", "node-2"]).await?;
    let rows = kubectl.ok(&["get", "nodes", "--no-headers"]).await?;
    ensure!(!rows.contains("SchedulingDisabled"), "{rows}");
    Ok(())
}
