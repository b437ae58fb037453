//! What happens on one connection when nobody reads some of its streams.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::*;

/// Together the windows of so many streams are far more than anybody sends unasked.
const WATCHES: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn watches_that_nobody_reads_do_not_hold_up_other_requests() {
    let cluster = Cluster::start().await;
    let filler = "x".repeat(200 << 10);
    for name in ["a", "b"] {
        let map = json!({"metadata": {"name": name}, "data": {"filler": filler}});
        cluster.create(&CONFIG_MAPS, Some("default"), map).await;
    }
    let client = cluster.one_connection().await;
    let opened = join_all((0..WATCHES).map(|_| {
        let uri = format!("{}?watch=true", CONFIG_MAPS.path(Some("default")));
        client.send(http::Request::get(uri).body(kube::client::Body::empty()).expect("a request"))
    }));
    let answers = timeout(Duration::from_secs(30), opened).await.expect("all watches are answered");
    // Held, and never read: more waits for each of them than its stream takes.
    let unread: Vec<_> = answers.into_iter().map(|answer| answer.expect("a stream")).collect();
    assert!(unread.iter().all(|answer| answer.status() == 200));
    for n in 0..20 {
        let patch = json!({"data": {"n": n.to_string()}}).to_string().into_bytes();
        let uri = format!("{}/a", CONFIG_MAPS.path(Some("default")));
        let request = http::Request::patch(uri).header("content-type", "application/merge-patch+json");
        let written = client.request::<Value>(request.body(patch).expect("a request"));
        let written = timeout(Duration::from_secs(30), written).await.expect("is answered").expect("is written");
        assert_eq!(written["data"]["filler"], filler.as_str());
    }
}
