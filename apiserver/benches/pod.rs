//! What a typical pod costs on its way through the server: each step by itself, then whole requests without a socket.
//!
//! `cargo bench -p timonier-apiserver --bench pod`. Applying a pod should cost at most three times what creating one does.

#[allow(dead_code, reason = "tests need more of it")]
#[path = "../tests/api/fixture.rs"]
mod fixture;

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::Request;
use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::protobuf::Message;
use timonier_api::schema::Schema;
use timonier_apiserver::kinds::Table;
use timonier_apiserver::{Identity, Local};
use timonier_merge::apply::{Manager, apply, track};
use tower::ServiceExt;

const DEFINITION: &str = "io.k8s.api.core.v1.Pod";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// A web server with a helper beside it, as its author writes it.
fn pod(name: &str) -> Value {
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": "http"}, "periodSeconds": 5});
    let container = |name: &str, port: u16| {
        json!({"name": name, "image": format!("registry.example.com/team/{name}:1.2.3"),
            "ports": [{"name": "http", "containerPort": port}],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
            "livenessProbe": probe("/live"), "readinessProbe": probe("/ready"),
            "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}, {"name": "scratch", "mountPath": "/tmp"}]})
    };
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web", "tier": "front"}, "annotations": {"team": "a"}},
        "spec": {"containers": [container("web", 8080), container("helper", 9090)],
            "volumes": [{"name": "config", "configMap": {"name": "web"}}, {"name": "scratch", "emptyDir": {}}],
            "securityContext": {"runAsNonRoot": true}, "terminationGracePeriodSeconds": 20,
            "tolerations": [{"key": "spot", "operator": "Exists"}]}})
}

fn manager(name: &str) -> Manager<'_> {
    Manager { name, api_version: "v1", subresource: "", time: Timestamp::UNIX_EPOCH }
}

fn steps(criterion: &mut Criterion) {
    let schema = Schema::of(DEFINITION).expect("pods have a schema");
    let message = Message::of(DEFINITION).expect("pods have protobuf");
    let table = Table::builtin();
    let row = table.by_plural("", "v1", "pods").expect("there are pods");
    let text = pod("web").to_string();
    let sent = pod("web");
    let mut whole = sent.clone();
    whole["metadata"]["namespace"] = "default".into();
    row.hooks.default(&mut whole);
    row.hooks.prepare_create(&mut whole);
    assert_eq!(row.check_create(&whole), vec![]);
    let applied = apply(None, &whole, &manager("a"), false, schema).expect("nobody else owns anything");
    let protobuf = message.encode(text.as_bytes()).expect("encodes");

    let mut group = criterion.benchmark_group("pod");
    group.bench_function("decode", |b| b.iter(|| serde_json::from_str::<Value>(black_box(&text))));
    group.bench_function("decode protobuf", |b| b.iter(|| message.decode(black_box(&protobuf))));
    group.bench_function("prune", |b| {
        b.iter_batched_ref(|| sent.clone(), |pod| schema.prune(pod), BatchSize::SmallInput);
    });
    group.bench_function("default", |b| {
        b.iter_batched_ref(|| sent.clone(), |pod| row.hooks.default(pod), BatchSize::SmallInput);
    });
    group.bench_function("validate", |b| b.iter(|| row.check_create(black_box(&whole))));
    group.bench_function("track a creation", |b| {
        let object = || whole.clone();
        b.iter_batched_ref(object, |pod| track(None, pod, &manager("a"), schema), BatchSize::SmallInput);
    });
    group.bench_function("apply, new", |b| b.iter(|| apply(None, black_box(&sent), &manager("a"), false, schema)));
    group.bench_function("apply, again", |b| {
        b.iter(|| apply(Some(&applied), black_box(&whole), &manager("a"), false, schema));
    });
    group.bench_function("encode", |b| b.iter(|| black_box(&applied).to_string()));
    group.bench_function("encode protobuf", |b| b.iter(|| message.encode(black_box(text.as_bytes()))));
    group.finish();
}

async fn send(server: &Local, method: &str, path: String, kind: &str, body: &Value) {
    let request = Request::builder().method(method).uri(path).header("content-type", kind);
    let request = request.body(axum::body::Body::from(body.to_string())).expect("is a request");
    let response = server.clone().oneshot(request).await.expect("has an answer");
    assert!(response.status().is_success(), "{}", response.status());
}

fn requests(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let cluster = runtime.block_on(fixture::Cluster::start());
    let server = cluster.server.local(Identity::admin());
    let next = AtomicU64::new(0);
    let name = || format!("pod-{}", next.fetch_add(1, Ordering::Relaxed));
    let apply = |name: &str| format!("{PODS}/{name}?fieldManager=bench");

    let mut group = criterion.benchmark_group("request");
    group.bench_function("create", |b| {
        b.to_async(&runtime).iter(async || {
            send(&server, "POST", PODS.to_string(), fixture::JSON.1, &pod(&name())).await;
        });
    });
    group.bench_function("apply, new", |b| {
        b.to_async(&runtime).iter(async || {
            let name = name();
            send(&server, "PATCH", apply(&name), fixture::APPLY.1, &pod(&name)).await;
        });
    });
    let one = name();
    group.bench_function("apply, changed", |b| {
        b.to_async(&runtime).iter(async || {
            let mut pod = pod(&one);
            pod["spec"]["containers"][0]["image"] = format!("web:{}", next.fetch_add(1, Ordering::Relaxed)).into();
            send(&server, "PATCH", apply(&one), fixture::APPLY.1, &pod).await;
        });
    });
    let same = pod(&one);
    group.bench_function("apply, unchanged", |b| {
        b.to_async(&runtime).iter(async || send(&server, "PATCH", apply(&one), fixture::APPLY.1, &same).await);
    });
    group.finish();
}

criterion_group!(pod_benches, steps, requests);
criterion_main!(pod_benches);
