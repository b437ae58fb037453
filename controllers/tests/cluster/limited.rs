use serde_json::{Value, json};
use timonier_client::Resource;

use crate::harness::*;

const QUOTAS: Resource = Resource::of("", "v1", "resourcequotas");
const BUDGETS: Resource = Resource::of("policy", "v1", "poddisruptionbudgets");

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_counts_what_was_there_before_it_and_what_it_limits_later() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["resourcequota"], None);
    for name in ["a", "b"] {
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        cluster.create(&CONFIG_MAPS, Some("default"), body).await;
    }
    let quota = json!({"metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "5"}}});
    cluster.create(&QUOTAS, Some("default"), quota).await;
    let counted = async |expected: Value| {
        cluster
            .until("the count", async || {
                let found = cluster.get(&QUOTAS, Some("default"), "q").await.expect("a quota");
                if found["status"]["used"] == expected { Ok(()) } else { Err(found) }
            })
            .await
    };
    counted(json!({"configmaps": "2"})).await;
    let other = json!({"spec": {"hard": {"configmaps": null, "count/deployments.apps": "1"}}});
    cluster.patch(&QUOTAS, Some("default"), "q", other).await;
    counted(json!({"count/deployments.apps": "0"})).await;
    cluster.create(&DEPLOYMENTS, Some("default"), deployment("web", 0, "one")).await;
    counted(json!({"count/deployments.apps": "1"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evictions_wait_for_pods_to_come_back() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["deployment", "replicaset", "disruption"], None);
    let kubelet = Kubelet::start(&cluster);
    let budget = json!({"metadata": {"name": "web"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    cluster.create(&BUDGETS, Some("default"), budget).await;
    cluster.create(&DEPLOYMENTS, Some("default"), deployment("web", 3, "one")).await;
    let one_may_go = async || {
        cluster
            .until("one may go", async || {
                let found = cluster.get(&BUDGETS, Some("default"), "web").await.expect("a budget");
                let status = &found["status"];
                let counts = (&status["disruptionsAllowed"], &status["currentHealthy"], &status["expectedPods"]);
                if counts == (&json!(1), &json!(3), &json!(3)) { Ok(()) } else { Err(found) }
            })
            .await
    };
    one_may_go().await;
    let pods = cluster.list(&PODS, Some("default")).await;
    let evict = async |pod: &Value| {
        let name = pod["metadata"]["name"].as_str().expect("a name");
        let request = http::Request::post(format!("{}/{name}/eviction", PODS.path(Some("default"))));
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
        let request = request.header("content-type", "application/json").body(body.to_string().into_bytes());
        cluster.admin.request::<Value>(request.expect("a request")).await
    };
    // Both at once: the second would leave too few, as long as nothing else comes up.
    drop(kubelet);
    let both = tokio::join!(evict(&pods[0]), evict(&pods[1]));
    let refused = match both {
        (Ok(_), Err(kube::Error::Api(refused))) | (Err(kube::Error::Api(refused)), Ok(_)) => refused,
        other => panic!("{other:?}"),
    };
    assert_eq!((refused.code, &*refused.reason), (429, "TooManyRequests"));
    let _kubelet = Kubelet::start(&cluster);
    one_may_go().await;
    assert!(evict(&pods[2]).await.is_ok());
}
