//! Rules between pods, and pods that give way, on simulated nodes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use timonier_api::quantity::Quantity;
use timonier_tests::both_stores;
use timonier_tests::cluster::Cluster;
use timonier_tests::wait::eventually;

both_stores!(pods_are_placed_by_their_rules, nodes = 3, hollow = true, all_rules);

async fn all_rules(cluster: &Cluster) -> Result<()> {
    label_zones(cluster).await?;
    gated(cluster).await?;
    spread(cluster).await?;
    anti_affinity(cluster).await?;
    preemption(cluster).await
}

/// The first two nodes are in zone a, the third in b.
async fn label_zones(cluster: &Cluster) -> Result<()> {
    let nodes = Api::<Node>::all(cluster.client());
    for (at, node) in nodes.list(&ListParams::default()).await?.iter().enumerate() {
        let zone = if at < 2 { "a" } else { "b" };
        let patch = Patch::Merge(json!({"metadata": {"labels": {"zone": zone}}}));
        nodes.patch(&node.name_any(), &PatchParams::default(), &patch).await?;
    }
    Ok(())
}

fn deployment(name: &str, replicas: u32, image: &str, spec: Value) -> String {
    let mut pod = json!({
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": image}],
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod[key] = value.clone();
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    })
    .to_string()
}

fn node_of(pod: &Pod) -> Option<String> {
    pod.spec.as_ref()?.node_name.clone()
}

/// The message of the pod's condition `PodScheduled`, when it says no.
fn refusal(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let no = conditions.iter().find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
    no.message.clone().or_else(|| no.reason.clone())
}

async fn gated(cluster: &Cluster) -> Result<()> {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "gated"},
        "spec": {"schedulingGates": [{"name": "example.com/later"}], "containers": [{"name": "c", "image": "x"}]},
    });
    cluster.apply(&pod.to_string()).await?;
    let pods = cluster.api::<Pod>();
    let waiting = pods.get("gated").await?;
    ensure!(node_of(&waiting).is_none() && refusal(&waiting).is_some(), "{:?}", waiting.status);
    let row = cluster.kctl(["get", "pod", "gated", "--no-headers"]).await?.ok()?;
    ensure!(row.contains("SchedulingGated"), "{row}");
    let open = Patch::Merge(json!({"spec": {"schedulingGates": []}}));
    pods.patch("gated", &PatchParams::default(), &open).await?;
    eventually("the pod is placed when its gate is gone", || async {
        ensure!(node_of(&pods.get("gated").await?).is_some(), "no node yet");
        Ok(())
    })
    .await
}

async fn zones_of(cluster: &Cluster, app: &str) -> Result<BTreeMap<String, usize>> {
    let nodes = Api::<Node>::all(cluster.client()).list(&ListParams::default()).await?;
    let zone = |name: &str| nodes.iter().find(|node| node.name_any() == name).map(|node| node.labels()["zone"].clone());
    let mut zones = BTreeMap::new();
    for pod in cluster.pods(&format!("app={app}")).await? {
        let node = node_of(&pod).with_context(|| format!("{}: {:?}", pod.name_any(), refusal(&pod)))?;
        *zones.entry(zone(&node).context("a zone")?).or_default() += 1;
    }
    Ok(zones)
}

async fn spread(cluster: &Cluster) -> Result<()> {
    let rules = json!({"topologySpreadConstraints": [{
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "even"}},
    }]});
    cluster.apply(&deployment("even", 6, cluster.image(), rules)).await?;
    eventually("as many pods in one zone as in the other", || async {
        let zones = zones_of(cluster, "even").await?;
        ensure!(zones == BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 3)]), "{zones:?}");
        Ok(())
    })
    .await
}

async fn anti_affinity(cluster: &Cluster) -> Result<()> {
    let rules = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "apart"}}, "topologyKey": "kubernetes.io/hostname"},
    ]}}});
    // Pods of their own: nobody puts another in the place of one that is deleted.
    for number in 0..4 {
        let mut spec =
            json!({"terminationGracePeriodSeconds": 0, "containers": [{"name": "main", "image": cluster.image()}]});
        spec["affinity"] = rules["affinity"].clone();
        let metadata = json!({"name": format!("apart-{number}"), "labels": {"app": "apart"}});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
        cluster.apply(&pod.to_string()).await?;
    }
    let words = "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules. preemption: 0/3 nodes are \
                 available: 3 No preemption victims found for incoming pod.";
    eventually("one pod a node, and the fourth says why it waits", || async {
        let pods = cluster.pods("app=apart").await?;
        let mut nodes: Vec<_> = pods.iter().filter_map(node_of).collect();
        nodes.sort();
        nodes.dedup();
        let said: Vec<_> = pods.iter().filter_map(refusal).collect();
        ensure!(nodes.len() == 3 && said == [words], "{nodes:?} {said:?}");
        Ok(())
    })
    .await?;
    // Whoever waits wakes when the one that kept it away is gone.
    let there = cluster.pods("app=apart").await?;
    let placed = there.iter().find(|pod| node_of(pod).is_some()).context("one is placed")?;
    let waiting = there.iter().find(|pod| node_of(pod).is_none()).context("one waits")?.name_any();
    cluster.api::<Pod>().delete(&placed.name_any(), &DeleteParams::default()).await?;
    eventually("the one that waited has the node", || async {
        let pod = cluster.api::<Pod>().get(&waiting).await?;
        ensure!(node_of(&pod) == node_of(placed), "{:?}", refusal(&pod));
        Ok(())
    })
    .await?;
    cluster.kctl(["delete", "deployment", "even"]).await?.ok()?;
    cluster.kctl(["delete", "pod", "gated"]).await?.ok()?;
    cluster.kctl(["delete", "pods", "-l", "app=apart"]).await?.ok()?;
    eventually("all pods are gone", || async {
        let pods = cluster.api::<Pod>().list(&ListParams::default()).await?;
        ensure!(pods.items.is_empty(), "{} are left", pods.items.len());
        Ok(())
    })
    .await
}

async fn preemption(cluster: &Cluster) -> Result<()> {
    let classes = [("low", 10), ("high", 1000)].map(|(name, value)| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value,
        })
        .to_string()
    });
    let cpus = cpus_of_a_node(cluster).await?;
    let whole = |class: &str| {
        json!({
            "priorityClassName": class,
            "containers": [{"name": "main", "image": "x", "resources": {"requests": {"cpu": format!("{}m", cpus * 6 / 10)}}}],
        })
    };
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "kept"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "kept"}}},
    })
    .to_string();
    let kept = deployment("kept", 2, "x", whole("low"));
    cluster.apply(&[&classes[0], &classes[1], &budget, &kept].map(String::as_str).join("\n---\n")).await?;
    cluster.rolled_out("kept").await?;
    eventually("the budget has counted its pods", || async {
        let budget = cluster.api::<PodDisruptionBudget>().get("kept").await?;
        let healthy = budget.status.and_then(|status| status.current_healthy);
        ensure!(healthy == Some(2), "{healthy:?}");
        Ok(())
    })
    .await?;
    cluster.apply(&deployment("loose", 1, "x", whole("low"))).await?;
    cluster.rolled_out("loose").await?;
    let (kept, loose) = (cluster.pods("app=kept").await?, cluster.pods("app=loose").await?);
    let loose = loose.first().context("a pod")?;
    let before: Vec<_> = kept.iter().map(ResourceExt::name_any).collect();

    // Every node is full. Only the pod without a budget can go, and its place is taken.
    cluster.apply(&deployment("urgent", 1, "x", whole("high"))).await?;
    cluster.rolled_out("urgent").await?;
    let urgent = cluster.pods("app=urgent").await?;
    let urgent = urgent.first().context("a pod")?;
    ensure!(node_of(urgent) == node_of(loose), "{:?} {:?}", node_of(urgent), node_of(loose));
    let promised = urgent.status.as_ref().and_then(|status| status.nominated_node_name.clone());
    ensure!(promised.is_none(), "bound, yet promised {promised:?}");
    let mut after: Vec<_> = cluster.pods("app=kept").await?.iter().map(ResourceExt::name_any).collect();
    after.sort();
    let mut before = before;
    before.sort();
    ensure!(before == after, "{before:?} {after:?}");
    let about = ListParams::default().fields(&format!("involvedObject.name={},reason=Preempted", loose.name_any()));
    let words = format!(
        "Preempted by pod {} on node {}",
        urgent.uid().unwrap_or_default(),
        node_of(urgent).unwrap_or_default()
    );
    eventually("an event says who took its place", || async {
        let events = cluster.api::<Event>().list(&about).await?;
        let said: Vec<_> = events.iter().filter_map(|event| event.message.clone()).collect();
        ensure!(said == [words.clone()], "{said:?} {words}");
        Ok(())
    })
    .await?;

    // The one that had to go waits, and is not important enough to do the same to others.
    eventually("its replacement says why it waits", || async {
        let pods = cluster.pods("app=loose").await?;
        let said: Vec<_> = pods.iter().filter_map(refusal).collect();
        let expected = "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption \
                        victims found for incoming pod.";
        ensure!(said == [expected], "{said:?}");
        Ok(())
    })
    .await
}

/// In thousandths, of the node with the fewest.
async fn cpus_of_a_node(cluster: &Cluster) -> Result<i64> {
    let nodes = Api::<Node>::all(cluster.client()).list(&ListParams::default()).await?;
    let cpu = |node: &Node| {
        let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
        allocatable.get("cpu")?.0.parse::<Quantity>().ok().map(|cpu| cpu.milli())
    };
    nodes.iter().filter_map(cpu).min().context("nodes say how many CPUs they have")
}
