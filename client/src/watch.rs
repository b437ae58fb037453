//! List, then watch, for ever: one resource as a sequence of [`Step`]s.
//!
//! Unlike a plain watch, each step says up to which revision everything has been seen. That is what lets a
//! controller wait for its own writes.

use std::{fmt, time::Duration};

use futures::{StreamExt, stream::BoxStream};
use kube::{
    Client,
    api::{ListParams, WatchEvent, WatchParams},
};
use serde::Deserialize;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::{
    backoff::Backoff,
    object::{Meta, Object, Resource, Revision},
    writer::in_time,
};

/// Which objects of a resource to follow.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// None: all namespaces (or a cluster-wide resource).
    pub namespace: Option<String>,
    pub label_selector: Option<String>,
    pub field_selector: Option<String>,
    /// Ask for `PartialObjectMetadata` instead of whole objects.
    pub metadata_only: bool,
}

#[derive(Debug, Clone)]
pub enum Step<T> {
    /// The complete state: whatever was known before and is not in it is gone.
    Reset { objects: Vec<T>, revision: Revision },
    /// Added or changed.
    Changed { object: T, revision: Revision },
    /// Deleted, or it stopped matching the selector. Carries the last state.
    Removed { object: T, revision: Revision },
    /// Nothing changed up to this revision.
    Progress { revision: Revision },
}

impl<T> Step<T> {
    pub fn revision(&self) -> Revision {
        match self {
            Step::Reset { revision, .. }
            | Step::Changed { revision, .. }
            | Step::Removed { revision, .. }
            | Step::Progress { revision } => *revision,
        }
    }
}

/// Gives access to the metadata of what is watched.
pub trait Watched: serde::de::DeserializeOwned + Clone + Send + 'static {
    fn metadata(&self) -> &Meta;
}

impl<T: Object> Watched for T {
    fn metadata(&self) -> &Meta {
        self.meta()
    }
}

/// What a watch with [`Scope::metadata_only`] yields.
#[derive(Debug, Clone, Deserialize)]
pub struct MetadataOnly {
    pub metadata: Meta,
}

impl Watched for MetadataOnly {
    fn metadata(&self) -> &Meta {
        &self.metadata
    }
}

type Events<T> = BoxStream<'static, Result<WatchEvent<T>, kube::Error>>;

enum State<T> {
    /// Nothing is known: list.
    Unknown,
    /// Everything up to the revision is known: watch from there.
    Known(Revision),
    Streaming(Revision, Events<T>),
}

/// Follows one resource and never ends; failures are retried with back-off, from the revision that was reached.
pub struct Watcher<T> {
    source: Source,
    state: State<T>,
    /// In a row; only an event that arrives ends the row.
    failures: u32,
    pause: Option<Duration>,
}

/// What is asked of the server.
struct Source {
    client: Client,
    resource: Resource,
    scope: Scope,
}

/// Objects a page of the first list.
const PAGE: u32 = 500;
/// The server ends a watch after this many seconds; the next resumes where it ended.
const WATCH_SECONDS: u32 = 290;
/// A stream on which nothing, not even a bookmark, arrives for so long is taken for dead.
const SILENCE: Duration = Duration::from_secs(120);

impl<T: Watched> Watcher<T> {
    pub fn new(client: Client, resource: Resource, scope: Scope) -> Watcher<T> {
        Watcher { source: Source { client, resource, scope }, state: State::Unknown, failures: 0, pause: None }
    }

    /// The next step. Cancel-safe: dropping the future loses no step.
    pub async fn next(&mut self) -> Step<T> {
        loop {
            if let Some(pause) = self.pause {
                sleep(pause).await;
                self.pause = None;
            }
            if let Some(step) = self.advance().await {
                return step;
            }
        }
    }

    /// One transition of the protocol; None when it changed the state without a step to report.
    async fn advance(&mut self) -> Option<Step<T>> {
        match &mut self.state {
            State::Unknown => match self.source.list().await {
                Ok((objects, revision)) => {
                    self.state = State::Known(revision);
                    Some(Step::Reset { objects, revision })
                }
                Err(error) => self.failed("list", error),
            },
            State::Known(revision) => {
                let revision = *revision;
                match self.source.open(revision).await {
                    Ok(events) => {
                        self.state = State::Streaming(revision, events);
                        None
                    }
                    Err(error) => self.failed("watch", error),
                }
            }
            State::Streaming(reached, events) => match timeout(SILENCE, events.next()).await {
                Ok(Some(Ok(event))) => match step(event) {
                    Ok(step) => {
                        // Never backwards: events of one watch come in order.
                        *reached = step.revision().max(*reached);
                        self.failures = 0;
                        Some(step)
                    }
                    Err(error) => self.failed("watch", error),
                },
                Ok(Some(Err(error))) => self.failed("watch", error),
                Ok(None) => {
                    self.state = State::Known(*reached);
                    None
                }
                Err(_) => {
                    debug!(resource = %self.source.resource, "watch fell silent; opening another");
                    self.state = State::Known(*reached);
                    None
                }
            },
        }
    }

    /// Decides what is left of the state after a failure: all of it, unless the server forgot the revision.
    fn failed(&mut self, verb: &str, error: kube::Error) -> Option<Step<T>> {
        self.failures = self.failures.saturating_add(1);
        self.pause = Some(Backoff::CALLS.jittered(self.failures));
        let expired = matches!(&error, kube::Error::Api(status) if status.code == 410);
        let state = std::mem::replace(&mut self.state, State::Unknown);
        self.state = match state {
            _ if expired => State::Unknown,
            State::Streaming(revision, _) | State::Known(revision) => State::Known(revision),
            State::Unknown => State::Unknown,
        };
        if expired {
            debug!(resource = %self.source.resource, "{verb}: the revision is no longer held; listing again");
        } else {
            warn!(resource = %self.source.resource, "{verb} failed: {}", brief(&error));
        }
        None
    }
}

impl Source {
    fn request(&self) -> kube::core::Request {
        kube::core::Request::new(self.resource.path(self.scope.namespace.as_deref()))
    }

    async fn list<T: Watched>(&self) -> Result<(Vec<T>, Revision), kube::Error> {
        let mut params = ListParams {
            label_selector: self.scope.label_selector.clone(),
            field_selector: self.scope.field_selector.clone(),
            limit: Some(PAGE),
            ..Default::default()
        };
        let mut objects = Vec::new();
        loop {
            let request = if self.scope.metadata_only {
                self.request().list_metadata(&params)
            } else {
                self.request().list(&params)
            };
            let page: Page<T> = in_time(self.client.request(request.map_err(kube::Error::BuildRequest)?)).await?;
            objects.extend(page.items);
            match page.metadata.r#continue.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok((objects, page.metadata.resource_version)),
            }
        }
    }

    async fn open<T: Watched>(&self, from: Revision) -> Result<Events<T>, kube::Error> {
        let params = WatchParams {
            label_selector: self.scope.label_selector.clone(),
            field_selector: self.scope.field_selector.clone(),
            timeout: Some(WATCH_SECONDS),
            bookmarks: true,
            send_initial_events: false,
        };
        let version = from.to_string();
        let request = if self.scope.metadata_only {
            self.request().watch_metadata(&params, &version)
        } else {
            self.request().watch(&params, &version)
        };
        let request = request.map_err(kube::Error::BuildRequest)?;
        Ok(in_time(self.client.request_events::<T>(request)).await?.boxed())
    }
}

fn step<T: Watched>(event: WatchEvent<T>) -> Result<Step<T>, kube::Error> {
    let revision = |object: &T| object.metadata().resource_version;
    Ok(match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => {
            Step::Changed { revision: revision(&object), object }
        }
        WatchEvent::Deleted(object) => Step::Removed { revision: revision(&object), object },
        WatchEvent::Bookmark(bookmark) => {
            Step::Progress { revision: Revision(bookmark.metadata.resource_version.parse().unwrap_or_default()) }
        }
        WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
    })
}

#[derive(Deserialize)]
#[serde(bound = "T: serde::de::DeserializeOwned")]
struct Page<T> {
    metadata: PageMeta,
    #[serde(default = "Vec::new", deserialize_with = "crate::object::null_as_default")]
    items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    resource_version: Revision,
    #[serde(default)]
    r#continue: Option<String>,
}

/// An error of a call in one line: the server's own message where there is one.
pub fn brief(error: &kube::Error) -> impl fmt::Display + '_ {
    struct Brief<'a>(&'a kube::Error);
    impl fmt::Display for Brief<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            if let kube::Error::Api(status) = self.0 {
                return f.write_str(&status.message);
            }
            write!(f, "{}", self.0)?;
            let mut source = std::error::Error::source(self.0).and_then(|source| source.source());
            while let Some(cause) = source {
                write!(f, ": {cause}")?;
                source = cause.source();
            }
            Ok(())
        }
    }
    Brief(error)
}

#[cfg(test)]
mod tests {
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
}
