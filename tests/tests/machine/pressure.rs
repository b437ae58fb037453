//! A node that runs short: of memory for its pods, of disk for its images and containers, of room for one pod more.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use timonier_tests::cluster::Store;
use timonier_tests::farm::Farm;
use timonier_tests::hosts::Options;
use timonier_tests::pages::takes_requests;
use timonier_tests::wait::eventually;

const NODE: &str = "host-1";
const MIB: u64 = 1 << 20;

fn memory_total() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:")).context("no MemTotal")?;
    Ok(line.split_whitespace().nth(1).context("no number")?.parse::<u64>()? * 1024)
}

async fn create(farm: &Farm, name: &str, spec: &Value) -> Result<()> {
    farm.pods().create(&PostParams::default(), &farm.pod(name, NODE, spec)?).await?;
    Ok(())
}

/// A container of the test's image that runs a script.
fn script(farm: &Farm, text: &str) -> Value {
    json!({"name": "main", "image": farm.image.name(), "imagePullPolicy": "Never", "command": ["/bin/sh", "-c", text]})
}

async fn failed(farm: &Farm, name: &str, reason: &str) -> Result<Pod> {
    let is = |pod: &Pod| {
        let status = pod.status.as_ref();
        let (phase, why) = (status.and_then(|s| s.phase.as_deref()), status.and_then(|s| s.reason.as_deref()));
        phase == Some("Failed") && why == Some(reason)
    };
    farm.pod_until(name, &format!("fails: {reason}"), is).await
}

fn message(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.message.as_deref()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_taken_back_and_what_does_not_fit_is_refused() -> Result<()> {
    let mut farm = Farm::new(Store::Embedded).await?;
    // Whatever else this machine does, pods have 400 MiB, and the last 100 are not theirs.
    let reserved = format!("memory={}", memory_total()? - 400 * MIB);
    let flags = ["--system-reserved", &reserved, "--eviction-hard", "memory.available<100Mi", "--max-pods", "3"];
    farm.add(Options::default(), &[&flags[..], &["--eviction-pressure-transition-period", "2s"]].concat()).await?;
    let node = Api::<Node>::all(farm.client.clone()).get(NODE).await?;
    let status = node.status.context("a node without a status")?;
    let of = |list: Option<&std::collections::BTreeMap<String, _>>, name: &str| -> String {
        list.and_then(|list| list.get(name))
            .map(|q: &k8s_openapi::apimachinery::pkg::api::resource::Quantity| q.0.clone())
            .unwrap_or_default()
    };
    ensure!(of(status.allocatable.as_ref(), "memory") == "300Mi", "{:?}", status.allocatable);
    ensure!(of(status.allocatable.as_ref(), "pods") == "3", "{:?}", status.allocatable);
    ensure!(of(status.capacity.as_ref(), "memory") != "300Mi", "{:?}", status.capacity);

    // Too much for the node, or for what is left of it; not bound by the scheduler, which would know.
    let asking = |memory: &str| {
        json!({"containers": [{"name": "web", "image": farm.image.name(),
        "imagePullPolicy": "Never", "resources": {"requests": {"memory": memory}}}]})
    };
    create(&farm, "modest", &asking("64Mi")).await?;
    farm.pod_until("modest", "runs", takes_requests).await?;
    create(&farm, "huge", &asking("300Mi")).await?;
    let refused = failed(&farm, "huge", "OutOfmemory").await?;
    ensure!(
        message(&refused).starts_with("Pod was rejected: Node didn't have enough resource: memory, requested: "),
        "{refused:?}"
    );
    create(&farm, "picky", &json!({"nodeSelector": {"disk": "ssd"}})).await?;
    failed(&farm, "picky", "NodeAffinity").await?;

    let greed = "dd if=/dev/zero of=/greed/file bs=1M count=330; sleep 3600";
    let mut container = script(&farm, greed);
    container["volumeMounts"] = json!([{"name": "greed", "mountPath": "/greed"}]);
    let volumes = json!([{"name": "greed", "emptyDir": {"medium": "Memory"}}]);
    create(&farm, "greedy", &json!({"containers": [container], "volumes": volumes})).await?;
    let evicted = failed(&farm, "greedy", "Evicted").await?;
    ensure!(
        message(&evicted).starts_with("The node was low on resource: memory. Threshold quantity: 100Mi, available: "),
        "{evicted:?}"
    );
    ensure!(
        message(&evicted).contains("Container main was using ") && message(&evicted).contains(", request is 0, "),
        "{evicted:?}"
    );
    let conditions = evicted.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    ensure!(conditions.iter().any(|c| c.type_ == "DisruptionTarget" && c.status == "True"), "{conditions:?}");
    ensure!(!farm.events("Evicted").await?.is_empty(), "an event tells of it");
    farm.condition(NODE, "MemoryPressure", "False").await?;
    farm.pod_until("modest", "still runs", takes_requests).await?;
    create(&farm, "after", &json!({})).await?;
    farm.pod_until("after", "runs", takes_requests).await?;

    figures(&farm).await
}

/// What the node's own port tells, through the API server as `kubectl get --raw` asks for it.
async fn figures(farm: &Farm) -> Result<()> {
    let raw = async |path: &str| -> Result<String> {
        let request = http::Request::get(format!("/api/v1/nodes/{NODE}/proxy/{path}")).body(Vec::new())?;
        Ok(farm.client.request_text(request).await?)
    };
    let summary: Value = serde_json::from_str(&raw("stats/summary").await?)?;
    ensure!(summary["node"]["nodeName"] == NODE && summary["node"]["memory"]["workingSetBytes"].is_u64(), "{summary}");
    let pods = summary["pods"].as_array().context("no pods")?;
    let modest = pods.iter().find(|pod| pod["podRef"]["name"] == "modest").with_context(|| summary.to_string())?;
    let container = &modest["containers"][0];
    ensure!(container["name"] == "web", "{modest}");
    for figure in ["/cpu/usageCoreNanoSeconds", "/memory/workingSetBytes", "/rootfs/capacityBytes"] {
        ensure!(container.pointer(figure).and_then(Value::as_u64).is_some_and(|value| value > 0), "{figure}: {modest}");
    }
    ensure!(modest["network"]["interfaces"][0]["name"] == "eth0", "{modest}");
    let metrics = raw("metrics/resource").await?;
    ensure!(
        metrics.contains("container_memory_working_set_bytes{container=\"web\",namespace=\"default\",pod=\"modest\"}"),
        "{metrics}"
    );
    ensure!(raw("configz").await?.contains("\"memory.available\":\"100Mi\""), "settings are shown");
    ensure!(raw("pods").await?.contains("\"modest\""), "pods are shown");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_cleared_and_nothing_else_suffers() -> Result<()> {
    let mut farm = Farm::new(Store::Embedded).await?;
    let flags = ["--eviction-hard", "imagefs.available<40%", "--eviction-pressure-transition-period", "2s"];
    farm.add(Options { disk: Some(200 * MIB), ..Options::default() }, &flags).await?;
    create(&farm, "modest", &json!({})).await?;
    let before = farm.pod_until("modest", "runs", takes_requests).await?;
    let fill = script(&farm, "dd if=/dev/zero of=/big bs=1M count=150; sleep 3600");
    create(&farm, "hoarder", &json!({"containers": [fill]})).await?;
    let evicted = failed(&farm, "hoarder", "Evicted").await?;
    ensure!(message(&evicted).starts_with("The node was low on resource: ephemeral-storage. "), "{evicted:?}");
    farm.condition(NODE, "DiskPressure", "False").await?;
    let after = farm.pod_until("modest", "still runs", takes_requests).await?;
    let ids = |pod: &Pod| {
        pod.status
            .as_ref()
            .and_then(|status| status.container_statuses.clone())
            .map(|all| all.into_iter().map(|one| (one.container_id, one.restart_count)).collect::<Vec<_>>())
    };
    ensure!(ids(&before) == ids(&after), "{before:?} became {after:?}");

    // Full to the last byte, by somebody else: nothing can start, it is said, and it starts once there is room.
    let ballast = farm.machines[0].host.dir().join("data/ballast");
    let all = format!("of={}", ballast.display());
    // It ends with an error when there is no more room.
    let _full = tokio::process::Command::new("dd").args(["if=/dev/zero", "bs=1M", &all]).output().await?;
    farm.condition(NODE, "DiskPressure", "True").await?;
    create(&farm, "refused", &json!({})).await?;
    let refused = failed(&farm, "refused", "Evicted").await?;
    ensure!(message(&refused) == "Pod was rejected: The node had condition: [DiskPressure]. ", "{refused:?}");
    std::fs::remove_file(&ballast)?;
    farm.condition(NODE, "DiskPressure", "False").await?;
    create(&farm, "late", &json!({})).await?;
    farm.pod_until("late", "runs", takes_requests).await?;
    for name in ["modest", "hoarder", "refused", "late"] {
        farm.pods().delete(name, &DeleteParams::default()).await?;
    }
    eventually("nothing is left", || async {
        let left = farm.machines[0].host.docker().args(["ps", "-aq"]).run().await?.ok()?;
        ensure!(left.is_empty() && farm.pods().list(&Default::default()).await?.items.is_empty(), "{left}");
        Ok(())
    })
    .await
}
