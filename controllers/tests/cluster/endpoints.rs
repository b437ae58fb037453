use serde_json::{Value, json};
use timonier_client::Resource;

use crate::harness::*;

const SERVICES: Resource = Resource::of("", "v1", "services");
const ENDPOINTS: Resource = Resource::of("", "v1", "endpoints");
const SLICES: Resource = Resource::of("discovery.k8s.io", "v1", "endpointslices");

const ALL: &[&str] = &["endpointslice", "endpointslice-mirroring", "endpoints", "garbage-collector"];

async fn pod(cluster: &Cluster, name: &str, address: &str) {
    let body = json!({"metadata": {"name": name, "labels": {"app": "web"}}, "spec": {"nodeName": "n",
        "containers": [{"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": 8080}]}]}});
    cluster.create(&PODS, Some("default"), body).await;
    let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": BECAME_READY});
    let status =
        json!({"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": [ready]}});
    let request = http::Request::patch(format!("{}/{name}/status", PODS.path(Some("default"))))
        .header("content-type", "application/merge-patch+json");
    let request = request.body(status.to_string().into_bytes()).expect("a request");
    let _patched: Value = cluster.admin.request(request).await.expect("patched");
}

const TRIGGER: &str = "endpoints.kubernetes.io/last-change-trigger-time";
/// Every pod here: long ago, so that it can be told from all that happens now.
const BECAME_READY: &str = "2026-01-01T00:00:00Z";

/// The service asks for endpoints that are near, and no longer.
async fn near_first(cluster: &Cluster) {
    let hints = async |expect: Value| {
        cluster
            .until(&format!("hints are {expect}"), async || {
                let slices = cluster.list(&SLICES, Some("default")).await;
                let endpoints = slices.iter().flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
                let wrong = endpoints.filter(|endpoint| endpoint["hints"] != expect).count();
                if wrong == 0 { Ok(()) } else { Err(json!(slices)) }
            })
            .await;
    };
    let node = json!({"metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "east"}}});
    cluster.create(&NODES, None, node).await;
    let near = json!({"forZones": [{"name": "east"}]});
    let nearest = json!({"forZones": [{"name": "east"}], "forNodes": [{"name": "n"}]});
    let wishes = [
        (json!("PreferSameZone"), near.clone()),
        (json!("PreferSameNode"), nearest),
        (json!("PreferClose"), near),
        (Value::Null, Value::Null),
    ];
    for (wish, expect) in wishes {
        cluster.patch(&SERVICES, Some("default"), "web", json!({"spec": {"trafficDistribution": wish}})).await;
        hints(expect).await;
    }
    // Shared out among zones, there must be two of them.
    let auto = json!({"metadata": {"annotations": {"service.kubernetes.io/topology-mode": "Auto"}}});
    cluster.patch(&SERVICES, Some("default"), "web", auto).await;
    let ready = |zone: &str| {
        json!({"metadata": {"name": zone, "labels": {"topology.kubernetes.io/zone": zone}},
        "status": {"allocatable": {"cpu": "2"}, "conditions": [{"type": "Ready", "status": "True"}]}})
    };
    cluster.create(&NODES, None, ready("west")).await;
    let there = json!({"status": {"allocatable": {"cpu": "2"}, "conditions": [{"type": "Ready", "status": "True"}]}});
    cluster.patch_status(&NODES, None, "n", there).await;
    cluster
        .until("one endpoint is for each zone", async || {
            let slices = cluster.list(&SLICES, Some("default")).await;
            let endpoints = slices.iter().flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
            let mut zones: Vec<_> =
                endpoints.filter_map(|endpoint| endpoint["hints"]["forZones"][0]["name"].as_str()).collect();
            zones.sort();
            if zones == ["east", "west"] { Ok(()) } else { Err(json!(slices)) }
        })
        .await;
    let plain = json!({"metadata": {"annotations": {"service.kubernetes.io/topology-mode": null}}});
    cluster.patch(&SERVICES, Some("default"), "web", plain).await;
    hints(Value::Null).await;
}

/// Addresses in the slices of a service, with who keeps them.
async fn behind(cluster: &Cluster, service: &str, expect: Value) -> Vec<Value> {
    cluster
        .until(&format!("{expect} are behind {service}"), async || {
            let mut slices = cluster.list(&SLICES, Some("default")).await;
            slices.retain(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service);
            let endpoints = slices.iter().flat_map(|slice| slice["endpoints"].as_array().cloned().unwrap_or_default());
            let addresses: Vec<Value> =
                endpoints.map(|one| json!([one["addresses"][0], one["conditions"]["ready"]])).collect();
            if json!(addresses) == expect { Ok(slices) } else { Err(json!(slices)) }
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_told_by_their_pods_or_by_whoever_keeps_endpoints() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(ALL, None);
    pod(&cluster, "a", "10.0.0.1").await;
    let service = json!({"metadata": {"name": "web", "labels": {"team": "x"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}});
    cluster.create(&SERVICES, Some("default"), service).await;
    let slices = behind(&cluster, "web", json!([["10.0.0.1", true]])).await;
    assert_eq!(slices[0]["ports"], json!([{"name": "", "port": 8080, "protocol": "TCP"}]));
    assert_eq!(
        slices[0]["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"],
        "endpointslice-controller.k8s.io"
    );
    assert_eq!(slices[0]["metadata"]["labels"]["team"], "x");
    let trigger = |object: &Value| object["metadata"]["annotations"][TRIGGER].clone();
    let created = cluster.get(&SERVICES, Some("default"), "web").await.expect("is there");
    assert_eq!(trigger(&slices[0]), created["metadata"]["creationTimestamp"]);
    pod(&cluster, "b", "10.0.0.2").await;
    let slices = behind(&cluster, "web", json!([["10.0.0.1", true], ["10.0.0.2", true]])).await;
    assert_eq!(trigger(&slices[0]), BECAME_READY);
    near_first(&cluster).await;
    let old = async |expect: Value| {
        cluster
            .until(&format!("Endpoints say {expect}"), async || {
                let found = cluster.get(&ENDPOINTS, Some("default"), "web").await.unwrap_or_default();
                let addresses = found["subsets"][0]["addresses"].as_array().cloned().unwrap_or_default();
                let ips: Vec<Value> = addresses.iter().map(|address| address["ip"].clone()).collect();
                if json!(ips) == expect { Ok(()) } else { Err(found) }
            })
            .await
    };
    old(json!(["10.0.0.1", "10.0.0.2"])).await;
    cluster.delete(&PODS, Some("default"), "a", "Background").await;
    let slices = behind(&cluster, "web", json!([["10.0.0.1", false], ["10.0.0.2", true]])).await;
    assert_eq!(slices[0]["endpoints"][0]["conditions"]["terminating"], true);
    old(json!(["10.0.0.2"])).await;

    // Without a selector somebody else knows.
    cluster
        .create(&SERVICES, Some("default"), json!({"metadata": {"name": "other"}, "spec": {"ports": [{"port": 80}]}}))
        .await;
    let subset = json!({"addresses": [{"ip": "192.0.2.7"}], "notReadyAddresses": [{"ip": "192.0.2.8"}], "ports": [{"port": 5432}]});
    cluster.create(&ENDPOINTS, Some("default"), json!({"metadata": {"name": "other"}, "subsets": [subset]})).await;
    let slices = behind(&cluster, "other", json!([["192.0.2.7", true], ["192.0.2.8", false]])).await;
    assert_eq!(
        slices[0]["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"],
        "endpointslicemirroring-controller.k8s.io"
    );

    for service in ["web", "other"] {
        cluster.delete(&SERVICES, Some("default"), service, "Background").await;
    }
    cluster.until_none(&SLICES, "default").await;
    assert!(cluster.get(&ENDPOINTS, Some("default"), "other").await.is_some(), "a user's own stays");
    cluster
        .until("the rest is gone", async || {
            let found = cluster.get(&ENDPOINTS, Some("default"), "web").await;
            if found.is_none() { Ok(()) } else { Err(json!(found)) }
        })
        .await;
}
