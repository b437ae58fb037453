//! As much of an API server as a node's pods need: list, watch, status, delete. Holds no rules of its own.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use axum::body::Body;
use futures::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

#[derive(Clone)]
pub struct FakeApi {
    state: Arc<Mutex<State>>,
    revision: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    pods: BTreeMap<String, Value>,
    /// Every change, by revision.
    history: Vec<(u64, Value)>,
    revision: u64,
    down: bool,
    status_writes: u32,
    /// Names of the pods that were deleted for good, in order.
    finalized: Vec<String>,
}

impl FakeApi {
    pub fn new() -> Self {
        FakeApi { state: Arc::default(), revision: watch::channel(0).0 }
    }

    pub fn client(&self) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        Client::new(service, "default")
    }

    /// As if nobody listened.
    pub fn set_down(&self, down: bool) {
        self.state.lock().down = down;
    }

    pub fn status_writes(&self) -> u32 {
        self.state.lock().status_writes
    }

    pub fn finalized(&self) -> Vec<String> {
        self.state.lock().finalized.clone()
    }

    pub fn pod(&self, name: &str) -> Option<Value> {
        self.state.lock().pods.get(name).cloned()
    }

    /// Creates a pod of one container, bound to the node.
    pub fn create(&self, name: &str, spec: Value) {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "uid": format!("uid-of-{name}"), "generation": 1},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "image:1"}]},
            "status": {"phase": "Pending"},
        });
        for (key, value) in spec.as_object().into_iter().flatten() {
            pod["spec"][key] = value.clone();
        }
        self.put(name, "ADDED", pod);
    }

    pub fn change(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut pod = self.pod(name).expect("the pod");
        change(&mut pod);
        self.put(name, "MODIFIED", pod);
    }

    /// Removes a pod without asking its agent.
    pub fn forget(&self, name: &str) {
        let mut state = self.state.lock();
        let pod = state.pods.remove(name).expect("the pod");
        state.revision += 1;
        let revision = state.revision;
        let mut last = pod;
        last["metadata"]["resourceVersion"] = json!(revision.to_string());
        state.history.push((revision, json!({"type": "DELETED", "object": last})));
        drop(state);
        self.revision.send_replace(revision);
    }

    /// Looks until the pod is as wanted.
    pub async fn until(&self, name: &str, what: &str, wanted: impl Fn(Option<&Value>) -> bool) {
        let mut changes = self.revision.subscribe();
        let seen = tokio::time::timeout(Duration::from_secs(30), async {
            while !wanted(self.pod(name).as_ref()) {
                changes.changed().await.expect("changes");
            }
        });
        assert!(seen.await.is_ok(), "{name} never {what}: {:#}", self.pod(name).unwrap_or_default());
    }

    fn put(&self, name: &str, kind: &str, mut pod: Value) {
        let mut state = self.state.lock();
        state.revision += 1;
        let revision = state.revision;
        pod["metadata"]["resourceVersion"] = json!(revision.to_string());
        state.history.push((revision, json!({"type": kind, "object": pod})));
        state.pods.insert(name.to_owned(), pod);
        drop(state);
        self.revision.send_replace(revision);
    }

    async fn answer(&self, request: Request<kube::client::Body>) -> Response<Body> {
        if self.state.lock().down {
            return status(StatusCode::SERVICE_UNAVAILABLE);
        }
        let (parts, body) = request.into_parts();
        let path: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
        let query = parts.uri.query().unwrap_or_default();
        match (&parts.method, path.as_slice()) {
            (&Method::GET, ["api", "v1", "pods"]) if query.contains("watch=true") => self.watch(query),
            (&Method::GET, ["api", "v1", "pods"]) => {
                let state = self.state.lock();
                let items: Vec<_> = state.pods.values().collect();
                let meta = json!({"resourceVersion": state.revision.to_string()});
                ok(&json!({"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": items}))
            }
            (&Method::PATCH, ["api", "v1", "namespaces", _, "pods", name, "status"]) => {
                let body = body.collect().await.expect("a body").to_bytes();
                self.write_status(name, serde_json::from_slice(&body).expect("JSON"))
            }
            (&Method::DELETE, ["api", "v1", "namespaces", _, "pods", name]) => {
                if self.pod(name).is_none() {
                    return status(StatusCode::NOT_FOUND);
                }
                self.state.lock().finalized.push((*name).to_owned());
                self.forget(name);
                status(StatusCode::OK)
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    fn write_status(&self, name: &str, patch: Value) -> Response<Body> {
        let Some(mut pod) = self.pod(name) else { return status(StatusCode::NOT_FOUND) };
        for (key, value) in patch["status"].as_object().into_iter().flatten() {
            pod["status"][key] = value.clone();
        }
        self.state.lock().status_writes += 1;
        self.put(name, "MODIFIED", pod);
        ok(&self.pod(name).unwrap_or_default())
    }

    fn watch(&self, query: &str) -> Response<Body> {
        let from = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="));
        let from: u64 = from.and_then(|text| text.parse().ok()).unwrap_or(0);
        let (state, changes) = (self.state.clone(), self.revision.subscribe());
        let lines = stream::unfold((from, changes), move |(from, mut changes)| {
            let state = state.clone();
            async move {
                loop {
                    let later: Vec<_> =
                        state.lock().history.iter().filter(|(revision, _)| *revision > from).cloned().collect();
                    if let Some((last, _)) = later.last() {
                        let text: String = later.iter().map(|(_, event)| format!("{event}\n")).collect();
                        return Some((Ok::<_, Infallible>(text), (*last, changes)));
                    }
                    changes.changed().await.ok()?;
                }
            }
        });
        Response::new(Body::from_stream(lines))
    }
}

fn ok(body: &Value) -> Response<Body> {
    Response::new(Body::from(body.to_string()))
}

fn status(code: StatusCode) -> Response<Body> {
    let verdict = if code.is_success() { "Success" } else { "Failure" };
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": verdict,
        "message": code.to_string(), "reason": "", "code": code.as_u16()});
    let mut response = ok(&body);
    *response.status_mut() = code;
    response
}
