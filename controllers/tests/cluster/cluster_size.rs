use serde_json::{Value, json};

use crate::harness::*;

async fn until_all_say(cluster: &Cluster, nodes: usize, seconds: &str) {
    cluster
        .until(&format!("{nodes} nodes say {seconds}"), async || {
            let found = cluster.list(&NODES, None).await;
            let said = |node: &Value| node["metadata"]["annotations"]["node.alpha.kubernetes.io/ttl"] == seconds;
            if found.len() == nodes && found.iter().all(said) { Ok(()) } else { Err(json!(found.first())) }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_keep_what_they_read_for_longer_the_more_they_are() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["node-ttl"], None);
    let add = async |range: std::ops::Range<usize>| {
        for n in range {
            cluster.create(&NODES, None, json!({"metadata": {"name": format!("n{n}")}})).await;
        }
    };
    add(0..100).await;
    until_all_say(&cluster, 100, "0").await;
    add(100..101).await;
    until_all_say(&cluster, 101, "15").await;
    for n in 0..11 {
        cluster.delete(&NODES, None, &format!("n{n}"), "Background").await;
    }
    until_all_say(&cluster, 90, "15").await;
    cluster.delete(&NODES, None, "n11", "Background").await;
    until_all_say(&cluster, 89, "0").await;
}
