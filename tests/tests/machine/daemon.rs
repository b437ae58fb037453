//! The Docker Engine under running pods is killed, hangs, and comes back.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_hangs_is_noticed_and_nobody_is_stuck() -> Result<()> {
    let farm = farm(Options::default()).await?;
    let host = &farm.machines[0].host;
    let before = start(&farm, "web").await?;
    start(&farm, "leaving").await?;

    host.freeze_daemon()?;
    let condition = farm.condition(NODE, "Ready", "False").await?;
    ensure!(condition.reason.as_deref() == Some("KubeletNotReady"), "{condition:?}");
    // The agent itself lives, and says so.
    let leases: Api<Lease> = Api::namespaced(farm.client.clone(), "kube-node-lease");
    let renewed = async || -> Result<_> { Ok(leases.get(NODE).await?.spec.and_then(|spec| spec.renew_time)) };
    let first = renewed().await?;
    timonier_tests::wait::eventually("the lease is renewed", || async {
        ensure!(renewed().await? > first, "not yet");
        Ok(())
    })
    .await?;
    // What is asked for meanwhile is done afterwards.
    farm.pods().create(&PostParams::default(), &farm.pod("late", NODE, &json!({}))?).await?;
    farm.pods().delete("leaving", &DeleteParams::default()).await?;
    host.thaw_daemon()?;
    farm.condition(NODE, "Ready", "True").await?;
    serves(&farm, &running(&farm, "late", 0).await?).await?;
    timonier_tests::wait::eventually("the pod that was to go is gone", || async {
        ensure!(farm.pods().get_opt("leaving").await?.is_none(), "it is still there");
        Ok(())
    })
    .await?;
    // Nothing that ran was touched.
    let after = running(&farm, "web", 0).await?;
    let id = |pod: &Pod| pod.status.as_ref().and_then(|s| s.container_statuses.as_ref()?.first()?.container_id.clone());
    ensure!(id(&before) == id(&after), "{before:?} became {after:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_outlive_a_daemon_that_restores_them() -> Result<()> {
    let farm = farm(Options { live_restore: true, ..Options::default() }).await?;
    let host = &farm.machines[0].host;
    let before = start(&farm, "web").await?;
    host.kill_daemon();
    farm.condition(NODE, "Ready", "False").await?;
    serves(&farm, &before).await?;
    host.start_daemon().await?;
    farm.condition(NODE, "Ready", "True").await?;
    let after = running(&farm, "web", 0).await?;
    ensure!(pod_ip(&before)? == pod_ip(&after)?, "its address changed");
    serves(&farm, &after).await?;
    // Events arrive again: the end of a container is seen at once, and it is started again.
    host.docker().args(["kill", container(&after)?]).run().await?.ok()?;
    serves(&farm, &running(&farm, "web", 1).await?).await
}

fn container(pod: &Pod) -> Result<&str> {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let id = statuses.and_then(|all| all.first()?.container_id.as_deref()).context("no container")?;
    Ok(id.trim_start_matches("docker://"))
}
