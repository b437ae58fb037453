//! A pod as a controller would create it; about 3.5 KB once the server has filled in what was left out.

use serde_json::{Value, json};

pub fn pod(name: &str) -> Value {
    let env: Vec<Value> =
        (0..12).map(|i| json!({"name": format!("SETTING_{i}"), "value": format!("value-of-setting-{i}")})).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {"app": "bench", "tier": "web", "pod-template-hash": "6d4cf56db6"},
            "annotations": {"bench.timonier.io/note": "x".repeat(400)},
        },
        "spec": {
            "nodeName": "nowhere",
            "containers": [{
                "name": "web",
                "image": "registry.example/bench/web:1.2.3",
                "env": env,
                "ports": [{"containerPort": 8080, "name": "http"}],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/web"}],
            }],
            "volumes": [{"name": "config", "configMap": {"name": "web"}}],
        },
    })
}
