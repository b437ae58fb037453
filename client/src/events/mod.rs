//! Events: what happened to an object, told to whoever runs `describe`.
//!
//! Recording never blocks and never fails its caller: events go through a bounded queue to one task; when the
//! queue is full or the server away they are dropped.

mod correlate;

use std::sync::Arc;

use jiff::Timestamp;
use kube::{Client, api::Patch};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    object::{Meta, Object, ObjectKey, Resource},
    watch::brief,
    writer::Writer,
};
use correlate::{Correlator, Said, Verdict};

/// The object that an event is about: a core/v1 ObjectReference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Regarding {
    pub kind: Arc<str>,
    pub api_version: Arc<str>,
    /// None for cluster-wide objects, whose events live in `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Arc<str>>,
    pub name: Arc<str>,
    pub uid: Arc<str>,
    /// `spec.containers{web}` when it is about one container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_path: Option<Arc<str>>,
}

impl Regarding {
    pub fn object<T: Object>(object: &T) -> Regarding {
        Regarding::new(T::KIND, &T::RESOURCE.api_version(), object.meta())
    }

    pub fn new(kind: &str, api_version: &str, meta: &Meta) -> Regarding {
        Regarding {
            kind: kind.into(),
            api_version: api_version.into(),
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            uid: meta.uid.clone(),
            field_path: None,
        }
    }

    pub fn field(mut self, path: impl Into<Arc<str>>) -> Regarding {
        self.field_path = Some(path.into());
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum EventType {
    Normal,
    Warning,
}

/// An event as it was said, before repetition is taken out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Saying {
    pub regarding: Regarding,
    pub event_type: EventType,
    pub reason: String,
    pub message: String,
}

/// Events waiting for the server; more are dropped.
const QUEUE: usize = 32_768;

/// A cheap handle for one component.
#[derive(Clone)]
pub struct Recorder {
    sayings: mpsc::Sender<(Saying, Timestamp)>,
}

impl Recorder {
    /// `component` is the `source.component` (`kubelet`, `deployment-controller`), `host` the node's name for
    /// agents. The task ends after `shutdown`, having sent what waits.
    pub fn new(
        client: Client,
        component: impl Into<String>,
        host: Option<String>,
        shutdown: CancellationToken,
    ) -> Recorder {
        let (sayings, queue) = mpsc::channel(QUEUE);
        let component = component.into();
        let reporter = Reporter {
            writer: Writer::new(client, component.clone()),
            component,
            host: host.unwrap_or_default(),
            correlator: Correlator::default(),
        };
        tokio::spawn(reporter.run(queue, shutdown));
        Recorder { sayings }
    }

    /// Says that something happened. `reason` is UpperCamelCase, `message` a sentence for people.
    pub fn event(&self, regarding: Regarding, event_type: EventType, reason: &str, message: impl Into<String>) {
        let saying = Saying { regarding, event_type, reason: reason.into(), message: message.into() };
        if let Err(error) = self.sayings.try_send((saying, Timestamp::now())) {
            debug!("event dropped: {error}");
        }
    }

    pub fn normal(&self, regarding: Regarding, reason: &str, message: impl Into<String>) {
        self.event(regarding, EventType::Normal, reason, message);
    }

    pub fn warning(&self, regarding: Regarding, reason: &str, message: impl Into<String>) {
        self.event(regarding, EventType::Warning, reason, message);
    }
}

/// The core/v1 Event as far as it is read back.
#[derive(Debug, Clone, Deserialize)]
struct Event {
    metadata: Meta,
}

impl Object for Event {
    const KIND: &'static str = "Event";
    const RESOURCE: Resource = Resource::of("", "v1", "events");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

struct Reporter {
    writer: Writer,
    component: String,
    host: String,
    correlator: Correlator,
}

impl Reporter {
    async fn run(mut self, mut queue: mpsc::Receiver<(Saying, Timestamp)>, shutdown: CancellationToken) {
        loop {
            let next = tokio::select! {
                biased;
                next = queue.recv() => next,
                () = shutdown.cancelled() => queue.try_recv().ok(),
            };
            let Some((saying, at)) = next else { return };
            if let Err(error) = self.report(saying, at).await {
                debug!("event lost: {}", brief(&error));
            }
        }
    }

    async fn report(&mut self, saying: Saying, at: Timestamp) -> Result<(), kube::Error> {
        let (said, verdict) = self.correlator.hear(saying, at, Instant::now());
        match verdict {
            Verdict::Drop => return Ok(()),
            Verdict::Repeat { key, count } => {
                let seconds = format!("{at:.0}");
                let patch = json!({"count": count, "message": said.saying.message, "lastTimestamp": seconds});
                match self.writer.patch::<Event>(&key, &Patch::Merge(patch)).await {
                    Ok(_) => return Ok(()),
                    // Its time to live has passed: say it anew.
                    Err(kube::Error::Api(status)) if status.code == 404 => {}
                    Err(error) => return Err(error),
                }
            }
            Verdict::New => {}
        }
        self.create(&said, at).await
    }

    async fn create(&mut self, said: &Said, at: Timestamp) -> Result<(), kube::Error> {
        let regarding = &said.saying.regarding;
        let namespace = regarding.namespace.as_deref().unwrap_or("default");
        let name = format!("{}.{:x}", regarding.name, at.as_nanosecond());
        let key = ObjectKey::namespaced(namespace, name.as_str());
        let mut source = json!({"component": self.component});
        if !self.host.is_empty() {
            source["host"] = json!(self.host);
        }
        let (first, last) = (format!("{:.0}", said.first), format!("{at:.0}"));
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": regarding,
            "reason": said.saying.reason, "message": said.saying.message,
            "type": said.saying.event_type, "source": source,
            "firstTimestamp": first, "lastTimestamp": last, "count": said.count,
            "reportingComponent": self.component, "reportingInstance": self.host,
        });
        self.writer.create::<Event>(Some(namespace), &event).await?;
        self.correlator.created(said, key);
        Ok(())
    }
}
