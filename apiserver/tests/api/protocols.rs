use http::Method;

use crate::fixture::{As, Cluster, Protocol};
use crate::{CONFIG_MAPS, config_map};

#[tokio::test]
async fn the_same_api_answers_over_http_1_and_http_2() {
    let cluster = Cluster::start().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let client = cluster.client(As::Admin, protocol);
        let name = format!("{protocol:?}").to_lowercase();
        let created = client.post(CONFIG_MAPS, &config_map(&name)).await.ok();
        let path = format!("{CONFIG_MAPS}/{name}");
        assert_eq!(client.get(&path).await.ok(), created);
        let mut watch = client.watch(&format!("{CONFIG_MAPS}?watch=1&fieldSelector=metadata.name={name}")).await;
        assert_eq!(watch.change().await, ("ADDED".to_string(), name.clone()));
        client.delete(&path).await.ok();
        assert_eq!(watch.change().await, ("DELETED".to_string(), name));
    }
}

#[tokio::test]
async fn many_watches_share_a_connection_and_none_blocks_the_others() {
    let cluster = Cluster::start().await;
    let client = cluster.client(As::Admin, Protocol::Http2);
    let mut watches = vec![];
    for _ in 0..50 {
        watches.push(client.watch(&format!("{CONFIG_MAPS}?watch=1")).await);
    }
    for n in 0..20 {
        client.post(CONFIG_MAPS, &config_map(&format!("c{n}"))).await.ok();
    }
    // The first watcher never reads; the last one sees everything.
    let last = watches.last_mut().expect("watches");
    for n in 0..20 {
        assert_eq!(last.change().await.1, format!("c{n}"));
    }
}

#[tokio::test]
async fn bad_input_is_answered_with_a_status_and_never_breaks_the_server() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let long = format!("{{\"data\":{{\"a\":\"{}\"}}}}", "x".repeat(4 << 20));
    let deep = "[".repeat(100_000);
    let cases = [
        (Method::POST, CONFIG_MAPS, "application/json", "", 400),
        (Method::POST, CONFIG_MAPS, "application/json", "{", 400),
        (Method::POST, CONFIG_MAPS, "application/json", "[]", 400),
        (Method::POST, CONFIG_MAPS, "application/json", "null", 400),
        (Method::POST, CONFIG_MAPS, "application/json", &deep, 400),
        (Method::POST, CONFIG_MAPS, "application/json", "{\"metadata\":[]}", 400),
        (Method::POST, CONFIG_MAPS, "application/json", "{\"metadata\":{\"name\":7}}", 400),
        (Method::POST, CONFIG_MAPS, "application/json", "{\"kind\":\"Pod\"}", 400),
        (Method::POST, CONFIG_MAPS, "application/json", &long, 413),
        (Method::POST, CONFIG_MAPS, "application/vnd.kubernetes.protobuf", "k8s\0", 400),
        (Method::POST, CONFIG_MAPS, "application/cbor", "{}", 415),
        (Method::POST, CONFIG_MAPS, "text/plain", "{}", 415),
        (Method::PATCH, "/api/v1/namespaces/default/configmaps/x", "application/json", "{}", 415),
        (Method::GET, "/api/v1/nothings", "application/json", "", 404),
        (Method::GET, "/apis/nowhere/v1/pods", "application/json", "", 404),
        (Method::GET, "/nowhere", "application/json", "", 404),
        (Method::GET, "/api/v1/namespaces/default/pods?labelSelector=a%20b%20c", "", "", 400),
        (Method::GET, "/api/v1/namespaces/default/pods?fieldSelector=spec.what=x", "", "", 400),
        (Method::GET, "/api/v1/namespaces/default/pods?limit=x", "", "", 400),
        (Method::GET, "/api/v1/namespaces/default/pods?continue=x", "", "", 400),
        (Method::GET, "/api/v1/namespaces/default/pods?resourceVersion=x", "", "", 400),
        (Method::GET, "/api/v1/namespaces/default/pods/%ff", "", "", 404),
    ];
    for (method, path, media_type, body, expected) in cases {
        let answer = admin.send(method.clone(), path, &[("content-type", media_type)], body).await;
        let short: String = body.chars().take(40).collect();
        assert_eq!(answer.refused().0, expected, "{method} {path} {short}");
    }
    assert_eq!(admin.get("/readyz").await.code, 200);
}

#[tokio::test]
async fn accept_chooses_the_first_that_can_be_served() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let cases = [
        ("application/vnd.kubernetes.protobuf,application/json", 200, "application/vnd.kubernetes.protobuf"),
        ("application/cbor,application/json", 200, "application/json"),
        ("application/cbor", 406, "application/json"),
        ("application/yaml", 200, "application/yaml"),
        ("*/*", 200, "application/json"),
    ];
    for (accept, code, media_type) in cases {
        let answer = admin.send(Method::GET, "/api/v1/namespaces/default", &[("accept", accept)], "").await;
        assert_eq!((answer.code.as_u16(), answer.headers["content-type"].to_str().ok()), (code, Some(media_type)));
    }
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\ndata: {a: \"yes\"}\n";
    let created = admin.send(Method::POST, CONFIG_MAPS, &[("content-type", "application/yaml")], yaml).await.ok();
    assert_eq!(created["data"]["a"], "yes");
}

#[tokio::test]
async fn a_server_that_drains_ends_its_watches() {
    let cluster = Cluster::start().await;
    let mut watch = cluster.admin().watch(&format!("{CONFIG_MAPS}?watch=1")).await;
    cluster.server.shutdown().await;
    while watch.next().await.is_some() {}
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_read_that() {
    use std::io::Read;
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut large = super::config_map("large");
    large["data"]["a"] = "some text ".repeat(20_000).into();
    admin.post(CONFIG_MAPS, &large).await.ok();
    let small = "/api/v1/namespaces/default";
    for (path, accept, expected) in [
        (CONFIG_MAPS.to_string(), "application/json", true),
        (CONFIG_MAPS.to_string(), "application/vnd.kubernetes.protobuf", true),
        (format!("{CONFIG_MAPS}/large"), "application/json", true),
        (format!("{CONFIG_MAPS}/large"), "application/yaml", true),
        (small.to_string(), "application/json", false),
    ] {
        let plain = admin.send(Method::GET, &path, &[("accept", accept)], "").await;
        assert!(!plain.headers.contains_key("content-encoding"));
        assert_eq!(plain.headers["content-length"].to_str().ok(), Some(&*plain.body.len().to_string()));
        let answer = admin.send(Method::GET, &path, &[("accept", accept), ("accept-encoding", "gzip")], "").await;
        assert_eq!(answer.headers.get("content-encoding").is_some(), expected, "{path} {accept}");
        if expected {
            let mut body = vec![];
            flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut body).expect("is gzip");
            assert!(body == plain.body && answer.body.len() < body.len() / 10, "{path}");
        }
    }
}
