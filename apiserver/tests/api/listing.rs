use serde_json::{Value, json};
use timonier_store::Revision;

use crate::fixture::{Client, Cluster};
use crate::{CONFIG_MAPS, PODS, config_map, pod};

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("items");
    items.iter().filter_map(|i| i["metadata"]["name"].as_str().map(str::to_string)).collect()
}

async fn fill(admin: &Client, count: usize) {
    for n in 0..count {
        let mut object = config_map(&format!("c{n:02}"));
        object["metadata"]["labels"] = json!({"parity": if n % 2 == 0 { "even" } else { "odd" }});
        admin.post(CONFIG_MAPS, &object).await.ok();
    }
}

#[tokio::test]
async fn a_list_is_a_kind_of_its_own_at_one_revision() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    fill(&admin, 3).await;
    let list = admin.get(CONFIG_MAPS).await.ok();
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("ConfigMapList"), &json!("v1")));
    assert_eq!(names(&list), ["c00", "c01", "c02"]);
    assert_eq!(list["metadata"]["resourceVersion"], list["items"][2]["metadata"]["resourceVersion"]);
    assert_eq!(admin.get("/api/v1/configmaps").await.ok()["items"], list["items"]);
    assert_eq!(names(&admin.get("/api/v1/namespaces/kube-system/configmaps").await.ok()), Vec::<String>::new());
}

#[tokio::test]
async fn selectors_choose_by_label_and_field() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    fill(&admin, 4).await;
    let cases = [
        ("labelSelector=parity%3Deven", vec!["c00", "c02"]),
        ("labelSelector=parity+notin+(even)", vec!["c01", "c03"]),
        ("labelSelector=!parity", vec![]),
        ("fieldSelector=metadata.name%3Dc01", vec!["c01"]),
        ("fieldSelector=metadata.name!%3Dc01", vec!["c00", "c02", "c03"]),
        ("fieldSelector=metadata.namespace%3Dother", vec![]),
        ("labelSelector=parity%3Deven&fieldSelector=metadata.name%3Dc01", vec![]),
    ];
    for (query, expected) in cases {
        for collection in [CONFIG_MAPS, "/api/v1/configmaps"] {
            let list = admin.get(&format!("{collection}?{query}")).await.ok();
            assert_eq!(names(&list), expected, "{collection} {query}");
        }
    }
    for (name, node) in [("a", "n1"), ("b", "n2")] {
        let mut pod = pod(name);
        pod["spec"]["nodeName"] = node.into();
        admin.post(PODS, &pod).await.ok();
    }
    let on_n2 = admin.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn2").await.ok();
    assert_eq!(names(&on_n2), ["b"]);
    let (code, _, message) = admin.get("/api/v1/pods?fieldSelector=spec.what%3Dn2").await.refused();
    assert_eq!((code, &*message), (400, "field label not supported: spec.what"));
}

#[tokio::test]
async fn pages_are_one_consistent_snapshot() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    fill(&admin, 7).await;
    let first = admin.get(&format!("{CONFIG_MAPS}?limit=3")).await.ok();
    assert_eq!(names(&first), ["c00", "c01", "c02"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 4);
    // What happens between the pages is not seen.
    admin.delete(&format!("{CONFIG_MAPS}/c04")).await.ok();
    admin.post(CONFIG_MAPS, &config_map("c99")).await.ok();
    let token = first["metadata"]["continue"].as_str().expect("a token");
    let second = admin.get(&format!("{CONFIG_MAPS}?limit=3&continue={token}")).await.ok();
    assert_eq!(names(&second), ["c03", "c04", "c05"]);
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let token = second["metadata"]["continue"].as_str().expect("a token");
    let third = admin.get(&format!("{CONFIG_MAPS}?limit=3&continue={token}")).await.ok();
    assert_eq!(names(&third), ["c06"]);
    assert_eq!(third["metadata"].get("continue"), None);
    let chosen = admin.get(&format!("{CONFIG_MAPS}?limit=2&labelSelector=parity%3Dodd")).await.ok();
    assert_eq!(names(&chosen), ["c01", "c03"]);
    assert_eq!(chosen["metadata"].get("remainingItemCount"), None);
}

#[tokio::test]
async fn an_expired_token_is_410_and_offers_a_fresh_one() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    fill(&admin, 3).await;
    let first = admin.get(&format!("{CONFIG_MAPS}?limit=1")).await.ok();
    admin.post(CONFIG_MAPS, &config_map("c99")).await.ok();
    let now = cluster.store.snapshot().revision();
    cluster.store.compact(now).await.expect("compacts");
    let token = first["metadata"]["continue"].as_str().expect("a token");
    let answer = admin.get(&format!("{CONFIG_MAPS}?continue={token}")).await;
    let (code, reason, _) = answer.refused();
    assert_eq!((code, &*reason), (410, "Expired"));
    let fresh = answer.json()["metadata"]["continue"].as_str().expect("a token").to_string();
    let rest = admin.get(&format!("{CONFIG_MAPS}?continue={fresh}")).await.ok();
    assert_eq!(names(&rest), ["c01", "c02", "c99"]);
}

#[tokio::test]
async fn a_revision_means_at_least_exactly_or_any() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    fill(&admin, 1).await;
    let then = admin.get(CONFIG_MAPS).await.ok()["metadata"]["resourceVersion"].as_str().expect("one").to_string();
    admin.post(CONFIG_MAPS, &config_map("later")).await.ok();
    let get = async |query: String| admin.get(&format!("{CONFIG_MAPS}?{query}")).await;
    let exact = get(format!("resourceVersion={then}&resourceVersionMatch=Exact")).await.ok();
    assert_eq!(names(&exact), ["c00"]);
    assert_eq!(exact["metadata"]["resourceVersion"], *then);
    let page = get(format!("resourceVersion={then}&limit=5")).await.ok();
    assert_eq!(names(&page), ["c00"]);
    let newer = get(format!("resourceVersion={then}&resourceVersionMatch=NotOlderThan")).await.ok();
    assert_eq!(names(&newer), ["c00", "later"]);
    assert_eq!(names(&get("resourceVersion=0".to_string()).await.ok()), ["c00", "later"]);
    for bad in [
        "resourceVersionMatch=Exact",
        "resourceVersion=0&resourceVersionMatch=Exact",
        "resourceVersion=1&resourceVersionMatch=x",
    ] {
        assert_eq!(get(bad.to_string()).await.refused().0, 422, "{bad}");
    }
    let Revision(now) = cluster.store.snapshot().revision();
    let future = get(format!("resourceVersion={}&resourceVersionMatch=Exact", now + 1000)).await;
    assert_eq!(future.refused().1, "Timeout");
    assert_eq!(future.json()["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
    cluster.store.compact(Revision(now)).await.expect("compacts");
    let old = get(format!("resourceVersion={then}&resourceVersionMatch=Exact")).await.refused();
    assert_eq!((old.0, &*old.1), (410, "Expired"));
}
