//! `get --at` and `diff`: what was, beside what is.

use super::config_map;
use super::fixture::Cluster;

/// The resource version of the newest write.
async fn now(cluster: &Cluster) -> String {
    let text = cluster.kctl("get --raw /timonier/history").await.ok();
    let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    answer["resourceVersion"].as_str().expect("a number").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_shown_as_they_were_in_every_form() {
    let cluster = Cluster::start().await;
    let many: Vec<String> = (0..5).map(|i| config_map(&format!("m{i}"), "old")).collect();
    cluster.apply(&many.join("---\n")).await;
    let then = now(&cluster).await;
    cluster.apply(&config_map("m0", "new")).await;
    cluster.kctl("delete cm m1 m2").await.ok();
    let value = "-o jsonpath={.data.key}";
    assert_eq!(cluster.kctl(&format!("get cm m0 {value}")).await.ok(), "new");
    assert_eq!(cluster.kctl(&format!("get cm m0 --at {then} {value}")).await.ok(), "old");
    let table = cluster.kctl(&format!("get cm --at {then} --no-headers --chunk-size=2")).await.ok();
    assert_eq!(table.lines().count(), 5, "{table}");
    let names = cluster.kctl(&format!("get cm --at {then} -o name")).await.ok();
    assert_eq!(names.lines().count(), 5, "{names}");
    assert!(cluster.kctl(&format!("get cm m1 --at {then}")).await.ok().contains("m1 "));
    let file = cluster.file("m1.yaml", &config_map("m1", "x"));
    assert!(cluster.kctl(&format!("get -f {file} --at {then} -o yaml")).await.ok().contains("key: old"));
    // The present is the past of no time ago.
    assert!(cluster.kctl("get cm m1 --at 0s").await.fails().contains("\"m1\" not found"));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_without_history_is_a_clear_error() {
    let cluster = Cluster::start().await;
    let error = cluster.kctl("get cm --at 2001-01-01T00:00:00Z").await.fails();
    assert!(
        error
            .starts_with("Error from server (Expired): there is no history of 2001-01-01T00:00:00.000Z: it begins at "),
        "{error}"
    );
    let error = cluster.kctl("get cm --at 999999").await.fails();
    assert!(error.starts_with("error: --at 999999: there is no such resource version yet, the newest is "), "{error}");
    let error = cluster.kctl("get cm --at sometime").await;
    assert!(error.err.contains("want how long ago (10m, 1h30m)"), "{}", error.err);
    let error = cluster.kctl("get cm -w --at 10m").await;
    assert!(error.err.contains("cannot be used with"), "{}", error.err);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_history_is_not_taken_for_one() {
    // It knows what every Kubernetes server knows, and nothing of ours.
    let server = foreign_server().await;
    let cluster = Cluster::start().await;
    let line = format!("--server http://{server} get --raw /version");
    assert!(cluster.kctl(&line).await.ok().contains("major"));
    let error = cluster.kctl(&format!("--server http://{server} get pods --at 10m")).await.fails();
    assert!(error.contains("cannot be asked for its past; only Timonier's can"), "{error}");
    cluster.stop().await;
}

/// A server that serves one resource and answers 404 to every other path.
async fn foreign_server() -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 16 << 10];
                let Ok(read) = stream.read(&mut request).await else { return };
                let line = String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_string();
                let path = line.split(' ').nth(1).unwrap_or_default();
                let (code, body) = match path {
                    "/version" => ("200 OK", r#"{"major":"1","minor":"36"}"#),
                    "/api" => ("200 OK", r#"{"kind":"APIVersions","versions":["v1"]}"#),
                    "/apis" => ("200 OK", r#"{"kind":"APIGroupList","groups":[]}"#),
                    "/api/v1" => (
                        "200 OK",
                        r#"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get","list"]}]}"#,
                    ),
                    _ => ("404 Not Found", "404 page not found\n"),
                };
                let head = format!("HTTP/1.1 {code}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all((head + body).as_bytes()).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_since_a_moment_is_shown_as_diff_shows_it() {
    let cluster = Cluster::start().await;
    cluster.apply(&[config_map("a", "old"), config_map("gone", "x")].join("---\n")).await;
    let then = now(&cluster).await;
    let nothing = cluster.kctl(&format!("diff cm --at {then}")).await;
    assert_eq!((nothing.code, nothing.out.as_str(), nothing.err.as_str()), (0, "", ""));
    cluster.apply(&[config_map("a", "new"), config_map("come", "x")].join("---\n")).await;
    cluster.kctl("delete cm gone").await.ok();
    let diff = cluster.kctl(&format!("diff cm --at {then}")).await;
    assert_eq!(diff.code, 1, "{}", diff.err);
    for line in ["--- v1.ConfigMap.default.a\t", "-  key: old", "+  key: new", "+  name: come", "-  name: gone"] {
        assert!(diff.out.lines().any(|found| found.starts_with(line)), "{line} in\n{}", diff.out);
    }
    let one = cluster.kctl(&format!("diff cm/gone --at {then}")).await;
    assert_eq!(one.code, 1, "{}", one.err);
    assert!(!one.out.contains("ConfigMap.default.a"), "{}", one.out);
    let never = cluster.kctl(&format!("diff cm/never --at {then}")).await;
    assert_eq!((never.code, never.err.as_str()), (2, "Error from server (NotFound): configmaps \"never\" not found\n"));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_to_files_is_what_apply_would_change() {
    let cluster = Cluster::start().await;
    cluster.apply(&config_map("a", "old")).await;
    let same = cluster.kctl_with("diff -f -", &config_map("a", "old")).await;
    assert_eq!((same.code, same.out.as_str()), (0, ""), "{}", same.err);
    let files = [config_map("a", "new"), config_map("b", "x")].join("---\n");
    let diff = cluster.kctl_with("diff -f -", &files).await;
    assert_eq!(diff.code, 1, "{}", diff.err);
    for line in [
        "--- v1.ConfigMap.default.a\tlive",
        "+++ v1.ConfigMap.default.a\tapplied",
        "-  key: old",
        "+  key: new",
        "+  name: b",
    ] {
        assert!(diff.out.lines().any(|found| found == line), "{line} in\n{}", diff.out);
    }
    assert_eq!(cluster.kctl("get cm a -o jsonpath={.data.key}").await.ok(), "old");
    let wrong = cluster.kctl("diff cm a").await;
    assert_eq!(wrong.code, 2, "{}", wrong.err);
    cluster.stop().await;
}
