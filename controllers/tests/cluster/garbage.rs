use serde_json::{Value, json};

use crate::harness::*;

fn owned_by(name: &str, owner: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": [reference(owner)]}})
}

fn reference(owner: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "blockOwnerDeletion": true,
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]})
}

fn plain(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

const DEFAULT: Option<&str> = Some("default");

async fn gone(cluster: &Cluster, name: &str) {
    cluster
        .until(&format!("{name} is gone"), async || match cluster.get(&CONFIG_MAPS, DEFAULT, name).await {
            None => Ok(()),
            Some(there) => Err(there),
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owned_goes_after_its_owner_all_the_way_down() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["garbage-collector"], None);
    let top = cluster.create(&CONFIG_MAPS, DEFAULT, plain("top")).await;
    let middle = cluster.create(&CONFIG_MAPS, DEFAULT, owned_by("middle", &top)).await;
    cluster.create(&CONFIG_MAPS, DEFAULT, owned_by("bottom", &middle)).await;
    cluster.create(&CONFIG_MAPS, DEFAULT, plain("bystander")).await;
    cluster.delete(&CONFIG_MAPS, DEFAULT, "top", "Background").await;
    gone(&cluster, "bottom").await;
    gone(&cluster, "middle").await;
    assert!(cluster.get(&CONFIG_MAPS, DEFAULT, "bystander").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_of_another_uid_is_no_owner() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["garbage-collector"], None);
    let mut namesake = cluster.create(&CONFIG_MAPS, DEFAULT, plain("owner")).await;
    cluster.create(&CONFIG_MAPS, DEFAULT, owned_by("kept", &namesake)).await;
    namesake["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    cluster.create(&CONFIG_MAPS, DEFAULT, owned_by("lost", &namesake)).await;
    gone(&cluster, "lost").await;
    assert!(cluster.get(&CONFIG_MAPS, DEFAULT, "kept").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_foreground_the_owner_goes_last() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["garbage-collector"], None);
    let owner = cluster.create(&CONFIG_MAPS, DEFAULT, plain("owner")).await;
    let mut held = owned_by("held", &owner);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    cluster.create(&CONFIG_MAPS, DEFAULT, held).await;
    cluster.delete(&CONFIG_MAPS, DEFAULT, "owner", "Foreground").await;
    cluster
        .until("the dependent is being deleted", async || {
            let held = cluster.get(&CONFIG_MAPS, DEFAULT, "held").await.expect("held");
            if held["metadata"]["deletionTimestamp"].is_null() { Err(held) } else { Ok(()) }
        })
        .await;
    assert!(cluster.get(&CONFIG_MAPS, DEFAULT, "owner").await.is_some());
    cluster.patch(&CONFIG_MAPS, DEFAULT, "held", json!({"metadata": {"finalizers": null}})).await;
    gone(&cluster, "held").await;
    gone(&cluster, "owner").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_stay_and_lose_the_reference() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["garbage-collector"], None);
    let owner = cluster.create(&CONFIG_MAPS, DEFAULT, plain("owner")).await;
    cluster.create(&CONFIG_MAPS, DEFAULT, owned_by("child", &owner)).await;
    // Dependents are set free as far as they are known, so let them be known.
    let other = cluster.create(&CONFIG_MAPS, DEFAULT, plain("other")).await;
    cluster.create(&CONFIG_MAPS, DEFAULT, owned_by("probe", &other)).await;
    cluster.delete(&CONFIG_MAPS, DEFAULT, "other", "Background").await;
    gone(&cluster, "probe").await;
    cluster.delete(&CONFIG_MAPS, DEFAULT, "owner", "Orphan").await;
    gone(&cluster, "owner").await;
    let child = cluster.get(&CONFIG_MAPS, DEFAULT, "child").await.expect("stays");
    assert!(child["metadata"]["ownerReferences"].is_null(), "{child:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_owner_that_stays_keeps_the_object_and_the_other_reference_is_removed() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["garbage-collector"], None);
    let (stays, goes) = (
        cluster.create(&CONFIG_MAPS, DEFAULT, plain("stays")).await,
        cluster.create(&CONFIG_MAPS, DEFAULT, plain("goes")).await,
    );
    let mut child = plain("child");
    child["metadata"]["ownerReferences"] = json!([reference(&stays), reference(&goes)]);
    cluster.create(&CONFIG_MAPS, DEFAULT, child).await;
    cluster.delete(&CONFIG_MAPS, DEFAULT, "goes", "Background").await;
    cluster
        .until("the reference is removed", async || {
            let child = cluster.get(&CONFIG_MAPS, DEFAULT, "child").await.expect("stays");
            let owners = child["metadata"]["ownerReferences"].as_array().map_or(0, Vec::len);
            if owners == 1 { Ok(()) } else { Err(child) }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn circles_go_and_owners_in_other_namespaces_own_nothing() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["garbage-collector"], None);
    let first = cluster.create(&CONFIG_MAPS, DEFAULT, plain("first")).await;
    let second = cluster.create(&CONFIG_MAPS, DEFAULT, owned_by("second", &first)).await;
    cluster.patch(&CONFIG_MAPS, DEFAULT, "first", json!({"metadata": {"ownerReferences": [reference(&second)]}})).await;
    cluster.delete(&CONFIG_MAPS, DEFAULT, "first", "Foreground").await;
    gone(&cluster, "first").await;
    gone(&cluster, "second").await;

    let elsewhere = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}});
    cluster.create(&NAMESPACES, None, elsewhere).await;
    let owner = cluster.create(&CONFIG_MAPS, Some("elsewhere"), plain("owner")).await;
    let own = cluster.create(&CONFIG_MAPS, Some("elsewhere"), owned_by("own", &owner)).await;
    cluster.create(&CONFIG_MAPS, DEFAULT, owned_by("stranger", &owner)).await;
    gone(&cluster, "stranger").await;
    let said = cluster
        .until("it is said", async || {
            let events = cluster.events("stranger").await;
            events.get("OwnerRefInvalidNamespace").map(|said| said[0].clone()).ok_or(json!(events))
        })
        .await;
    let uid = owner["metadata"]["uid"].as_str().expect("a uid");
    let expect = format!(
        "ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: {uid}] does not exist in namespace \"default\""
    );
    assert_eq!(said, expect);
    // Those beside the owner are none the worse for it.
    let stays = cluster.get(&CONFIG_MAPS, Some("elsewhere"), "own").await.expect("stays");
    assert_eq!(stays["metadata"]["resourceVersion"], own["metadata"]["resourceVersion"]);
}
