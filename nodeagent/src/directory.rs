//! The pods that the agent serves, for its own port to look up.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use parking_lot::RwLock;
use tokio::{sync::watch, time::timeout};

use crate::desired;

/// How long a question about a pod waits for the API server to say which pods there are.
const PATIENCE: Duration = Duration::from_secs(10);

/// Namespace and name.
pub type Name = (String, String);

pub fn key(pod: &Pod) -> Name {
    let identity = desired::identity(pod);
    (identity.namespace, identity.name)
}

/// Why a pod is not shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Missing {
    /// The node has no such pod.
    Unknown,
    /// The agent started a moment ago and does not know its pods.
    NotRead,
}

#[derive(Clone)]
pub struct Directory {
    pods: Arc<RwLock<BTreeMap<Name, Arc<Pod>>>>,
    complete: Arc<watch::Sender<bool>>,
}

impl Default for Directory {
    fn default() -> Self {
        Directory { pods: Arc::default(), complete: Arc::new(watch::Sender::new(false)) }
    }
}

impl Directory {
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        self.pods.read().get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// The pod, once all of them were read: an agent that has just started must not say that there is none.
    pub async fn find(&self, namespace: &str, name: &str) -> Result<Arc<Pod>, Missing> {
        if let Some(pod) = self.get(namespace, name) {
            return Ok(pod);
        }
        let mut complete = self.complete.subscribe();
        let read = timeout(PATIENCE, complete.wait_for(|complete| *complete)).await.is_ok();
        let missing = if read { Missing::Unknown } else { Missing::NotRead };
        self.get(namespace, name).ok_or(missing)
    }

    pub fn all(&self) -> Vec<Arc<Pod>> {
        self.pods.read().values().cloned().collect()
    }

    /// Every pod of the node was put.
    pub(crate) fn complete(&self) {
        self.complete.send_replace(true);
    }

    pub(crate) fn put(&self, pod: &Arc<Pod>) {
        self.pods.write().insert(key(pod), pod.clone());
    }

    /// Another pod may have taken the name since.
    pub(crate) fn remove(&self, pod: &Pod) {
        let mut pods = self.pods.write();
        if pods.get(&key(pod)).is_some_and(|known| known.metadata.uid == pod.metadata.uid) {
            pods.remove(&key(pod));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Arc<Pod> {
        let metadata = serde_json::from_value(serde_json::json!({"namespace": "n", "name": "p", "uid": "u"}));
        Arc::new(Pod { metadata: metadata.expect("metadata"), ..Pod::default() })
    }

    #[tokio::test]
    async fn nobody_is_said_to_be_missing_before_all_were_read() {
        let directory = Directory::default();
        let (found, ()) = tokio::join!(directory.find("n", "p"), async {
            tokio::task::yield_now().await;
            directory.put(&pod());
            directory.complete();
        });
        assert_eq!(found, Ok(pod()));
        assert_eq!(directory.find("n", "other").await, Err(Missing::Unknown));
        directory.remove(&pod());
        assert_eq!(directory.find("n", "p").await, Err(Missing::Unknown));
    }
}
