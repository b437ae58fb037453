//! Whoever leads the controllers is killed at any moment, again and again: the other goes on, nothing doubles and
//! nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Pod, ReplicationController, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
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
const WEB: usize = 30;
const DB: usize = 12;
const OLD: usize = 5;
const NODES: usize = 2;

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

/// On every node, and another template each time.
fn everywhere(round: usize) -> Value {
    json!({"metadata": {"name": "each"}, "spec": {"selector": {"matchLabels": {"app": "each"}}, "template": {
        "metadata": {"labels": {"app": "each"}},
        "spec": {"containers": [{"name": "c", "image": format!("any:{round}")}]}}}})
}

/// A plain controller that is asked for pods by their labels alone.
fn replication(replicas: usize) -> Value {
    json!({"metadata": {"name": "old"}, "spec": {"replicas": replicas, "selector": {"app": "old"}, "template": {
        "metadata": {"labels": {"app": "old"}}, "spec": {"containers": [{"name": "c", "image": "any"}]}}}})
}

fn service(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"clusterIP": "None", "selector": {"app": name}, "ports": [{"port": 80}]}})
}

/// Due each minute, with a job that has ended as soon as it runs.
fn cron_job(name: &str) -> Value {
    let pod = json!({"metadata": {"annotations": {"hollow.timonier.dev/runs-for": "0.1s"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "any"}]}});
    json!({"metadata": {"name": name}, "spec": {"schedule": "* * * * *", "successfulJobsHistoryLimit": 100,
        "jobTemplate": {"spec": {"template": pod}}}})
}

/// Makes a cron job that has missed a minute, so that it is due now.
async fn overdue(client: &Client, name: &str) -> Result<()> {
    let cron_jobs: Api<CronJob> = Api::default_namespaced(client.clone());
    cron_jobs.create(&PostParams::default(), &serde_json::from_value(cron_job(name))?).await?;
    let last = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(90);
    let status = json!({"status": {"lastScheduleTime": format!("{last:.0}")}});
    cron_jobs.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

/// For each minute there is one job at most, and it has run one pod.
async fn fired_once(client: &Client, name: &str) -> Result<()> {
    let jobs: Api<Job> = Api::default_namespaced(client.clone());
    let mut times = BTreeSet::new();
    for job in jobs.list(&ListParams::default()).await?.items {
        let owner = job.metadata.owner_references.iter().flatten().find(|owner| owner.kind == "CronJob");
        if owner.is_none_or(|owner| owner.name != name) {
            continue;
        }
        let at = job.annotations().get("batch.kubernetes.io/cronjob-scheduled-timestamp").context("no time")?;
        ensure!(times.insert(at.clone()), "{name} fired twice for {at}");
        let made = pods(client, &format!("job-name={}", job.name_any())).await?;
        ensure!(made.len() <= 1, "{} has {} pods", job.name_any(), made.len());
        let succeeded = job.status.as_ref().and_then(|status| status.succeeded);
        ensure!(succeeded == Some(1), "{succeeded:?} of {at} have succeeded");
    }
    ensure!(!times.is_empty(), "{name} has not fired");
    Ok(())
}

/// Each pod that serves stands in one slice, once, and nobody else does.
async fn served(client: &Client, name: &str) -> Result<()> {
    let slices: Api<EndpointSlice> = Api::default_namespaced(client.clone());
    let of_service = ListParams::default().labels(&format!("kubernetes.io/service-name={name}"));
    let mut told: Vec<String> = Vec::new();
    for slice in slices.list(&of_service).await?.items {
        let endpoints = slice.endpoints.into_iter().flatten();
        told.extend(endpoints.filter_map(|endpoint| endpoint.target_ref?.uid));
    }
    told.sort();
    let mut there: Vec<String> =
        pods(client, &format!("app={name}")).await?.iter().filter_map(|pod| pod.uid()).collect();
    there.sort();
    ensure!(told == there, "{name}: slices tell of {} endpoints, and there are {} pods", told.len(), there.len());
    Ok(())
}

async fn pods(client: &Client, labels: &str) -> Result<Vec<Pod>> {
    Ok(Api::<Pod>::default_namespaced(client.clone()).list(&ListParams::default().labels(labels)).await?.items)
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// No more of a job run than it allows, no more replicas than were asked for, and no node has two of a DaemonSet's, whenever
/// one looks.
async fn never_too_many(client: Client) -> Result<()> {
    loop {
        for name in ["plain", "indexed"] {
            let pods = pods(&client, &format!("job-name={name}")).await?;
            let active: Vec<_> = pods.iter().filter(|pod| !matches!(phase(pod), "Succeeded" | "Failed")).collect();
            ensure!(active.len() <= PARALLELISM as usize, "{} pods of {name} run", active.len());
        }
        let each = pods(&client, "app=each").await?;
        let going_on = each.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let mut nodes: Vec<_> = going_on.filter_map(|pod| pod.spec.as_ref()?.node_name.clone()).collect();
        nodes.sort();
        ensure!(nodes.is_sorted_by(|a, b| a < b), "a node has two of each: {nodes:?}");
        for (name, most) in [("web", WEB), ("db", DB), ("old", OLD)] {
            let there = pods(&client, &format!("app={name}")).await?.len();
            ensure!(there <= most, "{name} has {there} pods, and {most} were asked for");
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
    for number in 1..=NODES {
        let address = format!("127.{}.{}.{number}", network[0].clamp(2, 250), network[1]);
        agents.push(ground.agent_with(&format!("hollow-{number}"), &address, &server, &["--runtime", "hollow"]).await?);
    }

    let jobs: Api<Job> = Api::default_namespaced(client.clone());
    for (name, indexed) in [("plain", false), ("indexed", true)] {
        jobs.create(&PostParams::default(), &job(name, indexed)?).await?;
    }
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    deployments.create(&PostParams::default(), &serde_json::from_value(replicated("Deployment", "web", WEB))?).await?;
    let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
    sets.create(&PostParams::default(), &serde_json::from_value(replicated("StatefulSet", "db", DB))?).await?;
    let daemons: Api<DaemonSet> = Api::default_namespaced(client.clone());
    daemons.create(&PostParams::default(), &serde_json::from_value(everywhere(ROUNDS))?).await?;
    let old: Api<ReplicationController> = Api::default_namespaced(client.clone());
    old.create(&PostParams::default(), &serde_json::from_value(replication(OLD))?).await?;
    let services: Api<Service> = Api::default_namespaced(client.clone());
    for name in ["web", "db"] {
        services.create(&PostParams::default(), &serde_json::from_value(service(name))?).await?;
    }
    let watchman = tokio::spawn(never_too_many(client.clone()));

    let lease: Api<Lease> = Api::namespaced(client.clone(), "kube-system");
    let holder = || async {
        let lease = lease.get("timonier-controllers").await?;
        lease.spec.and_then(|spec| spec.holder_identity).filter(|holder| !holder.is_empty()).context("nobody leads")
    };
    for round in 0..ROUNDS {
        let leader = eventually("somebody leads", holder).await?;
        let pid: u32 = leader.rsplit('_').nth(1).context("an identity without a process")?.parse()?;
        // Something of everything is to be done when it dies.
        daemons.patch("each", &PatchParams::default(), &Patch::Strategic(everywhere(round))).await?;
        overdue(&client, &format!("due-{round}")).await?;
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

    let mut wanted = BTreeMap::from(
        [("web", WEB), ("db", DB), ("old", OLD), ("each", NODES)].map(|(name, number)| (name.to_owned(), number)),
    );
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
    ensure!(ordinals == (0..DB).map(|ordinal| format!("db-{ordinal}")).collect(), "{ordinals:?}");
    within(Duration::from_secs(60), "the DaemonSet has come to its last template", || async {
        let images: BTreeSet<_> = pods(&client, "app=each").await?.into_iter().filter_map(image).collect();
        ensure!(images == BTreeSet::from([format!("any:{}", ROUNDS - 1)]), "{images:?}");
        Ok(())
    })
    .await?;
    for name in ["web", "db"] {
        within(Duration::from_secs(60), "slices tell of all", || served(&client, name)).await?;
    }
    for round in 0..ROUNDS {
        let name = format!("due-{round}");
        within(Duration::from_secs(60), "cron jobs have fired once each time", || fired_once(&client, &name)).await?;
    }
    Ok(())
}

fn image(pod: Pod) -> Option<String> {
    pod.spec?.containers.into_iter().next()?.image
}
