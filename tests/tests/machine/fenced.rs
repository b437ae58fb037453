//! A StatefulSet with a fence, whose host is cut off: its pod ends there before another begins, and the two never write at
//! the same time. What they write to is a directory that both hosts have, as they would have a disk on the network.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use timonier_tests::cluster::Store;
use timonier_tests::farm::Farm;
use timonier_tests::hosts::Options;
use timonier_tests::wait::{eventually, within};

const CONTROLLERS: &[&str] =
    &["--node-monitor-grace-period=8s", "--node-monitor-period=500ms", "--node-eviction-rate=10"];
/// A heartbeat a second.
const AGENT: &[&str] = &["--node-lease-duration-seconds=4", "--node-status-update-frequency=1"];
/// The shortest that there is: until it is over, and the margin, nobody may follow.
const FENCE: &str = "20s";
const MOVED_WITHIN: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_fenced_pod_ends_where_it_was_before_it_begins_elsewhere() -> Result<()> {
    let mut farm = Farm::with(Store::Embedded, CONTROLLERS).await?;
    for _ in 0..2 {
        farm.add(Options::default(), AGENT).await?;
    }
    let disk = tempfile::tempdir()?;
    let sets: Api<StatefulSet> = Api::default_namespaced(farm.client.clone());
    let set = serde_json::from_value(set(farm.image.name(), disk.path()))?;
    sets.create(&PostParams::default(), &set).await?;
    let old = farm.pod_until("db-0", "is ready", is_ready).await?;
    let old_node = node_of(&old)?;
    let at = farm.machines.iter().position(|machine| machine.name == old_node).context("a host of ours")?;
    eventually("it writes", || async { written(disk.path(), &old_node).map(drop) }).await?;

    farm.machines[at].host.cut()?;
    within(MOVED_WITHIN, "the host that is cut off ends the pod by itself", || async {
        let running = containers(&farm, at).await?;
        ensure!(running.is_empty(), "{running}");
        Ok(())
    })
    .await?;
    let still = farm.pods().get("db-0").await?;
    ensure!(still.uid() == old.uid(), "it was replaced before it had ended: {:?}", node_of(&still));
    let new = within(MOVED_WITHIN, "the set goes on elsewhere", || async {
        let pod = farm.pods().get("db-0").await?;
        ensure!(pod.uid() != old.uid() && is_ready(&pod), "{:?}", pod.status);
        Ok(pod)
    })
    .await?;
    let new_node = node_of(&new)?;
    ensure!(new_node != old_node, "it is ready on a host that is cut off");
    eventually("the new one writes", || async { written(disk.path(), &new_node).map(drop) }).await?;

    // Back among the others, the host does not go on with what was taken from it.
    farm.machines[at].host.mend()?;
    farm.condition(&old_node, "Ready", "True").await?;
    let (before, _) = written(disk.path(), &new_node)?;
    eventually("the new one goes on", || async {
        let (now, _) = written(disk.path(), &new_node)?;
        ensure!(now > before + 10, "{now} lines, {before} before");
        Ok(())
    })
    .await?;
    let running = containers(&farm, at).await?;
    ensure!(running.is_empty(), "the host runs it again: {running}");
    ensure!(farm.pods().get("db-0").await?.uid() == new.uid(), "it was replaced once more");
    let (_, first_of_new) = written(disk.path(), &new_node)?;
    let last_of_old = last(disk.path(), &old_node)?;
    ensure!(
        last_of_old < first_of_new,
        "the old one wrote line {last_of_old}, the new one line {first_of_new} already"
    );
    Ok(())
}

fn set(image: &str, disk: &Path) -> Value {
    let patient = |taint: &str| {
        json!({"key": format!("node.kubernetes.io/{taint}"), "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": 1})
    };
    json!({
        "metadata": {"name": "db", "annotations": {"timonier.dev/fence": FENCE}},
        "spec": {
            "replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
            "template": {
                "metadata": {"labels": {"app": "db"}},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "tolerations": [patient("not-ready"), patient("unreachable")],
                    "volumes": [{"name": "disk", "hostPath": {"path": disk, "type": "Directory"}}],
                    "containers": [{
                        "name": "db", "image": image, "imagePullPolicy": "Never",
                        "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                        // It would go on for as long as it may.
                        "command": ["sh", "-c", "trap '' TERM; while :; do echo $NODE >> /disk/log; sleep 0.1; done"],
                        "volumeMounts": [{"name": "disk", "mountPath": "/disk"}],
                    }],
                },
            },
        },
    })
}

/// How many lines a node's pod has written, and which was its first.
fn written(disk: &Path, node: &str) -> Result<(usize, usize)> {
    let log = std::fs::read_to_string(disk.join("log"))?;
    let first = log.lines().position(|line| line == node).with_context(|| format!("nothing from {node}"))?;
    Ok((log.lines().filter(|line| *line == node).count(), first))
}

/// Which line was the last that a node's pod has written.
fn last(disk: &Path, node: &str) -> Result<usize> {
    let log = std::fs::read_to_string(disk.join("log"))?;
    let lines: Vec<&str> = log.lines().collect();
    lines.iter().rposition(|line| *line == node).with_context(|| format!("nothing from {node}"))
}

/// What one host's Docker runs of the set, the sandbox not counted.
async fn containers(farm: &Farm, machine: usize) -> Result<String> {
    let docker = farm.machines[machine].host.docker();
    docker.args(["ps", "--filter", "label=io.timonier.sandbox", "--format", "{{.ID}} {{.Names}}"]).run().await?.ok()
}

fn node_of(pod: &Pod) -> Result<String> {
    pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).context("it has no node")
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
