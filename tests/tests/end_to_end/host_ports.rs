//! Three nodes, four pods that each want port 80 of their node.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use timonier_tests::both_stores;
use timonier_tests::cluster::Cluster;
use timonier_tests::pages::{page, takes_requests};
use timonier_tests::wait::eventually;

const WHY: &str = "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports. preemption: \
    0/3 nodes are available: 3 No preemption victims found for incoming pod.";

both_stores!(the_fourth_pod_waits_and_says_why, four_httpd);

fn manifest(image: &str) -> String {
    let pod = |number| {
        format!(
            "apiVersion: v1
kind: Pod
metadata:
  name: httpd-{number}
  labels: {{app: httpd}}
spec:
  terminationGracePeriodSeconds: 2
  containers:
    - name: httpd
      image: {image}
      imagePullPolicy: Never
      env: [{{name: GREETING, value: Hello}}]
      ports: [{{containerPort: 8080, hostPort: 80}}]
---
"
        )
    };
    (1..=4).map(pod).collect()
}

fn placed(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

async fn four_httpd(cluster: &Cluster) -> Result<()> {
    cluster.apply(&manifest(cluster.image())).await?;
    let pods = eventually("three pods serve and one has been refused", || async {
        let pods = cluster.pods("app=httpd").await?;
        let serving = pods.iter().filter(|pod| takes_requests(pod)).count();
        let refused = pods.iter().filter(|pod| unschedulable(pod).is_some()).count();
        ensure!((serving, refused) == (3, 1), "{serving} serve, {refused} refused");
        Ok(pods)
    })
    .await?;

    let nodes: BTreeSet<_> = pods.iter().filter_map(placed).collect();
    ensure!(nodes.len() == 3, "one pod a node: {nodes:?}");
    for pod in pods.iter().filter(|pod| placed(pod).is_some()) {
        let page = page(&format!("{}:80", host_ip(pod)?)).await?;
        ensure!(page.starts_with(&format!("Hello, says {}", pod.name_any())), "{page}");
    }

    let waiting = pods.iter().find(|pod| placed(pod).is_none()).context("one waits")?;
    let name = waiting.name_any();
    ensure!(unschedulable(waiting).as_deref() == Some(WHY), "{:?}", unschedulable(waiting));
    let phase = waiting.status.as_ref().and_then(|status| status.phase.as_deref());
    ensure!(phase == Some("Pending"), "{phase:?}");
    eventually("an event says why", || async {
        let about = format!("involvedObject.name={name},reason=FailedScheduling");
        let events = cluster.api::<Event>().list(&ListParams::default().fields(&about)).await?;
        let event = events.items.first().context("no event")?;
        ensure!(event.message.as_deref() == Some(WHY), "{event:?}");
        ensure!(event.type_.as_deref() == Some("Warning"), "{event:?}");
        Ok(())
    })
    .await?;
    let described = cluster.kctl(["describe", "pod", &name]).await?.ok()?;
    ensure!(described.contains(WHY) && described.contains("FailedScheduling"), "{described}");

    // A port that comes free is given to the one that waits.
    let leaving = pods.iter().find(|pod| placed(pod).is_some()).context("one runs")?;
    cluster.api::<Pod>().delete(&leaving.name_any(), &DeleteParams::default()).await?;
    eventually("the waiting pod takes the free node", || async {
        let pod = cluster.api::<Pod>().get(&name).await?;
        ensure!(takes_requests(&pod), "{:?}", pod.status);
        ensure!(placed(&pod) == placed(leaving), "{:?}", placed(&pod));
        Ok(())
    })
    .await?;
    let nodes = Api::<Node>::all(cluster.client()).list(&ListParams::default()).await?;
    ensure!(nodes.items.len() == 3, "{} nodes", nodes.items.len());
    Ok(())
}

fn unschedulable(pod: &Pod) -> Option<String> {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut refusals = conditions.filter(|c| c.type_ == "PodScheduled" && c.status == "False");
    refusals.find(|c| c.reason.as_deref() == Some("Unschedulable"))?.message.clone()
}

fn host_ip(pod: &Pod) -> Result<String> {
    pod.status.as_ref().and_then(|status| status.host_ip.clone()).context("no hostIP")
}
