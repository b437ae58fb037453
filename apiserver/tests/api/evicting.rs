use serde_json::json;

use crate::fixture::Cluster;
use crate::{PODS, pod};

#[tokio::test]
async fn an_eviction_ends_a_pod_and_says_why() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut bound = pod("p");
    bound["spec"]["nodeName"] = "n1".into();
    let uid = admin.post(PODS, &bound).await.ok()["metadata"]["uid"].clone();
    let path = format!("{PODS}/p/eviction");
    let eviction = |options| json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}, "deleteOptions": options});
    let ending = async || admin.get(&format!("{PODS}/p")).await.ok();

    for rehearsal in [eviction(json!({"dryRun": ["All"]})), eviction(json!({}))] {
        let path =
            if rehearsal["deleteOptions"]["dryRun"].is_null() { format!("{path}?dryRun=All") } else { path.clone() };
        assert_eq!(admin.post(&path, &rehearsal).await.code.as_u16(), 201);
        assert!(ending().await["metadata"]["deletionTimestamp"].is_null(), "a rehearsal");
    }
    let other = eviction(json!({"preconditions": {"uid": "other"}}));
    assert_eq!(admin.post(&path, &other).await.refused().0, 409);
    let wrong = json!({"metadata": {"name": "q"}});
    assert_eq!(admin.post(&path, &wrong).await.refused().0, 400);
    assert_eq!(admin.post(&format!("{PODS}/q/eviction"), &json!({})).await.refused().0, 404);

    let answer = admin.post(&path, &eviction(json!({"gracePeriodSeconds": 7, "preconditions": {"uid": uid}}))).await;
    assert_eq!((answer.code.as_u16(), &answer.ok()["status"]), (201, &json!("Success")));
    let pod = ending().await;
    assert_eq!(pod["metadata"]["deletionGracePeriodSeconds"], 7);
    let conditions = pod["status"]["conditions"].as_array().expect("conditions");
    let why = conditions.iter().find(|condition| condition["type"] == "DisruptionTarget").expect("says why");
    assert_eq!((&why["reason"], &why["status"]), (&json!("EvictionByEvictionAPI"), &json!("True")));
    admin.post(&path, &eviction(json!({"gracePeriodSeconds": 0}))).await.ok();
    assert_eq!(admin.get(&format!("{PODS}/p")).await.refused().0, 404);
}

#[tokio::test]
async fn clients_find_the_eviction_where_they_look_for_it() {
    let cluster = Cluster::start().await;
    let resources = cluster.admin().get("/api/v1").await.ok();
    let list = resources["resources"].as_array().expect("resources").clone();
    let eviction = list.iter().find(|resource| resource["name"] == "pods/eviction").expect("is served");
    assert_eq!(
        (&eviction["group"], &eviction["version"], &eviction["kind"]),
        (&json!("policy"), &json!("v1"), &json!("Eviction"))
    );
}
