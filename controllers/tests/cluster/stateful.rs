use serde_json::{Value, json};

use crate::harness::*;

const ALL: &[&str] = &["statefulset", "replicationcontroller", "garbage-collector", "persistentvolumeclaim-protection"];
const DEFAULT: Option<&str> = Some("default");

fn stateful_set(name: &str, spec: Value) -> Value {
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "annotations": {"kubernetes.io/change-cause": "first"}},
        "spec": {
            "replicas": 3, "serviceName": name, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "one"}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Mi"}}}}],
        },
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        set["spec"][key] = value.clone();
    }
    set
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
}

/// Waits until all pods are of the present template and ready, as `kubectl rollout status` does.
async fn rolled_out(cluster: &Cluster, name: &str) -> Value {
    cluster
        .until("rolled out", async || {
            let found = cluster.get(&STATEFUL_SETS, DEFAULT, name).await.expect("is there");
            let status = &found["status"];
            let wanted = found["spec"]["replicas"].as_i64().expect("defaulted");
            let counts = ["replicas", "readyReplicas", "updatedReplicas", "availableReplicas"];
            let done = status["observedGeneration"] == found["metadata"]["generation"]
                && counts.iter().all(|count| status[count].as_i64().unwrap_or(0) == wanted)
                && status["currentRevision"] == status["updateRevision"];
            if done { Ok(found) } else { Err(found) }
        })
        .await
}

/// Name and image of its pods.
async fn pods(cluster: &Cluster, name: &str) -> Vec<(String, String)> {
    let pods = cluster.list(&PODS, DEFAULT).await.into_iter();
    let ours = pods.filter(|pod| pod["metadata"]["labels"]["app"] == json!(name));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ours.map(|pod| (text(&pod["metadata"]["name"]), text(&pod["spec"]["containers"][0]["image"]))).collect()
}

async fn claims(cluster: &Cluster) -> Vec<String> {
    let claims = cluster.list(&CLAIMS, DEFAULT).await.into_iter();
    let staying = claims.filter(|claim| claim["metadata"]["deletionTimestamp"].is_null());
    staying.map(|claim| claim["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_set_comes_up_is_updated_undone_resized_and_removed() {
    let cluster = Cluster::start().await;
    let controllers = cluster.controllers(ALL, None);
    let _kubelet = Kubelet::start(&cluster);
    let retention = json!({"whenDeleted": "Retain", "whenScaled": "Delete"});
    let spec = json!({"persistentVolumeClaimRetentionPolicy": retention});
    cluster.create(&STATEFUL_SETS, DEFAULT, stateful_set("db", spec)).await;
    let found = rolled_out(&cluster, "db").await;
    let first = found["status"]["currentRevision"].as_str().expect("a revision").to_owned();
    let pod = cluster.get(&PODS, DEFAULT, "db-1").await.expect("is there");
    assert_eq!(
        pod["metadata"]["labels"],
        json!({"app": "db", "controller-revision-hash": first,
            "statefulset.kubernetes.io/pod-name": "db-1", "apps.kubernetes.io/pod-index": "1"})
    );
    assert_eq!((&pod["spec"]["hostname"], &pod["spec"]["subdomain"]), (&json!("db-1"), &json!("db")));
    assert_eq!(pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "data-db-1");
    assert_eq!(claims(&cluster).await, ["data-db-0", "data-db-1", "data-db-2"]);

    // Only what is above the partition is new.
    cluster.patch(&STATEFUL_SETS, DEFAULT, "db", image("two")).await;
    let partition = |partition: i32| json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": partition}}}});
    rolled_out(&cluster, "db").await;
    cluster.patch(&STATEFUL_SETS, DEFAULT, "db", partition(2)).await;
    cluster.patch(&STATEFUL_SETS, DEFAULT, "db", image("three")).await;
    let partly = async || {
        let found = pods(&cluster, "db").await;
        let images: Vec<_> = found.iter().map(|(_, image)| image.as_str()).collect();
        if images == ["two", "two", "three"] { Ok(()) } else { Err(json!(found)) }
    };
    cluster.until("the last one is new", partly).await;
    cluster.patch(&STATEFUL_SETS, DEFAULT, "db", partition(0)).await;
    rolled_out(&cluster, "db").await;

    // To undo is to apply what a revision keeps.
    let revision = cluster.get(&REVISIONS, DEFAULT, &first).await.expect("is kept");
    assert_eq!((&revision["revision"], cluster.list(&REVISIONS, DEFAULT).await.len()), (&json!(1), 3));
    assert_eq!(revision["metadata"]["annotations"]["kubernetes.io/change-cause"], "first");
    cluster.strategic_patch(&STATEFUL_SETS, DEFAULT, "db", revision["data"].clone()).await;
    let found = rolled_out(&cluster, "db").await;
    assert_eq!(found["status"]["currentRevision"], json!(first));
    assert!(pods(&cluster, "db").await.iter().all(|(_, image)| image == "one"));
    let revisions = cluster.list(&REVISIONS, DEFAULT).await;
    let numbers: Vec<_> = revisions.iter().filter_map(|found| found["revision"].as_i64()).collect();
    assert_eq!((numbers.len(), numbers.iter().max()), (3, Some(&4)));
    cluster.patch(&STATEFUL_SETS, DEFAULT, "db", json!({"spec": {"revisionHistoryLimit": 1}})).await;
    let fewer = async || {
        let left = cluster.list(&REVISIONS, DEFAULT).await;
        if left.len() == 2 { Ok(()) } else { Err(json!(left)) }
    };
    cluster.until("one of the past is kept", fewer).await;

    // A claim that was scaled away goes with its pod, and comes back new.
    let uid =
        async |name: &str| cluster.get(&CLAIMS, DEFAULT, name).await.expect("is there")["metadata"]["uid"].clone();
    let (kept, given_up) = (uid("data-db-0").await, uid("data-db-2").await);
    cluster.patch(&STATEFUL_SETS, DEFAULT, "db", json!({"spec": {"replicas": 1}})).await;
    rolled_out(&cluster, "db").await;
    let one = async || {
        let left = claims(&cluster).await;
        if left == ["data-db-0"] { Ok(()) } else { Err(json!(left)) }
    };
    cluster.until("claims are gone", one).await;
    cluster.patch(&STATEFUL_SETS, DEFAULT, "db", json!({"spec": {"replicas": 3}})).await;
    rolled_out(&cluster, "db").await;
    assert!(uid("data-db-0").await == kept && uid("data-db-2").await != given_up);

    // Another process goes on where this one ended.
    controllers.stop().await;
    let before = cluster.list(&PODS, DEFAULT).await.len();
    let _controllers = cluster.controllers(ALL, None);
    cluster.patch(&STATEFUL_SETS, DEFAULT, "db", json!({"spec": {"minReadySeconds": 1}})).await;
    rolled_out(&cluster, "db").await;
    assert_eq!((cluster.list(&PODS, DEFAULT).await.len(), before), (3, 3));

    let events = cluster
        .until("events", async || {
            let events = cluster.events("db").await;
            let created = events.get("SuccessfulCreate").cloned().unwrap_or_default();
            if created.len() > 5 { Ok(created) } else { Err(json!(created)) }
        })
        .await;
    for expected in
        ["create Claim data-db-0 Pod db-0 in StatefulSet db success", "create Pod db-0 in StatefulSet db successful"]
    {
        assert!(events.contains(&expected.to_owned()), "{events:?}");
    }
    cluster.delete(&STATEFUL_SETS, DEFAULT, "db", "Background").await;
    cluster.until_none(&PODS, "default").await;
    cluster.until_none(&REVISIONS, "default").await;
    assert_eq!(claims(&cluster).await.len(), 3, "whenDeleted: Retain");
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_sets_and_replication_controllers_work_beside_each_other() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(ALL, None);
    let kubelet = Kubelet::start(&cluster);
    let spec = json!({"podManagementPolicy": "Parallel", "ordinals": {"start": 7},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"}});
    cluster.create(&STATEFUL_SETS, DEFAULT, stateful_set("cache", spec)).await;
    rolled_out(&cluster, "cache").await;
    let names: Vec<_> = pods(&cluster, "cache").await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["cache-7", "cache-8", "cache-9"]);
    let fail = json!({"status": {"phase": "Failed"}});
    drop(kubelet);
    let uid = cluster.get(&PODS, DEFAULT, "cache-8").await.expect("is there")["metadata"]["uid"].clone();
    cluster.patch_status(&PODS, DEFAULT, "cache-8", fail).await;
    cluster
        .until("replaced", async || {
            let found = cluster.get(&PODS, DEFAULT, "cache-8").await.unwrap_or_default();
            if !found.is_null() && found["metadata"]["uid"] != uid { Ok(()) } else { Err(found) }
        })
        .await;
    let _kubelet = Kubelet::start(&cluster);
    rolled_out(&cluster, "cache").await;
    cluster.delete(&STATEFUL_SETS, DEFAULT, "cache", "Background").await;
    cluster.until_none(&CLAIMS, "default").await;
    cluster.until_none(&PODS, "default").await;

    let old = json!({"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "old"},
        "spec": {"replicas": 4, "template": {"metadata": {"labels": {"app": "old"}},
            "spec": {"containers": [{"name": "c", "image": "one"}]}}}});
    cluster.create(&REPLICATION_CONTROLLERS, DEFAULT, old).await;
    let ready = async |wanted: i64| {
        cluster
            .until("as many are ready", async || {
                let found = cluster.get(&REPLICATION_CONTROLLERS, DEFAULT, "old").await.expect("is there");
                let counts = ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
                let done = counts.iter().all(|count| found["status"][count].as_i64().unwrap_or(0) == wanted);
                if done { Ok(()) } else { Err(found) }
            })
            .await;
    };
    ready(4).await;
    cluster.patch(&REPLICATION_CONTROLLERS, DEFAULT, "old", json!({"spec": {"replicas": 2}})).await;
    ready(2).await;
    cluster.delete(&REPLICATION_CONTROLLERS, DEFAULT, "old", "Background").await;
    cluster.until_none(&PODS, "default").await;
}
