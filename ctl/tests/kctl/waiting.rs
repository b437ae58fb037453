//! `wait`.

use super::fixture::Cluster;
use super::{config_map, pod};

#[tokio::test(flavor = "multi_thread")]
async fn wait_ends_when_the_condition_is_met() {
    let cluster = Cluster::start().await;
    cluster.apply(&pod("web-1")).await;
    let error = cluster.kctl("wait --for=condition=Ready pod/web-1 --timeout=1s").await.fails();
    assert_eq!(error, "error: timed out waiting for the condition on pods/web-1\n");
    let mut waiting = cluster.start_kctl("wait --for=condition=Ready pod/web-1 --timeout=60s");
    let patch = "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}";
    cluster.kctl(&format!("patch pod web-1 --subresource=status --type=merge -p {patch}")).await.ok();
    waiting.line_with("pod/web-1 condition met").await;
    assert_eq!(waiting.end().await, 0);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_ends_when_the_object_comes_and_when_it_goes() {
    let cluster = Cluster::start().await;
    let mut coming = cluster.start_kctl("wait --for=create cm/a --timeout=60s");
    cluster.apply(&config_map("a", "x")).await;
    coming.line_with("configmap/a condition met").await;
    let mut going = cluster.start_kctl("wait --for=delete cm/a --timeout=60s");
    // Whether it looks before or after the deletion, it ends well.
    cluster.kctl("delete cm a").await.ok();
    assert_eq!(going.end().await, 0);
    assert_eq!(cluster.kctl("wait --for=delete cm/a").await.ok(), "");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_reads_any_field() {
    let cluster = Cluster::start().await;
    cluster.apply(&config_map("a", "x")).await;
    let said = cluster.kctl("wait --for=jsonpath={.data.key}=x cm/a").await.ok();
    assert_eq!(said, "configmap/a condition met\n");
    cluster.stop().await;
}
