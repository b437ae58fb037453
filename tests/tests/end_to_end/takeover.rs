//! Whoever leads the controllers is killed at any moment, again and again: the other goes on, nothing doubles and
//! nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use timonier_tests::cluster::Store;
use timonier_tests::processes::Ground;
use timonier_tests::wait::{eventually, within};

const PATIENCE: &[&str] =
    &["--leader-elect-lease-duration=3s", "--leader-elect-renew-deadline=2s", "--leader-elect-retry-period=250ms"];
const ROUNDS: usize = 4;
/// So many that some are left whenever a leader is killed.
const COMPLETIONS: i32 = 150;
const PARALLELISM: i32 = 6;

/// Its pods are pretended to run for a moment.
fn job(name: &str, indexed: bool) -> Result<Job> {
    let mode = if indexed { "Indexed" } else { "NonIndexed" };
    Ok(serde_json::from_value(json!({"metadata": {"name": name}, "spec": {
        "completions": COMPLETIONS, "parallelism": PARALLELISM, "completionMode": mode, "backoffLimit": 0,
        "template": {"metadata": {"annotations": {"hollow.timonier.dev/runs-for": "0.2s"}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "any"}]}},
    }}))?)
}

fn replicated(kind: &str, name: &str, replicas: usize) -> Value {
    let mut spec = json!({"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
        "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "any"}]}}});
    if kind == "StatefulSet" {
        spec["serviceName"] = json!(name);
    }
    json!({"metadata": {"name": name}, "spec": spec})
}

async fn pods(client: &Client, labels: &str) -> Result<Vec<Pod>> {
    Ok(Api::<Pod>::default_namespaced(client.clone()).list(&ListParams::default().labels(labels)).await?.items)
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// No more of a job run than it allows, and no index twice, whenever one looks.
async fn never_too_many(client: Client) -> Result<()> {
    loop {
        for name in ["plain", "indexed"] {
            let pods = pods(&client, &format!("job-name={name}")).await?;
            let active: Vec<_> = pods.iter().filter(|pod| !matches!(phase(pod), "Succeeded" | "Failed")).collect();
            ensure!(active.len() <= PARALLELISM as usize, "{} pods of {name} run", active.len());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_doubles_nothing_and_loses_nothing() -> Result<()> {
    let mut ground = Ground::new(Store::Embedded).await?;
    let server = ground.api_server("server").await?;
    let client = server.client().await?;
    let mut replicas = Vec::new();
    for name in ["controllers-1", "controllers-2"] {
        replicas.push(ground.controllers_with(name, &server, PATIENCE)?);
    }
    let network = rand::random::<[u8; 2]>();
    let mut agents = Vec::new();
    for number in 1..=2 {
        let address = format!("127.{}.{}.{number}", network[0].clamp(2, 250), network[1]);
        agents.push(ground.agent_with(&format!("hollow-{number}"), &address, &server, &["--runtime", "hollow"]).await?);
    }

    let jobs: Api<Job> = Api::default_namespaced(client.clone());
    for (name, indexed) in [("plain", false), ("indexed", true)] {
        jobs.create(&PostParams::default(), &job(name, indexed)?).await?;
    }
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    deployments.create(&PostParams::default(), &serde_json::from_value(replicated("Deployment", "web", 30))?).await?;
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    sets.create(&PostParams::default(), &serde_json::from_value(replicated("StatefulSet", "db", 12))?).await?;
    let watchman = tokio::spawn(never_too_many(client.clone()));

    let lease: Api<Lease> = Api::namespaced(client.clone(), "kube-system");
    let holder = || async {
        let lease = lease.get("timonier-controllers").await?;
        lease.spec.and_then(|spec| spec.holder_identity).filter(|holder| !holder.is_empty()).context("nobody leads")
    };
    for round in 0..ROUNDS {
        let leader = eventually("somebody leads", holder).await?;
        let pid: u32 = leader.rsplit('_').nth(1).context("an identity without a process")?.parse()?;
        tokio::time::sleep(Duration::from_millis(rand::random_range(50..1500))).await;
        let killed = replicas.iter_mut().find(|process| process.pid() == Some(pid)).context("a leader of ours")?;
        killed.kill();
        deployments
            .create(
                &PostParams::default(),
                &serde_json::from_value(replicated("Deployment", &format!("late-{round}"), 3))?,
            )
            .await?;
        within(Duration::from_secs(30), "the other leads", || async {
            let now = holder().await?;
            ensure!(now != leader, "{now} still leads");
            Ok(())
        })
        .await?;
        killed.again()?;
    }

    within(Duration::from_secs(120), "all jobs are complete", || async {
        for name in ["plain", "indexed"] {
            let status = jobs.get(name).await?.status.unwrap_or_default();
            let conditions = status.conditions.iter().flatten();
            let complete = conditions.filter(|one| one.type_ == "Complete" && one.status == "True").count();
            ensure!(complete == 1, "{name}: {status:?}");
        }
        Ok(())
    })
    .await?;
    ensure!(!watchman.is_finished(), "{:?}", watchman.await);
    watchman.abort();
    for name in ["plain", "indexed"] {
        let status = jobs.get(name).await?.status.unwrap_or_default();
        ensure!((status.succeeded, status.failed) == (Some(COMPLETIONS), None), "{name}: {status:?}");
        let made = pods(&client, &format!("job-name={name}")).await?;
        ensure!(made.len() == COMPLETIONS as usize, "{} pods of {name} were made", made.len());
        ensure!(made.iter().all(|pod| phase(pod) == "Succeeded"), "a pod of {name} has not succeeded");
    }
    let indexed = pods(&client, "job-name=indexed").await?;
    let indexes: BTreeSet<_> =
        indexed.iter().filter_map(|pod| pod.annotations().get("batch.kubernetes.io/job-completion-index")).collect();
    ensure!(indexes.len() == COMPLETIONS as usize, "{indexes:?}");

    let mut wanted = BTreeMap::from([("web".to_owned(), 30), ("db".to_owned(), 12)]);
    wanted.extend((0..ROUNDS).map(|round| (format!("late-{round}"), 3)));
    for (name, replicas) in wanted {
        within(Duration::from_secs(60), &format!("{name} has {replicas} pods"), || async {
            let pods = pods(&client, &format!("app={name}")).await?;
            let running = pods.iter().filter(|pod| phase(pod) == "Running").count();
            ensure!((running, pods.len()) == (replicas, replicas), "{running} of {} run", pods.len());
            Ok(())
        })
        .await?;
    }
    let ordinals: BTreeSet<String> = pods(&client, "app=db").await?.iter().map(|pod| pod.name_any()).collect();
    ensure!(ordinals == (0..12).map(|ordinal| format!("db-{ordinal}")).collect(), "{ordinals:?}");
    Ok(())
}
