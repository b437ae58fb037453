use std::time::Duration;

use serde_json::json;
use timonier_controllers::Trust;
use tokio::time::timeout;

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_put_back_at_once() {
    let cluster = Cluster::start().await;
    let trust = Trust { ca: Some("PEM".into()), server: Some("https://192.0.2.1:6443".into()), authority: None };
    let _controllers = cluster.trusting_controllers(&["root-ca-publisher"], trust);
    let published = async |name: &str| {
        let found = async || cluster.get(&CONFIG_MAPS, Some("kube-public"), name).await.ok_or(json!(name));
        let found = cluster.until(name, found);
        // Before anybody's patience with a watch has an end.
        timeout(Duration::from_secs(15), found).await.unwrap_or_else(|_| panic!("{name} is published at last"))
    };
    for name in ["cluster-info", "kube-root-ca.crt"] {
        for _ in 0..2 {
            published(name).await;
            cluster.delete(&CONFIG_MAPS, Some("kube-public"), name, "Background").await;
        }
    }
    let root = published("kube-root-ca.crt").await;
    assert_eq!(root["data"], json!({"ca.crt": "PEM"}));
    assert!(root["metadata"]["annotations"]["kubernetes.io/description"].is_string(), "{root}");
    let spoilt = json!({"data": {"ca.crt": "OTHER", "more": "x"}});
    cluster.patch(&CONFIG_MAPS, Some("kube-public"), "kube-root-ca.crt", spoilt).await;
    cluster
        .until("it says the truth again, and no more", async || {
            let found = cluster.get(&CONFIG_MAPS, Some("kube-public"), "kube-root-ca.crt").await.unwrap_or_default();
            if found["data"] == json!({"ca.crt": "PEM"}) { Ok(()) } else { Err(found) }
        })
        .await;
}
