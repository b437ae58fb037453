//! Cordoning, draining and tainting, side by side with the real kubectl: each on a cluster of its own, line by line.

use super::fixture::{Cluster, Outcome};
use serde_json::{Value, json};

/// Each line is run on the state that the lines before it left behind.
const LINES: &[&str] = &[
    "cordon",
    "cordon nosuch",
    "cordon n1 -l zone=a",
    "cordon n1 --dry-run=client",
    "cordon n1 --dry-run=server",
    "cordon n1",
    "cordon n1",
    "get nodes --no-headers -o custom-columns=N:.metadata.name,U:.spec.unschedulable",
    "uncordon n1",
    "uncordon n1",
    "cordon -l zone=a",
    "uncordon node/n1 n2",
    "taint",
    "taint nodes n1",
    "taint nodes n1 dedicated=x:NoSchedule",
    "taint nodes n1 dedicated=y:NoSchedule",
    "taint nodes n1 dedicated=y:NoSchedule --overwrite",
    "taint node n1 dedicated=z:NoExecute --dry-run=server",
    "taint node n2 nosuch-",
    "taint node n2 nosuch:NoSchedule --dry-run=client",
    "taint node n2 nosuch:NoSchedule-",
    "taint nodes n1 a=b",
    "taint nodes n1 a=b:Never",
    "taint nodes n1 a=b=c:NoSchedule",
    "taint nodes n1 a:NoSchedule a=1:NoSchedule",
    "taint nodes n1 a:NoSchedule a:NoSchedule-",
    "taint nodes n1 a=b:NoSchedule n2",
    "taint nodes n1 a=b:NoSchedule c:NoExecute dedicated:NoSchedule-",
    "taint nodes nosuch a=b:NoSchedule",
    "taint nodes --all q:PreferNoSchedule",
    "taint nodes -l zone=a q-",
    "get nodes -o jsonpath={.items[*].spec.taints[*].key}",
    "drain",
    "drain nosuch",
    "drain n1 --pod-selector pod=lonely",
    "drain n1 --force",
    "drain n1 --ignore-daemonsets --pod-selector pod=storing",
    "drain n1 --force --delete-emptydir-data --ignore-daemonsets --dry-run=client",
    "drain n1 --force --delete-emptydir-data --ignore-daemonsets --dry-run=server",
    "drain n1 --pod-selector app=owned --grace-period=0",
    "drain n1 --force --delete-emptydir-data --ignore-daemonsets --grace-period=0",
    "get pods -o name",
    "drain n2 --timeout=1s --force",
    "drain n2 --disable-eviction --grace-period=0 --force",
    "get pods -o name",
];

fn pod(name: &str, node: &str, owner: Option<&str>, more: Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"pod": name, "app": if owner.is_some() { "owned" } else { "own" }}},
        "spec": {"nodeName": node, "containers": [{"name": "web", "image": "web:1"}]},
    });
    if let Some(kind) = owner {
        let owner = json!({"apiVersion": "apps/v1", "kind": kind, "name": "o", "uid": "u", "controller": true});
        pod["metadata"]["ownerReferences"] = json!([owner]);
    }
    for (field, value) in more.as_object().into_iter().flatten() {
        pod["spec"][field] = value.clone();
    }
    pod
}

async fn cluster() -> Cluster {
    let cluster = Cluster::start().await;
    let node = |name: &str, zone: &str| {
        json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"zone": zone}}})
    };
    let mut mirror = pod("mirror", "n1", None, json!({}));
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    let objects = [
        node("n1", "a"),
        node("n2", "b"),
        pod("owned", "n1", Some("ReplicaSet"), json!({})),
        pod("storing", "n1", None, json!({"volumes": [{"name": "v", "emptyDir": {}}]})),
        pod("lonely", "n1", None, json!({})),
        mirror,
        pod("other", "n2", None, json!({})),
    ];
    cluster.apply(&objects.map(|object| object.to_string()).join("\n---\n")).await;
    cluster
}

/// Lines about pods come in any order: pods end at once.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn same(theirs: &Outcome, ours: &Outcome) -> bool {
    let err = |outcome: &Outcome| outcome.err.replace("kctl", "kubectl");
    theirs.code == ours.code && sorted(&theirs.out) == sorted(&ours.out) && sorted(&err(theirs)) == sorted(&err(ours))
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_cordoned_drained_and_tainted_as_kubectl_does() {
    let (theirs, ours) = tokio::join!(cluster(), cluster());
    let mut differences = Vec::new();
    for line in LINES {
        let (kubectl, kctl) = tokio::join!(theirs.kubectl(line), ours.kctl(line));
        if !same(&kubectl, &kctl) {
            differences.push(format!("{line}\nkubectl: {kubectl:?}\nkctl:    {kctl:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    theirs.stop().await;
    ours.stop().await;
}
