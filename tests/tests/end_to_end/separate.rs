//! The same cluster as separate processes: API servers that share a store, replicas of controllers, agents.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use timonier_tests::cluster::Store;
use timonier_tests::image::Image;
use timonier_tests::pages::{page, pod_ip, takes_requests};
use timonier_tests::processes::Ground;
use timonier_tests::wait::{eventually, within};
use timonier_tests::watching::Resuming;

fn config_map(name: &str) -> Result<ConfigMap> {
    Ok(serde_json::from_value(json!({"metadata": {"name": name}}))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_through_one_server_is_seen_by_a_watch_on_the_other() -> Result<()> {
    let mut ground = Ground::new(Store::Etcd).await?;
    let (one, other) = (ground.api_server("one").await?, ground.api_server("other").await?);
    let (writer, reader): (Api<ConfigMap>, Api<ConfigMap>) =
        (Api::default_namespaced(one.client().await?), Api::default_namespaced(other.client().await?));
    let from = reader.list(&ListParams::default()).await?.metadata.resource_version.context("no revision")?;
    let mut watch = Resuming::start(reader.clone(), &from);
    for round in 0..20 {
        let name = format!("map-{round}");
        let written = writer.create(&PostParams::default(), &config_map(&name)?).await?;
        let read = reader.get(&name).await.context("what one acknowledged the other knows")?;
        ensure!(read.metadata == written.metadata, "{read:?} is not {written:?}");
        let seen = watch.until("ADDED", &name).await?;
        ensure!(Some(seen.revision.to_string()) == written.metadata.resource_version, "{seen:?}, {written:?}");
    }
    Ok(())
}

async fn killed_while_a_watch_runs(store: Store) -> Result<()> {
    let mut ground = Ground::new(store).await?;
    let mut server = ground.api_server("server").await?;
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client().await?);
    let from = maps.list(&ListParams::default()).await?.metadata.resource_version.context("no revision")?;
    let mut watch = Resuming::start(maps.clone(), &from);
    for round in 0..5 {
        let (kept, gone) = (format!("kept-{round}"), format!("gone-{round}"));
        maps.create(&PostParams::default(), &config_map(&kept)?).await?;
        maps.create(&PostParams::default(), &config_map(&gone)?).await?;
        maps.delete(&gone, &DeleteParams::default()).await?;
        server.process.kill();
        server.process.again()?;
        server.ready().await?;
        watch.until("DELETED", &gone).await?;
        ensure!(maps.get_opt(&kept).await?.is_some(), "an acknowledged write is lost");
        ensure!(maps.get_opt(&gone).await?.is_none(), "an acknowledged delete is lost");
    }
    // Listed again, objects would have been shown twice; resumed, each change is shown once.
    let shown: Vec<_> = watch.seen.iter().map(|seen| format!("{} {}", seen.verb, seen.name)).collect();
    let changes = |round| ["ADDED kept", "ADDED gone", "DELETED gone"].map(|change| format!("{change}-{round}"));
    ensure!(shown == (0..5).flat_map(changes).collect::<Vec<_>>(), "{shown:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_and_watches_resume_embedded() -> Result<()> {
    killed_while_a_watch_runs(Store::Embedded).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_and_watches_resume_etcd() -> Result<()> {
    killed_while_a_watch_runs(Store::Etcd).await
}

fn deployment(image: &str, name: &str, replicas: u32) -> Result<Deployment> {
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
                "name": "web", "image": image, "imagePullPolicy": "Never", "ports": [{"containerPort": 8080}],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
            }]},
        }},
    }))?)
}

async fn serving(client: &Client, name: &str, replicas: usize) -> Result<Vec<Pod>> {
    eventually(&format!("all {replicas} pods of {name} serve"), || async {
        let pods = Api::<Pod>::default_namespaced(client.clone());
        let pods = pods.list(&ListParams::default().labels(&format!("app={name}"))).await?.items;
        let ready: Vec<_> = pods.into_iter().filter(takes_requests).collect();
        ensure!(ready.len() == replicas, "{} are ready", ready.len());
        for pod in &ready {
            page(&format!("{}:8080", pod_ip(pod)?)).await?;
        }
        Ok(ready)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_make_one_cluster_and_a_stand_by_takes_over() -> Result<()> {
    let image = Image::make()?;
    let mut ground = Ground::new(Store::Etcd).await?;
    let (one, mut other) = (ground.api_server("one").await?, ground.api_server("other").await?);
    let client = one.client().await?;
    let mut first = ground.controllers("controllers-1", &one)?;
    let lease: Api<Lease> = Api::namespaced(client.clone(), "kube-system");
    let holder = || async {
        let lease = lease.get("timonier-controllers").await?;
        lease.spec.and_then(|spec| spec.holder_identity).filter(|holder| !holder.is_empty()).context("nobody leads")
    };
    let leader = eventually("the first leads", holder).await?;
    let _second = ground.controllers("controllers-2", &other)?;
    let network = rand::random::<[u8; 2]>();
    let mut agents = Vec::new();
    for (number, server) in [(1, &one), (2, &other)] {
        let address = format!("127.{}.{}.{number}", network[0].clamp(2, 250), network[1]);
        agents.push(ground.agent(&format!("worker-{number}"), &address, server).await?);
    }
    eventually("both nodes are ready", || async {
        let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?;
        let ready = nodes.iter().filter_map(|node| node.status.as_ref()?.conditions.as_ref());
        let ready = ready.filter(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True")).count();
        ensure!(ready == 2, "{ready} are ready");
        Ok(())
    })
    .await?;

    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    deployments.create(&PostParams::default(), &deployment(image.name(), "before", 2)?).await?;
    serving(&client, "before", 2).await?;

    first.kill();
    other.process.kill();
    other.process.again()?;
    other.ready().await?;
    within(Duration::from_secs(120), "the stand-by leads", || async {
        let now = holder().await?;
        ensure!(now != leader, "{now} still leads");
        Ok(())
    })
    .await?;
    deployments.create(&PostParams::default(), &deployment(image.name(), "after", 2)?).await?;
    serving(&client, "after", 2).await?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let all = pods.list(&ListParams::default()).await?.items.len();
    ensure!(all == 4, "two leaders would have made more than four pods: {all}");
    Ok(())
}
