//! Simulated nodes run nothing, and say so.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::ListParams;
use timonier_tests::both_stores;
use timonier_tests::cluster::Cluster;

both_stores!(hollow_nodes_say_what_they_are_everywhere, nodes = 5, hollow = true, says_so);

async fn says_so(cluster: &Cluster) -> Result<()> {
    cluster.apply(&cluster.sample()?).await?;
    cluster.kctl(["scale", "deployment/web", "--replicas=10"]).await?.ok()?;
    cluster.rolled_out("web").await?;

    let nodes = Api::<Node>::all(cluster.client()).list(&ListParams::default()).await?;
    ensure!(nodes.items.len() == 5, "{} nodes", nodes.items.len());
    for node in &nodes {
        let runtime = node.status.as_ref().and_then(|s| s.node_info.as_ref()).map(|i| &*i.container_runtime_version);
        ensure!(runtime.is_some_and(|version| version.starts_with("hollow://")), "{runtime:?}");
    }
    let rows = cluster.kctl(["get", "nodes", "--no-headers"]).await?.ok()?;
    ensure!(rows.lines().count() == 5, "{rows}");
    ensure!(rows.lines().all(|row| row.split_whitespace().nth(2) == Some("hollow")), "{rows}");
    let described = cluster.kctl(["describe", "nodes"]).await?.ok()?;
    ensure!(described.contains("hollow://"), "{described}");
    ensure!(cluster.containers().await?.is_empty(), "hollow nodes run no containers");
    Ok(())
}
