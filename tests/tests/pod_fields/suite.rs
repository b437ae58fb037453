//! Running all cases side by side on one cluster.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::{DeleteParams, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::pinned_kind;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use timonier_tests::cluster::Cluster;
use timonier_tests::wait::{eventually, within};

use crate::case::{Case, Expected, Until};
use crate::seen::{Seen, docker};

/// Cases at once.
const WIDTH: usize = 6;
/// What a container must look like it looks like soon after it started.
const SOON: Duration = Duration::from_secs(30);

/// Runs the cases, all of them, and tells of each that failed.
pub async fn run(cluster: &Cluster, cases: Vec<Case>) -> Result<()> {
    let mut names = BTreeSet::new();
    for case in &cases {
        ensure!(names.insert(case.name), "two cases are called {:?}", case.name);
    }
    let wanted = std::env::var("TIMONIER_CASES").unwrap_or_default();
    let wanted: Vec<_> = wanted.split(',').filter(|part| !part.is_empty()).collect();
    let chosen =
        cases.into_iter().filter(|case| wanted.is_empty() || wanted.iter().any(|part| case.name.contains(part)));
    let outcomes: Vec<_> = stream::iter(chosen.enumerate())
        .map(|(number, case)| async move {
            let name = case.name;
            let outcome = one(cluster, &format!("case-{number}"), case).await;
            eprintln!("{} {name}", if outcome.is_ok() { "ok    " } else { "FAILED" });
            (name, outcome)
        })
        .buffer_unordered(WIDTH)
        .collect()
        .await;
    if outcomes.is_empty() {
        eprintln!("no case is called {wanted:?}");
    }
    let failed = outcomes.iter().filter_map(|(name, outcome)| Some((name, outcome.as_ref().err()?)));
    let report: Vec<_> = failed.map(|(name, error)| format!("\n##### {name}: {error:#}")).collect();
    ensure!(report.is_empty(), "{} of {} cases failed{}", report.len(), outcomes.len(), report.concat());
    Ok(())
}

/// A case in a namespace of its own.
async fn one(cluster: &Cluster, namespace: &str, case: Case) -> Result<()> {
    let client = cluster.client();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let made = serde_json::from_value(json!({"metadata": {"name": namespace}}))?;
    namespaces.create(&PostParams::default(), &made).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    eventually("the namespace has its service account", || async { Ok(accounts.get("default").await?) }).await?;
    for object in &case.objects {
        create(cluster, namespace, object).await?;
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let own =
        if case.image.is_empty() { None } else { Some(Changed::make(cluster.image(), namespace, &case.image).await?) };
    let image = own.as_ref().map_or(cluster.image(), |own| &own.name);
    let manifest = case.pod(image);
    let made: Pod = serde_json::from_value(manifest.clone()).context("the case's pod")?;
    // As JSON: what the typed pod does not know would be lost.
    let request = http::Request::post(format!("/api/v1/namespaces/{namespace}/pods"))
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&manifest)?)?;
    let created: Pod = client.request(request).await.with_context(|| format!("creating {made:?}"))?;
    let seen = Seen {
        client,
        namespace: namespace.into(),
        uid: created.uid().context("a pod without uid")?,
        kubeconfig: cluster.kubeconfig(),
        image: image.into(),
    };
    if let Err(error) = look(&pods, &seen, case).await {
        // Left as it is until the cluster goes: the picture of the cluster shows it.
        return Err(anyhow!("{error:#}\n{}", picture(&seen).await));
    }
    namespaces.delete(namespace, &DeleteParams::default()).await?;
    eventually("the case's containers are gone", || async {
        let left = seen.all().await?.len();
        ensure!(left == 0, "{left} are left");
        Ok(())
    })
    .await
}

/// The tests' image with changes, removed with this value.
struct Changed {
    name: String,
}

impl Changed {
    async fn make(image: &str, namespace: &str, changes: &[&str]) -> Result<Changed> {
        let name = format!("{image}-{namespace}");
        let made = docker(&["create", image]).await?.ok()?;
        let changes: Vec<_> = changes.iter().flat_map(|change| ["--change", change]).collect();
        let committed = docker(&[&["commit"], changes.as_slice(), &[made.trim(), &name]].concat()).await?;
        docker(&["rm", made.trim()]).await?.ok()?;
        committed.ok()?;
        Ok(Changed { name })
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        let removed = std::process::Command::new("docker").args(["image", "rm", "--force", &self.name]).output();
        if let Err(error) = removed {
            eprintln!("cannot remove image {}: {error}", self.name);
        }
    }
}

async fn create(cluster: &Cluster, namespace: &str, object: &Value) -> Result<()> {
    let object: DynamicObject = serde_json::from_value(object.clone())?;
    let types = object.types.clone().context("an object without apiVersion and kind")?;
    let (kind, _) = pinned_kind(&cluster.client(), &GroupVersionKind::try_from(&types)?).await?;
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client(), namespace, &kind);
    api.create(&PostParams::default(), &object).await.with_context(|| format!("creating {object:?}"))?;
    Ok(())
}

async fn look(pods: &Api<Pod>, seen: &Seen, case: Case) -> Result<()> {
    eventually(&format!("{:?}", case.until), || reached(pods, seen, &case.until)).await?;
    for expected in &case.expected {
        within(SOON, &format!("{expected:?}"), || met(seen, expected)).await?;
    }
    match case.check {
        Some(check) => check(seen.clone()).await,
        None => Ok(()),
    }
}

async fn reached(pods: &Api<Pod>, seen: &Seen, until: &Until) -> Result<()> {
    let status = pods.get("pod").await?.status.context("no status")?;
    let containers: Vec<_> =
        status.container_statuses.iter().chain(&status.init_container_statuses).flatten().collect();
    let waiting = || containers.iter().filter_map(|one| one.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
    let conditions = status.conditions.iter().flatten();
    let ready = conditions.filter(|condition| condition.type_ == "Ready").any(|ready| ready.status == "True");
    match until {
        Until::Ready => ensure!(ready, "it is not ready: {status:?}"),
        Until::Decided => ensure!(ready || status.phase.as_deref() == Some("Failed"), "{status:?}"),
        Until::Phase(phase) => ensure!(status.phase.as_deref() == Some(phase), "{status:?}"),
        Until::Waiting(reason) => ensure!(waiting().any(|waits| waits == *reason), "{status:?}"),
        Until::Event(reason) => ensure!(!seen.events(reason).await?.is_empty(), "no such event"),
    }
    Ok(())
}

async fn met(seen: &Seen, expected: &Expected) -> Result<()> {
    let (inspected, pointer, value) = match expected {
        Expected::Prints(script, said) => {
            let printed = seen.exec("main", script).await?;
            ensure!(printed.trim() == said.trim(), "it prints {printed:?}");
            return Ok(());
        }
        Expected::Inspect(pointer, value) => (seen.container("main").await?, pointer, value),
        Expected::Sandbox(pointer, value) => (seen.sandbox().await?, pointer, value),
    };
    match inspected.pointer(pointer).unwrap_or(&Value::Null) {
        found if found == value => Ok(()),
        found => bail!("it is {found}"),
    }
}

/// What the pod and its containers look like.
async fn picture(seen: &Seen) -> String {
    let mut picture = String::new();
    for args in [&["get", "pod", "pod", "-o", "yaml"][..], &["get", "events"]] {
        let said = seen.kctl(args).await.map_or_else(|error| format!("{error:#}"), |said| said.to_string());
        picture += &format!("{said}\n");
    }
    for one in seen.all().await.unwrap_or_default() {
        picture += &format!("--- docker inspect {}\n", one["Name"]);
        for part in ["State", "HostConfig", "Config", "Mounts", "NetworkSettings"] {
            picture += &format!("{part}: {}\n", one[part]);
        }
        let id = one["Id"].as_str().unwrap_or_default();
        let log = docker(&["logs", "--tail", "20", id]).await;
        picture += &log.map_or_else(|error| format!("{error:#}"), |said| said.to_string());
    }
    picture
}
