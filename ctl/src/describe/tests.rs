//! Pages of whole objects, as kubectl shows them.

use super::*;
use serde_json::json;

fn now() -> Timestamp {
    "2026-01-02T03:10:00Z".parse().expect("a time")
}

fn page(subject: Subject) -> String {
    describe(&subject, now())
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "web", "pod-template-hash": "abc"}},
        "spec": {
            "containers": [{
                "name": "web", "image": "web:1", "command": ["serve", "-v"],
                "ports": [{"containerPort": 80, "name": "http", "protocol": "TCP"}],
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "b"}}},
                    {"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
                ],
                "envFrom": [{"secretRef": {"name": "s", "optional": true}}],
                "resources": {"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "100m"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "periodSeconds": 5},
                "volumeMounts": [{"name": "page", "mountPath": "/www", "readOnly": true}],
            }],
            "volumes": [{"name": "page", "configMap": {"name": "web"}}, {"name": "tmp", "emptyDir": {}}],
            "serviceAccountName": "default",
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            ],
        },
    })
}

fn pod() -> Value {
    let mut spec = template()["spec"].clone();
    spec["nodeName"] = "node-1".into();
    spec["priority"] = 0.into();
    json!({
        "metadata": {
            "name": "web-1", "namespace": "shop", "labels": {"app": "web"}, "annotations": {"note": "x"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-abc", "controller": true, "uid": "u"}],
        },
        "spec": spec,
        "status": {
            "phase": "Running", "hostIP": "127.0.1.1", "podIP": "10.244.0.2", "podIPs": [{"ip": "10.244.0.2"}],
            "qosClass": "Burstable",
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}],
            "containerStatuses": [{
                "name": "web", "containerID": "docker://1", "imageID": "sha256:2", "ready": true, "restartCount": 1,
                "state": {"running": {}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
            }],
        },
    })
}

fn event(reason: &str, first: &str, last: &str, count: i64) -> Value {
    json!({
        "type": "Normal", "reason": reason, "message": format!("{reason} it\n"), "count": count,
        "source": {"component": "kubelet"}, "firstTimestamp": first, "lastTimestamp": last,
    })
}

#[test]
fn a_pod_shows_its_containers_and_events() {
    let events = vec![
        event("Pulled", "2026-01-02T03:08:00Z", "2026-01-02T03:09:30Z", 3),
        event("Scheduled", "2026-01-02T03:07:00Z", "2026-01-02T03:07:00Z", 1),
    ];
    insta::assert_snapshot!(page(Subject {
        group_resource: "pods".into(),
        object: pod(),
        events: Some(events),
        ..Subject::default()
    }));
}

#[test]
fn a_pod_that_is_not_placed_has_no_node_and_no_state() {
    let mut pod = pod();
    pod["spec"].as_object_mut().expect("a spec").remove("nodeName");
    pod["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
    let text = page(Subject { group_resource: "pods".into(), object: pod, ..Subject::default() });
    assert!(text.contains("Node:             <none>\n"), "{text}");
    assert!(!text.contains("State:"), "{text}");
}

#[test]
fn a_deployment_shows_its_template_and_replica_sets() {
    let set = |name: &str, template: Value| json!({"metadata": {"name": name}, "spec": {"replicas": 3, "template": template}, "status": {"replicas": 3}});
    let mut other = template();
    other["spec"]["containers"][0]["image"] = "web:0".into();
    let mut own = template();
    own["metadata"]["labels"] = json!({"app": "web"});
    let object = json!({
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": own,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
        },
        "status": {
            "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3,
            "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}],
        },
    });
    insta::assert_snapshot!(page(Subject {
        group_resource: "deployments.apps".into(),
        object,
        replica_sets: vec![set("web-old", other), set("web-abc", template())],
        events: Some(Vec::new()),
        ..Subject::default()
    }));
}

#[test]
fn a_hollow_node_says_that_it_is() {
    let object = json!({
        "metadata": {"name": "hollow-1", "labels": {"node-role.kubernetes.io/hollow": ""}},
        "spec": {"podCIDR": "10.244.0.0/24", "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.1.1"}],
            "capacity": {"cpu": "2", "memory": "1Gi", "pods": "110"},
            "allocatable": {"cpu": "2", "memory": "1Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"}],
            "nodeInfo": {"containerRuntimeVersion": "hollow://0.1.0"},
        },
    });
    insta::assert_snapshot!(page(Subject {
        group_resource: "nodes".into(),
        object,
        pods: vec![pod()],
        events: Some(Vec::new()),
        ..Subject::default()
    }));
}

#[test]
fn a_secret_shows_sizes_and_a_config_map_shows_texts() {
    let object = json!({"metadata": {"name": "s", "namespace": "d"}, "type": "Opaque", "data": {"key": "c2VjcmV0"}});
    let text = page(Subject { group_resource: "secrets".into(), object, ..Subject::default() });
    assert!(text.ends_with("\nType:  Opaque\n\nData\n====\nkey:  6 bytes\n"), "{text}");
    let object = json!({"metadata": {"name": "c", "namespace": "d"}, "data": {"key": "a\nb"}});
    let text = page(Subject { group_resource: "configmaps".into(), object, ..Subject::default() });
    assert!(text.ends_with("\nData\n====\nkey:\n----\na\nb\n\n\nBinaryData\n====\n\n"), "{text}");
}

#[test]
fn other_kinds_show_every_field_in_words() {
    let object = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "l", "namespace": "n", "uid": "u", "managedFields": []},
        "spec": {"holderIdentity": "me", "leaseDurationSeconds": 40, "list": [1, {"a": "b"}]},
    });
    insta::assert_snapshot!(page(Subject {
        group_resource: "leases.coordination.k8s.io".into(),
        object,
        ..Subject::default()
    }));
}

#[test]
fn sets_show_their_pods_and_what_their_claims_are_made_of() {
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}});
    let object = json!({
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template(),
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
            "volumeClaimTemplates": [claim],
        },
        "status": {"replicas": 2},
    });
    insta::assert_snapshot!(page(Subject {
        group_resource: "statefulsets.apps".into(),
        object,
        pods: vec![pod()],
        events: Some(Vec::new()),
        ..Subject::default()
    }));
    let status = json!({"desiredNumberScheduled": 3, "currentNumberScheduled": 2, "updatedNumberScheduled": 1});
    let mut template = template();
    template["spec"]["nodeSelector"] = json!({"disk": "ssd"});
    let object = json!({
        "metadata": {"name": "agent", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template}, "status": status,
    });
    insta::assert_snapshot!(page(Subject { group_resource: "daemonsets.apps".into(), object, ..Subject::default() }));
}
