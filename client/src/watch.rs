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

    /// Opens the stream anew from where it is: after a cut, an old connection may be dead without anybody saying so.
    pub fn reopen(&mut self) {
        if let State::Streaming(reached, _) = &self.state {
            self.state = State::Known(*reached);
        }
        self.pause = None;
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
        } else if self.failures.is_power_of_two() {
            // An outage is worth a line now and then, not one an attempt.
            warn!(resource = %self.source.resource, attempt = self.failures, "{verb} failed: {}", brief(&error));
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
mod tests;
