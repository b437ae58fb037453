use serde_json::{Value, json};

use crate::fixture::{Client, Cluster};
use crate::{CONFIG_MAPS, PODS, config_map, pod};

async fn revision(admin: &Client) -> String {
    admin.get(CONFIG_MAPS).await.ok()["metadata"]["resourceVersion"].as_str().expect("a revision").to_string()
}

fn pair(kind: &str, name: &str) -> (String, String) {
    (kind.to_string(), name.to_string())
}

#[tokio::test]
async fn without_a_revision_what_is_there_comes_first_and_then_what_changes() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let mut watch = admin.watch(&format!("{CONFIG_MAPS}?watch=1")).await;
    assert_eq!(watch.change().await, pair("ADDED", "a"));
    let changed = admin.merge(&format!("{CONFIG_MAPS}/a"), &json!({"data": {"a": "2"}})).await.ok();
    let event = watch.next().await.expect("an event");
    assert_eq!((&event["type"], &event["object"]), (&json!("MODIFIED"), &changed));
    admin.delete(&format!("{CONFIG_MAPS}/a")).await.ok();
    let event = watch.next().await.expect("an event");
    assert_eq!(event["type"], "DELETED");
    assert_eq!(event["object"]["data"]["a"], "2");
    // A deletion carries its own revision, so that a client can go on behind it.
    let of = |object: &Value| object["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse::<u64>().ok());
    assert!(of(&event["object"]) > of(&changed));
}

#[tokio::test]
async fn a_watch_resumes_from_any_revision_that_is_kept() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let start = revision(&admin).await;
    for name in ["a", "b", "c"] {
        admin.post(CONFIG_MAPS, &config_map(name)).await.ok();
    }
    let mut watch = admin.watch(&format!("{CONFIG_MAPS}?watch=1&resourceVersion={start}")).await;
    let mut last = String::new();
    for name in ["a", "b"] {
        let event = watch.next().await.expect("an event");
        assert_eq!(event["object"]["metadata"]["name"], name);
        last = event["object"]["metadata"]["resourceVersion"].as_str().expect("one").to_string();
    }
    drop(watch);
    let mut again = admin.watch(&format!("{CONFIG_MAPS}?watch=1&resourceVersion={last}")).await;
    assert_eq!(again.change().await, pair("ADDED", "c"));
}

#[tokio::test]
async fn a_watch_from_before_the_history_is_told_to_list_again() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let start = revision(&admin).await;
    admin.post(CONFIG_MAPS, &config_map("a")).await.ok();
    cluster.store.compact(cluster.store.snapshot().revision()).await.expect("compacts");
    let mut watch = admin.watch(&format!("{CONFIG_MAPS}?watch=1&resourceVersion={start}")).await;
    let event = watch.next().await.expect("an event");
    assert_eq!(event["type"], "ERROR");
    assert_eq!((&event["object"]["code"], &event["object"]["reason"]), (&json!(410), &json!("Expired")));
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn what_starts_or_stops_matching_is_added_or_deleted() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut watch = admin.watch(&format!("{CONFIG_MAPS}?watch=1&labelSelector=team%3Dx")).await;
    let path = format!("{CONFIG_MAPS}/a");
    let label = |team: Value| json!({"metadata": {"labels": {"team": team}}});
    admin.post(CONFIG_MAPS, &config_map("a")).await.ok();
    admin.merge(&path, &label("x".into())).await.ok();
    admin.merge(&path, &json!({"data": {"b": "2"}})).await.ok();
    let left = admin.merge(&path, &label("y".into())).await.ok();
    admin.merge(&path, &label("x".into())).await.ok();
    assert_eq!(watch.change().await, pair("ADDED", "a"));
    assert_eq!(watch.change().await, pair("MODIFIED", "a"));
    let event = watch.next().await.expect("an event");
    assert_eq!(event["type"], "DELETED");
    assert_eq!(event["object"]["metadata"]["labels"]["team"], "x");
    assert_eq!(event["object"]["metadata"]["resourceVersion"], left["metadata"]["resourceVersion"]);
    assert_eq!(watch.change().await, pair("ADDED", "a"));
}

#[tokio::test]
async fn an_agent_sees_pods_come_to_its_node() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut watch = admin.watch("/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3Dn1").await;
    for (name, node) in [("a", "n2"), ("b", "n1")] {
        admin.post(PODS, &pod(name)).await.ok();
        let binding = json!({"metadata": {"name": name}, "target": {"kind": "Node", "name": node}});
        admin.post(&format!("{PODS}/{name}/binding"), &binding).await.ok();
    }
    assert_eq!(watch.change().await, pair("ADDED", "b"));
}

#[tokio::test]
async fn the_end_of_the_initial_state_is_announced_when_asked_for() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let query = "watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    let mut watch = admin.watch(&format!("{CONFIG_MAPS}?{query}")).await;
    assert_eq!(watch.change().await, pair("ADDED", "a"));
    let event = watch.next().await.expect("an event");
    assert_eq!(event["type"], "BOOKMARK");
    assert_eq!(event["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(event["object"]["kind"], "ConfigMap");
    let refused = admin.get(&format!("{CONFIG_MAPS}?watch=1&sendInitialEvents=true")).await.refused();
    assert_eq!(refused.0, 422);
}

#[tokio::test]
async fn in_every_shape_a_watch_begins_with_what_is_there_says_when_that_ends_and_follows_its_selector() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let labelled = |name: &str, team: &str| {
        let mut object = config_map(name);
        object["metadata"]["labels"] = json!({"team": team});
        object
    };
    admin.post(CONFIG_MAPS, &labelled("there", "x")).await.ok();
    admin.post(CONFIG_MAPS, &labelled("elsewhere", "y")).await.ok();
    let query = "watch=1&labelSelector=team%3Dx&allowWatchBookmarks=true&sendInitialEvents=true\
                 &resourceVersionMatch=NotOlderThan";
    let path = format!("{CONFIG_MAPS}?{query}");
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let mut streams = vec![];
    for (accept, kind) in [("application/json", "ConfigMap"), (table, "Table"), (partial, "PartialObjectMetadata")] {
        streams.push((admin.watch_as(&path, &[("accept", accept)]).await, kind));
    }
    let there = format!("{CONFIG_MAPS}/there");
    admin.merge(&there, &json!({"data": {"b": "2"}})).await.ok();
    admin.merge(&there, &json!({"metadata": {"labels": {"team": "y"}}})).await.ok();
    admin.merge(&format!("{CONFIG_MAPS}/elsewhere"), &json!({"metadata": {"labels": {"team": "x"}}})).await.ok();
    for (stream, kind) in &mut streams {
        let mut seen = vec![];
        while seen.len() < 5 {
            let event = stream.next().await.expect("an event");
            assert_eq!(event["object"]["kind"], *kind);
            let object = if *kind == "Table" { &event["object"]["rows"][0]["object"] } else { &event["object"] };
            let what = if event["type"] == "BOOKMARK" {
                // A Table's bookmark carries its revision and annotation in a row of its own.
                assert_eq!(object["metadata"]["annotations"]["k8s.io/initial-events-end"], "true", "{event}");
                assert!(object["metadata"]["resourceVersion"].is_string(), "{event}");
                "the end"
            } else {
                object["metadata"]["name"].as_str().expect("a name")
            };
            seen.push(format!("{} {what}", event["type"].as_str().expect("a type")));
        }
        let expected = ["ADDED there", "BOOKMARK the end", "MODIFIED there", "DELETED there", "ADDED elsewhere"];
        assert_eq!(seen, expected, "{kind}");
    }
}

#[tokio::test]
async fn a_watch_ends_at_its_time_out_with_a_bookmark_to_go_on_from() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let start = revision(&admin).await;
    let query = format!("watch=1&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion={start}");
    let mut watch = admin.watch(&format!("{CONFIG_MAPS}?{query}")).await;
    // Writes elsewhere move the bookmark on.
    let pod = admin.post(PODS, &pod("p")).await.ok();
    let event = watch.next().await.expect("a bookmark");
    assert_eq!(event["type"], "BOOKMARK");
    assert_eq!(event["object"]["metadata"]["resourceVersion"], pod["metadata"]["resourceVersion"]);
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn what_is_written_through_one_server_is_seen_through_another() {
    let first = Cluster::start().await;
    let second = Cluster::on(first.store.clone()).await;
    let mut watch = second.admin().watch(&format!("{CONFIG_MAPS}?watch=1")).await;
    first.admin().post(CONFIG_MAPS, &config_map("a")).await.ok();
    assert_eq!(watch.change().await, pair("ADDED", "a"));
}
