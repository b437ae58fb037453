//! The Docker Engine under running pods is killed, hangs, and comes back.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use serde_json::json;
use timonier_tests::cluster::Store;
use timonier_tests::farm::Farm;
use timonier_tests::hosts::Options;
use timonier_tests::pages::{pod_ip, takes_requests};

const NODE: &str = "host-1";

async fn farm(options: Options) -> Result<Farm> {
    let mut farm = Farm::new(Store::Embedded).await?;
    farm.add(options, &[]).await?;
    Ok(farm)
}

async fn start(farm: &Farm, name: &str) -> Result<Pod> {
    farm.pods().create(&PostParams::default(), &farm.pod(name, NODE, &json!({}))?).await?;
    running(farm, name, 0).await
}

async fn running(farm: &Farm, name: &str, restarts: i32) -> Result<Pod> {
    let what = format!("runs after {restarts} restarts");
    farm.pod_until(name, &what, |pod| takes_requests(pod) && restart_count(pod) == restarts).await
}

fn restart_count(pod: &Pod) -> i32 {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.map(|status| status.restart_count).sum()
}

/// The pod's page, asked for from its own host: pods' addresses are known there alone.
async fn serves(farm: &Farm, pod: &Pod) -> Result<()> {
    let url = format!("http://{}:8080/", pod_ip(pod)?);
    let host = &farm.machines[0].host;
    timonier_tests::wait::eventually("the pod serves", || async {
        let asked = host.command("curl").args(["--silent", "--max-time", "5", &url]).output()?;
        let page = String::from_utf8_lossy(&asked.stdout).into_owned();
        let name = pod.metadata.name.as_deref().context("a pod without a name")?;
        ensure!(page.contains(&format!("says {name}.")), "{page}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_come_back_with_a_daemon_that_was_killed() -> Result<()> {
    let farm = farm(Options::default()).await?;
    let host = &farm.machines[0].host;
    let before = start(&farm, "web").await?;
    serves(&farm, &before).await?;

    host.kill_daemon();
    let condition = farm.condition(NODE, "Ready", "False").await?;
    ensure!(condition.reason.as_deref() == Some("KubeletNotReady"), "{condition:?}");
    ensure!(condition.message.unwrap_or_default().starts_with("container runtime is down: "), "no reason");
    // One that ends and one that begins while nobody can do anything about it.
    farm.pods().create(&PostParams::default(), &farm.pod("late", NODE, &json!({}))?).await?;
    host.start_daemon().await?;
    farm.condition(NODE, "Ready", "True").await?;
    let after = running(&farm, "web", 1).await?;
    serves(&farm, &after).await?;
    let late = running(&farm, "late", 0).await?;
    serves(&farm, &late).await?;
    ensure!(pod_ip(&late)? != pod_ip(&after)?, "two pods have one address");
    Ok(())
}
