//! How many pods a set had at most: watched from outside while things go wrong.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Client;
use serde::Deserialize;
use timonier_client::watch::{Scope, Step, Watcher};
use timonier_client::{Meta, Object, Resource};
use tokio::task::JoinHandle;

/// A pod as far as it counts.
#[derive(Debug, Clone, Deserialize)]
struct Pod {
    metadata: Meta,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Status {
    #[serde(default)]
    phase: String,
}

impl Object for Pod {
    const KIND: &'static str = "Pod";
    const RESOURCE: Resource = Resource::of("", "v1", "pods");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Pod {
    /// As Kubernetes counts: neither ended nor ending.
    fn counts(&self) -> bool {
        !self.metadata.is_deleting() && !matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }
}

/// Counts until it is dropped.
pub struct Replicas {
    most: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

impl Drop for Replicas {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Replicas {
    /// Pods of namespace `default` by label.
    pub fn watch(client: Client, labels: &str) -> Replicas {
        let scope =
            Scope { namespace: Some("default".into()), label_selector: Some(labels.into()), ..Scope::default() };
        let most = Arc::new(Mutex::new(0));
        let seen = most.clone();
        let task = tokio::spawn(async move {
            let mut watcher = Watcher::<Pod>::new(client, Pod::RESOURCE, scope);
            let mut counting: HashSet<Arc<str>> = HashSet::new();
            loop {
                match watcher.next().await {
                    Step::Reset { objects, .. } => {
                        let counted = objects.into_iter().filter(Pod::counts);
                        counting = counted.map(|pod| pod.metadata.uid).collect();
                    }
                    Step::Changed { object, .. } if object.counts() => {
                        counting.insert(object.metadata.uid);
                    }
                    Step::Changed { object, .. } | Step::Removed { object, .. } => {
                        counting.remove(&object.metadata.uid);
                    }
                    Step::Progress { .. } => {}
                }
                let mut most = seen.lock().unwrap_or_else(PoisonError::into_inner);
                *most = counting.len().max(*most);
            }
        });
        Replicas { most, task }
    }

    /// The most that there were at any moment so far.
    pub fn most(&self) -> usize {
        *self.most.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
