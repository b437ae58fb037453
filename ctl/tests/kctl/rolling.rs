//! `scale` and `rollout`, with the test in the place of the controllers.

use super::deployment;
use super::fixture::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn scale_sets_the_replicas_and_minds_the_precondition() {
    let cluster = Cluster::start().await;
    cluster.apply(&deployment("web", "web:1")).await;
    assert_eq!(cluster.kctl("scale deployment/web --replicas=5").await.ok(), "deployment.apps/web scaled\n");
    assert_eq!(cluster.kctl("get deploy web -o jsonpath={.spec.replicas}").await.ok(), "5");
    let error = cluster.kctl("scale deploy/web --current-replicas=3 --replicas=1").await.fails();
    assert_eq!(error, "error: Expected replicas to be 3, was 5\n");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rollout_status_follows_to_the_end() {
    let cluster = Cluster::start().await;
    cluster.apply(&deployment("web", "web:1")).await;
    let error = cluster.kctl("rollout status deploy/web --timeout=1s").await.fails();
    assert_eq!(error, "error: timed out waiting for the condition\n");
    let mut status = cluster.start_kctl("rollout status deployment/web");
    status.line_with("Waiting for deployment spec update to be observed...").await;
    report(&cluster, 1, 3).await;
    status.line_with("1 of 3 updated replicas are available...").await;
    report(&cluster, 3, 3).await;
    status.line_with("deployment \"web\" successfully rolled out").await;
    assert_eq!(status.end().await, 0);
    cluster.stop().await;
}

/// Writes the status that the controller would.
async fn report(cluster: &Cluster, available: u32, updated: u32) {
    let generation = cluster.kctl("get deploy web -o jsonpath={.metadata.generation}").await.ok();
    let patch = format!(
        "{{\"status\":{{\"observedGeneration\":{generation},\"replicas\":{updated},\"updatedReplicas\":{updated},\"availableReplicas\":{available}}}}}"
    );
    cluster.kctl(&format!("patch deploy web --subresource=status --type=merge -p {patch}")).await.ok();
}

/// A ReplicaSet that the Deployment `web` owns.
async fn replica_set(cluster: &Cluster, revision: u32, image: &str) {
    let uid = cluster.kctl("get deploy web -o jsonpath={.metadata.uid}").await.ok();
    cluster
        .apply(&format!(
            "apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: web-{revision}
  labels: {{app: web}}
  annotations: {{deployment.kubernetes.io/revision: '{revision}'}}
  ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: web, uid: {uid}, controller: true}}]
spec:
  replicas: 0
  selector: {{matchLabels: {{app: web, pod-template-hash: h{revision}}}}}
  template:
    metadata: {{labels: {{app: web, pod-template-hash: h{revision}}}}}
    spec: {{containers: [{{name: web, image: '{image}'}}]}}
"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_goes_back_to_the_template_of_the_revision_before() {
    let cluster = Cluster::start().await;
    cluster.apply(&deployment("web", "web:2")).await;
    replica_set(&cluster, 1, "web:1").await;
    replica_set(&cluster, 2, "web:2").await;
    let history = cluster.kctl("rollout history deploy/web").await.ok();
    assert_eq!(history, "deployment.apps/web \nREVISION  CHANGE-CAUSE\n1         <none>\n2         <none>\n\n");
    let page = cluster.kctl("rollout history deploy/web --revision=1").await.ok();
    assert!(
        page.starts_with("deployment.apps/web with revision #1\nPod Template:\n") && page.contains("web:1"),
        "{page}"
    );
    assert_eq!(cluster.kctl("rollout undo deploy/web").await.ok(), "deployment.apps/web rolled back\n");
    assert_eq!(
        cluster.kctl("get deploy web -o jsonpath={.spec.template.spec.containers[0].image}").await.ok(),
        "web:1"
    );
    assert_eq!(
        cluster.kctl("rollout undo deploy/web --to-revision=1").await.ok(),
        "deployment.apps/web skipped rollback (current template already matches revision 1)\n"
    );
    let error = cluster.kctl("rollout undo deploy/web --to-revision=9").await.fails();
    assert_eq!(error, "error: unable to find specified revision 9 in history\n");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_deployment_says_so() {
    let cluster = Cluster::start().await;
    cluster.apply(&deployment("web", "web:1")).await;
    assert_eq!(cluster.kctl("rollout pause deploy/web").await.ok(), "deployment.apps/web paused\n");
    let error = cluster.kctl("rollout pause deploy/web").await.fails();
    assert_eq!(error, "error: deployments.apps \"web\" is already paused\n");
    assert!(cluster.kctl("rollout restart deploy/web").await.fails().contains("can't restart paused deployment"));
    assert_eq!(cluster.kctl("rollout resume deploy/web").await.ok(), "deployment.apps/web resumed\n");
    assert_eq!(cluster.kctl("rollout restart deploy/web").await.ok(), "deployment.apps/web restarted\n");
    cluster.stop().await;
}
