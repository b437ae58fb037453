use std::{collections::VecDeque, sync::Arc};

use http::{Request, Response};
use kube::client::Body;
use parking_lot::Mutex;

use super::*;

const PODS: Resource = Resource::of("", "v1", "pods");

/// A server that answers from a script and notes what it was asked. Real servers do not expire, fail and
/// fall silent on demand.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Script {
    fn new(answers: &[(u16, &str)]) -> Script {
        let answers = answers.iter().map(|(code, body)| (*code, body.to_string())).collect();
        Script { answers: Arc::new(Mutex::new(answers)), ..Script::default() }
    }

    fn watcher(&self) -> Watcher<MetadataOnly> {
        let script = self.clone();
        let client = crate::local(tower::service_fn(move |request: Request<Body>| {
            script.asked.lock().push(script.brief(request.uri()));
            let (code, body) = script.answers.lock().pop_front().expect("the script goes on");
            let response = Response::builder().status(code).body(Body::from(body.into_bytes()));
            async move { response }
        }));
        Watcher::new(client, PODS, Scope::default())
    }

    /// `list` or `watch REVISION`.
    fn brief(&self, uri: &http::Uri) -> String {
        let query = uri.query().unwrap_or_default();
        let revision = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="));
        if query.contains("watch=true") { format!("watch {}", revision.unwrap_or("none")) } else { "list".into() }
    }
}

fn list(revision: u64, names: &[&str]) -> String {
    let items: Vec<_> = names.iter().map(|name| serde_json::json!({"metadata": {"name": name}})).collect();
    serde_json::json!({"metadata": {"resourceVersion": revision.to_string()}, "items": items}).to_string()
}

fn event(kind: &str, revision: u64) -> String {
    let metadata = serde_json::json!({"name": "a", "resourceVersion": revision.to_string()});
    let object = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata});
    format!("{}\n", serde_json::json!({"type": kind, "object": object}))
}

fn status(code: u16) -> String {
    serde_json::json!({"kind": "Status", "status": "Failure", "code": code, "reason": "Expired",
        "message": "too old", "metadata": {}})
    .to_string()
}

async fn revisions(watcher: &mut Watcher<MetadataOnly>, count: usize) -> Vec<u64> {
    let mut revisions = Vec::new();
    while revisions.len() < count {
        revisions.push(watcher.next().await.revision().0);
    }
    revisions
}

#[tokio::test]
async fn a_watch_that_ends_resumes_where_it_was_without_a_list() {
    let first = event("ADDED", 6) + &event("BOOKMARK", 9);
    let script =
        Script::new(&[(200, &list(5, &["a"])), (200, &first), (500, &status(500)), (200, &event("DELETED", 12))]);
    let mut watcher = script.watcher();
    assert_eq!(revisions(&mut watcher, 4).await, [5, 6, 9, 12]);
    assert_eq!(*script.asked.lock(), ["list", "watch 5", "watch 9", "watch 9"]);
}

#[tokio::test]
async fn a_revision_that_the_server_forgot_is_listed_anew() {
    let error = format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", status(410));
    let script = Script::new(&[
        (200, &list(5, &[])),
        (200, &error),
        (200, &list(80, &["b"])),
        (410, &status(410)),
        (200, &list(90, &["b"])),
    ]);
    let mut watcher = script.watcher();
    assert_eq!(revisions(&mut watcher, 3).await, [5, 80, 90]);
    assert_eq!(*script.asked.lock(), ["list", "watch 5", "list", "watch 80", "list"]);
}

#[tokio::test]
async fn a_list_that_fails_is_tried_again() {
    let script = Script::new(&[(503, &status(503)), (200, "not json"), (200, &list(5, &["a", "b"]))]);
    let mut watcher = script.watcher();
    match watcher.next().await {
        Step::Reset { objects, .. } => assert_eq!(objects.len(), 2),
        other => panic!("{other:?}"),
    }
}
