//! Reading what was: exact revisions of lists and of single objects, and which revision a time means.

use serde_json::{Value, json};
use timonier_apiserver::Retention;
use timonier_store::{Revision, Store, StoreUrl};

use crate::fixture::{As, Client, Cluster, Protocol};
use crate::tables::TABLE;
use crate::{CONFIG_MAPS, config_map};

fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).expect("a resource version")
}

fn exact(path: &str, revision: u64) -> String {
    format!("{path}?resourceVersion={revision}&resourceVersionMatch=Exact")
}

/// Creates, changes and deletes a config map; returns the revision of each.
async fn a_life(admin: &Client, name: &str) -> [u64; 3] {
    let created = revision(&admin.post(CONFIG_MAPS, &config_map(name)).await.ok());
    let path = format!("{CONFIG_MAPS}/{name}");
    let changed = revision(&admin.merge(&path, &json!({"data": {"a": "2"}})).await.ok());
    admin.delete(&path).await.ok();
    let list = admin.get(CONFIG_MAPS).await.ok();
    [created, changed, revision(&list)]
}

#[tokio::test]
async fn an_object_can_be_read_as_it_was() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let [created, changed, deleted] = a_life(&admin, "c").await;
    a_life(&admin, "d").await;
    let path = format!("{CONFIG_MAPS}/c");
    for (at, value) in [(created, "1"), (changed, "2")] {
        let object = admin.get(&exact(&path, at)).await.ok();
        assert_eq!((&object["data"]["a"], revision(&object)), (&json!(value), at));
        let list = admin.get(&exact(CONFIG_MAPS, at)).await.ok();
        assert_eq!(list["items"][0]["data"]["a"], value, "{list}");
        assert_eq!((list["items"].as_array().map(Vec::len), revision(&list)), (Some(1), at));
    }
    for gone in [created - 1, deleted] {
        let (code, reason, message) = admin.get(&exact(&path, gone)).await.refused();
        assert_eq!((code, &*reason, &*message), (404, "NotFound", "configmaps \"c\" not found"));
    }
}

#[tokio::test]
async fn what_was_is_as_old_as_it_was_then() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let created = revision(&admin.post(CONFIG_MAPS, &config_map("c")).await.ok());
    let age = async |path: &str| {
        let table = admin.send(http::Method::GET, path, &[TABLE], "").await.ok();
        let cells = table["rows"][0]["cells"].as_array().cloned().unwrap_or_default();
        let age = cells.last().and_then(|age| age.as_str()?.strip_suffix('s')?.parse::<u64>().ok());
        age.unwrap_or_else(|| panic!("an age in seconds: {table}"))
    };
    while age(CONFIG_MAPS).await < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for path in [CONFIG_MAPS, &format!("{CONFIG_MAPS}/c")] {
        assert!(age(&exact(path, created)).await < 3, "{path}");
    }
}

#[tokio::test]
async fn what_makes_no_exact_revision_is_refused() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let [created, changed, deleted] = a_life(&admin, "c").await;
    let path = format!("{CONFIG_MAPS}/c");
    let cases = [
        ("resourceVersionMatch=Exact", "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ("resourceVersion=0&resourceVersionMatch=Exact", "\"exact\" is forbidden for resourceVersion \"0\""),
        ("resourceVersion=3&resourceVersionMatch=Nearly", "Unsupported value: \"Nearly\""),
    ];
    for (query, expected) in cases {
        for path in [&path, CONFIG_MAPS] {
            let (code, _, message) = admin.get(&format!("{path}?{query}")).await.refused();
            assert_eq!(code, 422, "{path} {query}");
            assert!(message.contains(expected), "{message}");
        }
    }
    cluster.store.compact(Revision(changed)).await.expect("history is dropped");
    for path in [&path, CONFIG_MAPS] {
        let (code, reason, message) = admin.get(&exact(path, created)).await.refused();
        assert_eq!((code, &*reason), (410, "Expired"));
        assert!(message.contains(&format!("{created} ({changed}); history of configmaps begins at 20")), "{message}");
        assert!(!admin.get(&exact(path, changed)).await.ok().is_null());
    }
    let (code, ..) = admin.get(&exact(&path, deleted + 1000)).await.refused();
    assert_eq!(code, 504);
}

#[tokio::test]
async fn a_time_means_a_revision() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let [.., last] = a_life(&admin, "c").await;
    let now = admin.get("/timonier/history").await.ok();
    assert_eq!(now["resourceVersion"], last.to_string());
    let oldest = now["oldest"]["time"].as_str().expect("a time");
    let first = admin.get(&format!("/timonier/history?time={oldest}")).await.ok();
    assert_eq!(first["resourceVersion"], now["oldest"]["resourceVersion"]);
    assert_eq!(admin.get("/timonier/history?ago=0").await.ok()["resourceVersion"], last.to_string());

    let (code, reason, message) = admin.get("/timonier/history?time=2001-01-01T00:00:00Z").await.refused();
    assert_eq!((code, &*reason), (410, "Expired"));
    assert!(message.starts_with("there is no history of 2001-01-01T00:00:00.000Z: it begins at "), "{message}");
    for query in ["time=2100-01-01T00:00:00Z", "time=yesterday", "ago=-1", "ago=1&time=2001-01-01T00:00:00Z"] {
        assert_eq!(admin.get(&format!("/timonier/history?{query}")).await.refused().0, 400, "{query}");
    }
    let anyone = cluster.client(As::Anonymous, Protocol::Http1);
    assert_eq!(anyone.get("/timonier/history").await.refused().0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = StoreUrl::File(dir.path().join("store"));
    let store = Store::open(&url, Retention::default().options()).await.expect("the store opens");
    let cluster = Cluster::on(store.clone()).await;
    let [created, changed, deleted] = a_life(&cluster.admin(), "c").await;
    let then = cluster.admin().get("/timonier/history").await.ok();
    cluster.server.shutdown().await;
    store.close().await;

    let store = Store::open(&url, Retention::default().options()).await.expect("the store opens again");
    let cluster = Cluster::on(store).await;
    let admin = cluster.admin();
    a_life(&admin, "d").await;
    let path = format!("{CONFIG_MAPS}/c");
    assert_eq!(admin.get(&exact(&path, created)).await.ok()["data"]["a"], "1");
    assert_eq!(admin.get(&exact(&path, changed)).await.ok()["data"]["a"], "2");
    assert_eq!(admin.get(&exact(&path, deleted)).await.refused().0, 404);
    let time = then["time"].as_str().expect("a time");
    let told = admin.get(&format!("/timonier/history?time={time}")).await.ok();
    assert_eq!(told["resourceVersion"], then["resourceVersion"]);
    let mut watch = admin.watch(&format!("{CONFIG_MAPS}?watch=1&resourceVersion={created}")).await;
    let event = watch.next().await.expect("an event");
    assert_eq!((&event["type"], revision(&event["object"])), (&json!("MODIFIED"), changed));
}
