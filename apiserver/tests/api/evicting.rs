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

#[tokio::test]
async fn an_eviction_takes_from_the_budget_in_the_same_step() {
    const BUDGETS: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let budget = json!({"metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    admin.post(BUDGETS, &budget).await.ok();
    for name in ["p", "q", "r"] {
        let mut bound = pod(name);
        bound["metadata"]["labels"] = json!({"app": "web"});
        bound["spec"]["nodeName"] = "n1".into();
        admin.post(PODS, &bound).await.ok();
        let running = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        admin.merge(&format!("{PODS}/{name}/status"), &running).await.ok();
    }
    let evict = async |name: &str| admin.post(&format!("{PODS}/{name}/eviction"), &json!({})).await;
    let refused = evict("p").await;
    assert_eq!(
        refused.refused(),
        (
            429,
            "TooManyRequests".to_string(),
            "Cannot evict pod as it would violate the pod's disruption budget.".to_string()
        )
    );
    let cause = &refused.json()["details"]["causes"][0];
    assert_eq!(cause["reason"], "DisruptionBudget");
    assert_eq!(cause["message"], "The disruption budget b is still being processed by the server.");
    let counted = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": 2, "currentHealthy": 3,
        "desiredHealthy": 1, "expectedPods": 3}});
    admin.merge(&format!("{BUDGETS}/b/status"), &counted).await.ok();
    // Of three at once two get what there is.
    let (one, two, three) = tokio::join!(evict("p"), evict("q"), evict("r"));
    let mut codes = [one, two, three].map(|answer| answer.code.as_u16());
    codes.sort_unstable();
    assert_eq!(codes, [201, 201, 429]);
    let status = admin.get(&format!("{BUDGETS}/b")).await.ok()["status"].clone();
    assert_eq!(status["disruptionsAllowed"], 0);
    assert_eq!(status["disruptedPods"].as_object().map(serde_json::Map::len), Some(2));
}
