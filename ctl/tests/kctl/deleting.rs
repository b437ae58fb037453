//! `delete`.

use super::fixture::Cluster;
use super::{config_map, pod};

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_deleted_by_name_selector_and_file() {
    let cluster = Cluster::start().await;
    let file = cluster.file("a.yaml", &config_map("a", "x"));
    cluster.kctl(&format!("apply -f {file}")).await.ok();
    cluster.apply(&[pod("web-1"), pod("web-2")].join("---\n")).await;
    assert_eq!(cluster.kctl(&format!("delete -f {file}")).await.ok(), "configmap \"a\" deleted\n");
    assert_eq!(cluster.kctl("delete pod web-1").await.ok(), "pod \"web-1\" deleted\n");
    assert_eq!(cluster.kctl("delete pods -l app=web").await.ok(), "pod \"web-2\" deleted\n");
    assert_eq!(cluster.kctl("delete pods --all").await.ok(), "No resources found\n");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_is_an_error_unless_ignored() {
    let cluster = Cluster::start().await;
    let error = cluster.kctl("delete pod x").await.fails();
    assert_eq!(error, "Error from server (NotFound): pods \"x\" not found\n");
    assert_eq!(cluster.kctl("delete pod x --ignore-not-found=true").await.ok(), "");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_waits_until_the_last_finalizer_has_gone() {
    let cluster = Cluster::start().await;
    cluster.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, finalizers: [example.com/keep]}\n").await;
    let mut deleting = cluster.start_kctl("delete cm a");
    deleting.line_with("configmap \"a\" deleted").await;
    let error = cluster.kctl("delete cm a --timeout=1s").await.fails();
    assert_eq!(error, "error: timed out waiting for the condition on configmaps/a\n");
    cluster.kctl("patch cm a --type=merge -p {\"metadata\":{\"finalizers\":null}}").await.ok();
    assert_eq!(deleting.end().await, 0);
    cluster.stop().await;
}
