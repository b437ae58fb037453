//! The cluster's process stops, or is killed, and comes back.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::json;
use timonier_tests::both_stores;
use timonier_tests::cluster::Cluster;
use timonier_tests::pages::{page, pod_ip, takes_requests};
use timonier_tests::wait::eventually;
use timonier_tests::watching::Resuming;

both_stores!(a_killed_server_comes_back_and_watches_resume, killed);
both_stores!(a_second_up_adopts_the_containers, adopted);

fn config_map(name: &str) -> Result<ConfigMap> {
    Ok(serde_json::from_value(json!({"metadata": {"name": name}, "data": {"k": "v"}}))?)
}

async fn killed(cluster: &Cluster) -> Result<()> {
    let maps = cluster.api::<ConfigMap>();
    let from = maps.list(&ListParams::default()).await?.metadata.resource_version.context("no revision")?;
    let mut watch = Resuming::start(maps.clone(), &from);
    maps.create(&PostParams::default(), &config_map("before")?).await?;
    let before = watch.until("ADDED", "before").await?;

    cluster.kill().await?;
    cluster.up_again().await?;

    maps.delete("before", &DeleteParams::default()).await?;
    maps.create(&PostParams::default(), &config_map("after")?).await?;
    watch.until("DELETED", "before").await?;
    let after = watch.until("ADDED", "after").await?;
    ensure!(after.revision > before.revision, "{after:?} after {before:?}");
    // Had it been listed again, `before` would have been shown a second time.
    let added = watch.seen.iter().filter(|seen| seen.verb == "ADDED" && seen.name == "before").count();
    ensure!(added == 1, "{:?}", watch.seen);
    Ok(())
}

/// Containers by id, and how often each was restarted.
async fn running(cluster: &Cluster) -> Result<BTreeSet<(String, i32)>> {
    let pods = cluster.pods("app=web").await?;
    ensure!(pods.len() == 3 && pods.iter().all(takes_requests), "not all three are ready");
    let statuses = pods.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
    Ok(statuses.map(|status| (status.container_id.unwrap_or_default(), status.restart_count)).collect())
}

async fn adopted(cluster: &Cluster) -> Result<()> {
    cluster.apply(&cluster.sample()?).await?;
    cluster.rolled_out("web").await?;
    let pods = cluster.pods("app=web").await?;
    let before = eventually("all are ready", || running(cluster)).await?;
    let containers: BTreeSet<_> = cluster.containers().await?.into_iter().collect();

    cluster.down().await?;
    for pod in &pods {
        page(&format!("{}:8080", pod_ip(pod)?)).await.context("containers serve while the cluster is down")?;
    }
    cluster.up_again().await?;
    let after = eventually("all are ready again", || running(cluster)).await?;
    ensure!(before == after, "{before:?} became {after:?}");

    cluster.kill().await?;
    cluster.up_again().await?;
    let after = eventually("all are ready after a kill", || running(cluster)).await?;
    ensure!(before == after, "{before:?} became {after:?}");
    let now: BTreeSet<_> = cluster.containers().await?.into_iter().collect();
    ensure!(containers == now, "{containers:?} became {now:?}");

    // It is the same cluster in every way: it still does what it is told.
    cluster.kctl(["scale", "deployment/web", "--replicas=2"]).await?.ok()?;
    cluster.rolled_out("web").await?;
    eventually("one pod goes", || async {
        let left: Vec<_> =
            cluster.api::<Pod>().list(&ListParams::default()).await?.iter().map(ResourceExt::name_any).collect();
        ensure!(left.len() == 2, "{left:?}");
        Ok(())
    })
    .await
}
