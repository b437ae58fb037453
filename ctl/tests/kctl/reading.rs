//! `get`, `describe` and what is read about the server.

use super::fixture::Cluster;
use super::{config_map, deployment, pod};

#[tokio::test(flavor = "multi_thread")]
async fn several_types_are_tables_one_after_the_other() {
    let cluster = Cluster::start().await;
    cluster.apply(&[pod("web-1"), deployment("web", "web:1")].join("---\n")).await;
    let text = cluster.kctl("get all").await.ok();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("NAME ") && lines[1].starts_with("pod/web-1 "), "{text}");
    let blank = lines.iter().position(|line| line.is_empty()).expect("a gap");
    let second = lines[blank + 1..].join("\n");
    assert!(second.contains("service/") || second.contains("deployment.apps/web "), "{text}");
    assert!(text.contains("\ndeployment.apps/web "), "{text}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_missing_name_does_not_hide_the_others() {
    let cluster = Cluster::start().await;
    cluster.apply(&config_map("a", "x")).await;
    let outcome = cluster.kctl("get cm a b c --no-headers").await;
    assert!(outcome.out.starts_with("a "), "{}", outcome.out);
    assert_eq!(
        outcome.fails(),
        "Error from server (NotFound): configmaps \"b\" not found\nError from server (NotFound): configmaps \"c\" not found\n"
    );
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_found_is_said_on_standard_error() {
    let cluster = Cluster::start().await;
    let outcome = cluster.kctl("get pods").await;
    assert_eq!(outcome.err, "No resources found in default namespace.\n");
    assert_eq!(outcome.ok(), "");
    assert_eq!(cluster.kctl("get pods -A").await.err, "No resources found\n");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_types_are_refused() {
    let cluster = Cluster::start().await;
    assert_eq!(cluster.kctl("get foo").await.fails(), "error: the server doesn't have a resource type \"foo\"\n");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_shows_changes_under_its_header_until_interrupted() {
    let cluster = Cluster::start().await;
    cluster.apply(&config_map("first", "x")).await;
    let mut watch = cluster.start_kctl("get cm -w --output-watch-events");
    let header = watch.line_with("NAME").await;
    watch.line_with("first").await;
    cluster.apply(&config_map("second", "x")).await;
    let row = watch.line_with("second").await;
    assert!(row.starts_with("ADDED"), "{row}");
    assert_eq!(header.find("NAME"), row.find("second"), "{header}\n{row}");
    cluster.kctl("delete cm second").await.ok();
    assert!(watch.line_with("second").await.starts_with("DELETED"));
    assert_eq!(watch.interrupt().await, 0);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_comes_in_pages_and_is_complete() {
    let cluster = Cluster::start().await;
    let many: Vec<String> = (0..25).map(|i| config_map(&format!("m{i:02}"), "x")).collect();
    cluster.apply(&many.join("---\n")).await;
    let text = cluster.kctl("get cm --chunk-size=7 --no-headers").await.ok();
    let names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names.len(), 25, "{text}");
    assert!(names.is_sorted(), "{text}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_is_no_panic() {
    let cluster = Cluster::start().await;
    cluster.apply(&config_map("a", &"x".repeat(200_000))).await;
    let script = format!("{} get cm a -o yaml | true", env!("CARGO_BIN_EXE_kctl"));
    let mut run = tokio::process::Command::new("sh");
    run.args(["-c", &script]).env("KUBECONFIG", cluster.kubeconfig());
    let output = run.output().await.expect("sh runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn describe_shows_an_objects_events() {
    let cluster = Cluster::start().await;
    cluster.apply(&pod("web-1")).await;
    let uid = cluster.kctl("get pod web-1 -o jsonpath={.metadata.uid}").await.ok();
    cluster
        .apply(&format!(
            "apiVersion: v1
kind: Event
metadata: {{name: web-1.1}}
involvedObject: {{apiVersion: v1, kind: Pod, name: web-1, namespace: default, uid: {uid}}}
type: Warning
reason: FailedScheduling
message: no nodes
source: {{component: default-scheduler}}
firstTimestamp: 2026-01-01T00:00:00Z
lastTimestamp: 2026-01-01T00:01:00Z
count: 3
"
        ))
        .await;
    let page = cluster.kctl("describe pod web").await.ok();
    assert!(page.starts_with("Name:             web-1\nNamespace:        default\n"), "{page}");
    assert!(page.contains("Node:             <none>\n"), "{page}");
    let event = page.lines().last().expect("an event");
    assert!(event.contains("FailedScheduling") && event.contains("(x3 over "), "{page}");
    assert!(event.ends_with("default-scheduler  no nodes"), "{page}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_and_annotations_are_set_and_removed() {
    let cluster = Cluster::start().await;
    cluster.apply(&config_map("a", "x")).await;
    assert_eq!(cluster.kctl("label cm a tier=1").await.ok(), "configmap/a labeled\n");
    let error = cluster.kctl("label cm a tier=2").await.fails();
    assert_eq!(error, "error: 'tier' already has a value (1), and --overwrite is false\n");
    assert_eq!(cluster.kctl("label cm a tier=2 --overwrite").await.ok(), "configmap/a labeled\n");
    assert_eq!(cluster.kctl("get cm -l tier=2 -o name").await.ok(), "configmap/a\n");
    assert_eq!(cluster.kctl("label cm a tier-").await.ok(), "configmap/a unlabeled\n");
    assert_eq!(cluster.kctl("annotate cm/a note=hi").await.ok(), "configmap/a annotated\n");
    assert_eq!(cluster.kctl("get cm a -o jsonpath={.metadata.annotations.note}").await.ok(), "hi");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named() {
    let error = tokio::process::Command::new(env!("CARGO_BIN_EXE_kctl"))
        .args(["get", "pods", "--server=http://127.0.0.1:1"])
        .env_remove("KUBECONFIG")
        .env("HOME", "/nonexistent")
        .output()
        .await
        .expect("kctl runs");
    assert_eq!(
        String::from_utf8_lossy(&error.stderr),
        "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cluster_kctl_says_where_it_looked_and_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_kctl"))
        .args(["get", "pods"])
        .current_dir(dir.path())
        .env_remove("KUBECONFIG")
        .env("HOME", dir.path())
        .output()
        .await
        .expect("kctl runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(".timonier/kubeconfig") && error.contains(".kube/config"), "{error}");
    assert!(error.contains("kctl up"), "{error}");
    assert_eq!(output.status.code(), Some(1));
}
