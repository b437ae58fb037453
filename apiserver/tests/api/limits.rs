use std::time::Duration;

use axum::body::Body;
use futures::future::join_all;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use timonier_apiserver::Limits;

use crate::fixture::{As, Client, Cluster, JSON, PATIENCE, Protocol};
use crate::{CONFIG_MAPS, config_map};

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_by_its_size() {
    let cluster = Cluster::within(Limits { max_request_bytes: 2000, ..Limits::default() }).await;
    let large =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "x".repeat(2000)}});
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let admin = cluster.client(As::Admin, protocol);
        for method in [Method::POST, Method::PATCH, Method::PUT] {
            let path = if method == Method::POST { CONFIG_MAPS.to_string() } else { format!("{CONFIG_MAPS}/a") };
            let kind = if method == Method::PATCH { crate::fixture::MERGE } else { JSON };
            let refused = admin.send(method.clone(), &path, &[kind], &large.to_string()).await.refused();
            let words = "Request entity is too large: limit is 2000".to_string();
            assert_eq!(refused, (413, "RequestEntityTooLarge".into(), words), "{method}");
        }
        let small = admin.post(CONFIG_MAPS, &config_map("b")).await;
        assert!(small.code.is_success() || small.code == StatusCode::CONFLICT);
    }
}

#[tokio::test]
async fn one_watch_too_many_is_refused_until_another_is_closed() {
    let cluster = Cluster::within(Limits { max_watches_per_user: 3, ..Limits::default() }).await;
    let admin = cluster.admin();
    let path = format!("{CONFIG_MAPS}?watch=1");
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(admin.watch(&path).await);
    }
    let refused = admin.get(&path).await;
    assert_eq!(refused.headers["retry-after"], "10");
    let (code, reason, message) = refused.refused();
    assert_eq!((code, &*reason), (429, "TooManyRequests"));
    assert!(message.contains("\"admin\"") && message.contains('3'), "{message}");
    // Another user, and another request of this one, are not concerned.
    let node = cluster.client(As::Certificate("system:node:n1", "system:nodes"), Protocol::Http1);
    drop(node.watch("/api/v1/pods?watch=1").await);
    admin.get(CONFIG_MAPS).await.ok();
    drop(open.pop());
    let again = async {
        while admin.open(Method::GET, &path, &[], "").await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a watch when another is closed");
}

#[tokio::test]
async fn who_floods_the_server_is_refused_and_heartbeats_are_not() {
    let limits = Limits { max_requests_inflight_per_user: 1, max_requests_queued_per_user: 0, ..Limits::default() };
    let cluster = Cluster::within(limits).await;
    let admin = cluster.client(As::Admin, Protocol::Http2);
    // A request whose body does not end keeps its seat while the server waits for the rest.
    let (rest, body) = futures::channel::mpsc::unbounded::<Result<bytes::Bytes, std::io::Error>>();
    let busy = tokio::spawn({
        let admin = admin.clone();
        async move { admin.open_body(Method::POST, CONFIG_MAPS, &[JSON], Body::from_stream(body)).await }
    });
    let taken = async {
        loop {
            let answer = admin.get(CONFIG_MAPS).await;
            if answer.code == StatusCode::TOO_MANY_REQUESTS {
                return answer;
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, taken).await.expect("the seat is taken");
    assert_eq!(refused.headers["retry-after"], "1");
    let words = "Too many requests, please try again later.".to_string();
    assert_eq!(refused.refused(), (429, "TooManyRequests".into(), words));
    let flood = join_all((0..20).map(|_| admin.get(CONFIG_MAPS))).await;
    assert!(flood.iter().all(|answer| answer.code == StatusCode::TOO_MANY_REQUESTS));

    let node = cluster.client(As::Certificate("system:node:n1", "system:nodes"), Protocol::Http1);
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "n1"},
        "spec": {"holderIdentity": "n1", "leaseDurationSeconds": 40}});
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    node.post(leases, &lease).await.ok();
    for beat in 0..5 {
        node.merge(&format!("{leases}/n1"), &json!({"spec": {"leaseTransitions": beat}})).await.ok();
    }
    assert_eq!(admin.get("/readyz").await.code, StatusCode::OK);

    drop(rest);
    assert_eq!(busy.await.expect("an answer").status(), StatusCode::BAD_REQUEST);
    admin.get(CONFIG_MAPS).await.ok();
}

/// Opens a watch with each of these, does not read the first, and writes until it is gone; the second must see everything.
/// Returns the first.
async fn until_cut_off(cluster: &Cluster, slow: &Client, reading: &Client) -> http::Response<Incoming> {
    let admin = cluster.admin();
    let path = format!("{CONFIG_MAPS}?watch=1");
    let slow = slow.open(Method::GET, &path, &[], "").await;
    let mut reading = reading.watch(&path).await;
    let watchers = || async {
        let metrics = admin.get("/metrics").await;
        let text = String::from_utf8_lossy(&metrics.body).into_owned();
        let line = text
            .lines()
            .find(|line| line.starts_with("apiserver_longrunning_requests{") && line.contains("configmaps"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0)
    };
    assert_eq!(watchers().await, 2.0);
    // More than there is room for between them, again and again, until the one that does not read is gone.
    let cut = async {
        let mut turn = 0;
        while watchers().await > 1.0 {
            let value = format!("{turn}{}", "x".repeat(900_000));
            let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": value}});
            admin.apply(&format!("{CONFIG_MAPS}/a?fieldManager=test&force=true"), &map).await.ok();
            reading.next().await.expect("an event for who reads");
            turn += 1;
        }
    };
    tokio::time::timeout(PATIENCE * 3, cut).await.expect("the end of the slow watch");
    admin.merge(&format!("{CONFIG_MAPS}/a"), &json!({"data": {"a": "last"}})).await.ok();
    assert_eq!(reading.next().await.expect("an event")["object"]["data"]["a"], "last");
    slow
}

#[tokio::test]
async fn a_watcher_that_does_not_read_is_cut_off_and_others_go_on() {
    let cluster = Cluster::within(Limits { slow_client_seconds: 1, ..Limits::default() }).await;
    drop(until_cut_off(&cluster, &cluster.admin(), &cluster.client(As::Admin, Protocol::Http2)).await);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_cut_off_alone_and_gives_back_its_place() {
    let limits = Limits { slow_client_seconds: 1, max_watches_per_user: 2, ..Limits::default() };
    let cluster = Cluster::within(limits).await;
    // Both are streams of one connection.
    let client = cluster.client(As::Admin, Protocol::Http2);
    let slow = until_cut_off(&cluster, &client, &client).await;
    client.watch(&format!("{CONFIG_MAPS}?watch=1")).await;
    let end = slow.into_body().collect().await;
    assert!(end.is_err(), "a reset, not an end");
}
