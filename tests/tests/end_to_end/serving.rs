//! Web servers: applied, served, updated, undone, scaled.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use timonier_tests::both_stores;
use timonier_tests::cluster::Cluster;
use timonier_tests::pages::{Load, page, pod_ip, takes_requests};
use timonier_tests::wait::eventually;

const PORT: u16 = 8080;

both_stores!(applied_pages_are_served_by_every_replica, applied);
both_stores!(a_rolling_update_fails_no_request_and_is_undone, updated_and_undone);
both_stores!(scaling_up_and_down_ends_with_what_was_asked_for, scaled);

async fn applied(cluster: &Cluster) -> Result<()> {
    let said = cluster.apply(&cluster.sample()?).await?;
    ensure!(said == "configmap/web serverside-applied\ndeployment.apps/web serverside-applied\n", "{said}");
    cluster.rolled_out("web").await?;
    let pods = cluster.pods("app=web").await?;
    ensure!(pods.len() == 3, "{} pods", pods.len());
    let mut nodes = std::collections::BTreeSet::new();
    for pod in &pods {
        let page = page(&format!("{}:{PORT}", pod_ip(pod)?)).await?;
        ensure!(page.starts_with(&format!("Ahoy, says {}.", pod.name_any())), "{page}");
        ensure!(page.contains("mounted into the container"), "{page}");
        nodes.insert(pod.spec.as_ref().and_then(|spec| spec.node_name.clone()));
    }
    ensure!(nodes.len() == 3, "three replicas spread over three nodes: {nodes:?}");

    let again = cluster.apply(&cluster.sample()?).await?;
    ensure!(again == said, "{again}");
    let now: Vec<_> = cluster.pods("app=web").await?.iter().map(ResourceExt::uid).collect();
    ensure!(now == pods.iter().map(ResourceExt::uid).collect::<Vec<_>>(), "the same pods as before");

    cluster.kctl(["delete", "deployment", "web"]).await?.ok()?;
    eventually("no pod and no container is left", || async {
        ensure!(cluster.pods("app=web").await?.is_empty(), "pods are left");
        let containers = cluster.containers().await?;
        ensure!(containers.is_empty(), "{containers:?} are left");
        Ok(())
    })
    .await
}

async fn greeting_everywhere(cluster: &Cluster, greeting: &str) -> Result<()> {
    for pod in cluster.pods("app=web").await?.iter().filter(|pod| takes_requests(pod)) {
        let page = page(&format!("{}:{PORT}", pod_ip(pod)?)).await?;
        ensure!(page.starts_with(greeting), "{page}");
    }
    Ok(())
}

async fn updated_and_undone(cluster: &Cluster) -> Result<()> {
    cluster.apply(&cluster.sample()?).await?;
    cluster.rolled_out("web").await?;
    let load = Load::start(cluster.api::<Pod>(), "app=web", PORT, 3).await?;

    let value = json!([{"name": "GREETING", "value": "Salut", "valueFrom": null}]);
    let containers = json!([{"name": "web", "env": value}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    let deployments = cluster.api::<Deployment>();
    deployments.patch("web", &PatchParams::default(), &Patch::Strategic(patch)).await?;
    cluster.rolled_out("web").await?;
    greeting_everywhere(cluster, "Salut, says").await?;

    let history = cluster.kctl(["rollout", "history", "deployment/web"]).await?.ok()?;
    let revisions: Vec<_> =
        history.lines().filter_map(|line| line.split_whitespace().next()?.parse::<u32>().ok()).collect();
    ensure!(revisions == [1, 2], "{history}");

    let said = cluster.kctl(["rollout", "undo", "deployment/web"]).await?.ok()?;
    ensure!(said == "deployment.apps/web rolled back\n", "{said}");
    cluster.rolled_out("web").await?;
    greeting_everywhere(cluster, "Ahoy, says").await?;

    let tally = load.finish().await?;
    ensure!(tally.failed.is_empty(), "{} failed of {}: {:?}", tally.failed.len(), tally.answered, tally.failed);
    ensure!(tally.answered > 20, "only {} requests were made", tally.answered);

    let sets = cluster.api::<ReplicaSet>().list(&ListParams::default().labels("app=web")).await?;
    ensure!(sets.items.len() == 2, "an undo makes no third replica set: {}", sets.items.len());
    let alive = sets.iter().filter(|set| set.spec.as_ref().and_then(|spec| spec.replicas) == Some(3));
    ensure!(alive.count() == 1, "one replica set holds all pods");
    Ok(())
}

async fn scaled(cluster: &Cluster) -> Result<()> {
    cluster.apply(&cluster.sample()?).await?;
    for replicas in [1usize, 20, 2] {
        let flag = format!("--replicas={replicas}");
        let said = cluster.kctl(["scale", "deployment/web", &flag]).await?.ok()?;
        ensure!(said == "deployment.apps/web scaled\n", "{said}");
        cluster.rolled_out("web").await?;
        eventually("as many pods run as were asked for", || async {
            let pods = cluster.pods("app=web").await?;
            let ready = pods.iter().filter(|pod| takes_requests(pod)).count();
            ensure!(pods.len() == replicas && ready == replicas, "{} pods, {ready} ready", pods.len());
            Ok(())
        })
        .await?;
        let status = cluster.api::<Deployment>().get("web").await?.status.context("no status")?;
        ensure!(status.replicas == Some(replicas as i32), "{status:?}");
    }
    // A sandbox and a container for each of the two.
    eventually("the containers of the others are gone", || async {
        let containers = cluster.containers().await?.len();
        ensure!(containers == 4, "{containers} containers");
        Ok(())
    })
    .await
}
