use serde_json::{Value, json};

use crate::harness::*;

const ALL: &[&str] = &["deployment", "replicaset", "garbage-collector"];

/// Waits until the rollout of the present generation has ended.
async fn rolled_out(cluster: &Cluster, name: &str) -> Value {
    cluster
        .until("rolled out", async || {
            let found = cluster.get(&DEPLOYMENTS, Some("default"), name).await.expect("is there");
            let status = &found["status"];
            let number = |field: &str| status[field].as_i64().unwrap_or(0);
            let wanted = found["spec"]["replicas"].as_i64().expect("defaulted");
            let generation = found["metadata"]["generation"].as_i64().unwrap_or(0);
            let done = number("observedGeneration") >= generation
                && ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|f| number(f) == wanted);
            if done { Ok(found) } else { Err(found) }
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_comes_up_is_updated_undone_resized_and_removed() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(ALL, None);
    let _kubelet = Kubelet::start(&cluster);
    let default = Some("default");
    cluster.create(&DEPLOYMENTS, default, deployment("web", 3, "one")).await;
    let found = rolled_out(&cluster, "web").await;
    assert_eq!(found["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    let first = cluster.list(&SETS, default).await.remove(0);
    let first_name = first["metadata"]["name"].as_str().expect("a name").to_string();

    let template = |image: &str| {
        json!({"spec": {"template": {"spec": {"containers": [
        {"name": "web", "image": image}]}}}})
    };
    cluster.patch(&DEPLOYMENTS, default, "web", template("two")).await;
    rolled_out(&cluster, "web").await;
    for pod in cluster.list(&PODS, default).await {
        if pod["metadata"]["deletionTimestamp"].is_null() {
            assert_eq!(pod["spec"]["containers"][0]["image"], "two");
        }
    }

    cluster.patch(&DEPLOYMENTS, default, "web", template("one")).await;
    let found = rolled_out(&cluster, "web").await;
    assert_eq!(found["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!(cluster.list(&SETS, default).await.len(), 2, "the old set is used again");

    cluster.patch(&DEPLOYMENTS, default, "web", json!({"spec": {"replicas": 20}})).await;
    rolled_out(&cluster, "web").await;
    cluster.patch(&DEPLOYMENTS, default, "web", json!({"spec": {"replicas": 2}})).await;
    rolled_out(&cluster, "web").await;

    let events = cluster
        .until("events", async || {
            let events = cluster.events("web").await;
            let scaled = events.get("ScalingReplicaSet").cloned().unwrap_or_default();
            if scaled.len() > 3 { Ok(scaled) } else { Err(json!(scaled)) }
        })
        .await;
    assert!(events.contains(&format!("Scaled up replica set {first_name} from 0 to 3")), "{events:?}");
    let created = cluster.events(&first_name).await;
    assert!(created["SuccessfulCreate"][0].starts_with(&format!("Created pod: {first_name}-")), "{created:?}");

    cluster.delete(&DEPLOYMENTS, default, "web", "Background").await;
    cluster.until_none(&SETS, "default").await;
    cluster.until_none(&PODS, "default").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_set_ever_has_more_pods_than_it_was_asked_for() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(ALL, None);
    let _kubelet = Kubelet::start(&cluster);
    cluster.create(&DEPLOYMENTS, Some("default"), deployment("web", 200, "one")).await;
    rolled_out(&cluster, "web").await;
    // Each pod that was ever made has an event or is there; simplest is to count what is there now.
    assert_eq!(cluster.list(&PODS, Some("default")).await.len(), 200);
    // A pod that is taken away is replaced by exactly one.
    let victim = cluster.list(&PODS, Some("default")).await.remove(7);
    let name = victim["metadata"]["name"].as_str().expect("a name");
    cluster.delete(&PODS, Some("default"), name, "Background").await;
    cluster
        .until("replaced", async || {
            let pods = cluster.list(&PODS, Some("default")).await;
            let there = pods.iter().any(|pod| pod["metadata"]["name"] == json!(name));
            assert!(pods.len() <= 201, "too many");
            if !there && pods.len() == 200 { Ok(()) } else { Err(json!(pods.len())) }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_comes_back_finds_its_pods_and_makes_no_more() {
    let cluster = Cluster::start().await;
    let controllers = cluster.controllers(ALL, None);
    let _kubelet = Kubelet::start(&cluster);
    cluster.create(&DEPLOYMENTS, Some("default"), deployment("web", 5, "one")).await;
    rolled_out(&cluster, "web").await;
    let uids = async || {
        let mut uids: Vec<_> = cluster
            .list(&PODS, Some("default"))
            .await
            .iter()
            .map(|pod| pod["metadata"]["uid"].as_str().unwrap_or_default().to_string())
            .collect();
        uids.sort();
        uids
    };
    let before = uids().await;
    controllers.stop().await;
    cluster.patch(&DEPLOYMENTS, Some("default"), "web", json!({"spec": {"paused": true}})).await;
    let _controllers = cluster.controllers(ALL, None);
    cluster
        .until("seen by the new one", async || {
            let found = cluster.get(&DEPLOYMENTS, Some("default"), "web").await.expect("is there");
            let seen = found["status"]["observedGeneration"] == found["metadata"]["generation"];
            if seen { Ok(()) } else { Err(found) }
        })
        .await;
    assert_eq!(uids().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_asks_for_it_rolls_when_its_configuration_changes() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["deployment", "replicaset", "config-roll"], None);
    let _kubelet = Kubelet::start(&cluster);
    let config = json!({"metadata": {"name": "settings"}, "data": {"k": "one"}});
    cluster.create(&CONFIG_MAPS, Some("default"), config).await;
    for (name, asks) in [("asks", "true"), ("does-not", "false")] {
        let mut body = deployment(name, 1, "one");
        body["metadata"]["annotations"] = json!({"timonier.dev/roll-on-config-change": asks});
        body["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": "settings"}}]);
        cluster.create(&DEPLOYMENTS, Some("default"), body).await;
    }
    let noted = async || {
        cluster
            .until("the content is noted", async || {
                let found = cluster.get(&DEPLOYMENTS, Some("default"), "asks").await.expect("is there");
                let hash = found["metadata"]["annotations"]["timonier.dev/config-hash"].clone();
                if hash.is_string() { Ok((hash, found)) } else { Err(found) }
            })
            .await
    };
    let (first, before) = noted().await;
    assert!(before["spec"]["template"]["metadata"]["annotations"].is_null(), "nothing has changed yet");
    // Other metadata is no content.
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    cluster.patch(&CONFIG_MAPS, Some("default"), "settings", label).await;
    cluster.patch(&CONFIG_MAPS, Some("default"), "settings", json!({"data": {"k": "two"}})).await;
    let sets = cluster
        .until("it rolls", async || {
            let sets = cluster.list(&SETS, Some("default")).await;
            let done = cluster.get(&DEPLOYMENTS, Some("default"), "asks").await.expect("is there");
            let rolled = done["status"]["observedGeneration"] == 2 && done["status"]["updatedReplicas"] == 1;
            if sets.len() == 3 && rolled { Ok(sets) } else { Err(json!([sets, done])) }
        })
        .await;
    let (second, _) = noted().await;
    assert_ne!(first, second);
    let hashes: Vec<_> = sets
        .iter()
        .filter(|set| set["metadata"]["ownerReferences"][0]["name"] == "asks")
        .map(|set| set["spec"]["template"]["metadata"]["annotations"]["timonier.dev/config-hash"].clone())
        .collect();
    assert!(hashes.contains(&second) && hashes.contains(&Value::Null), "{hashes:?}");
}
