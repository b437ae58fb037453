//! A watcher of all registers that resumes where it broke, and what it saw.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, ResourceExt};
use tokio::task::JoinHandle;

use crate::wait::eventually;
use crate::watching::{Cut, follow};

/// One change of a register. No value: it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub revision: u64,
    pub name: String,
    pub value: Option<String>,
}

#[derive(Debug, Default)]
struct Seen {
    changes: Vec<Change>,
    /// What went wrong for good.
    failure: Option<String>,
    resumed: usize,
}

/// Follows until it is dropped.
pub struct Follower {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    /// Follows everything after revision `from`, each time through the next of `clients`.
    pub fn start(clients: Vec<Client>, from: u64) -> Follower {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = seen.clone();
        let task = tokio::spawn(async move {
            let mut from = from.to_string();
            for client in clients.iter().cycle() {
                let maps = Api::<ConfigMap>::default_namespaced(client.clone());
                let cut = follow(&maps, &mut from, |verb, map| note(&noted, verb, &map)).await;
                if let Err(error) = cut {
                    lock(&noted).failure = Some(format!("{error:#}"));
                    return;
                }
                lock(&noted).resumed += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Follower { seen, task }
    }

    /// Waits until it has seen a revision, and returns all that it saw.
    pub async fn through(&self, revision: u64) -> Result<Vec<Change>> {
        let read = || async {
            let seen = lock(&self.seen);
            if let Some(failure) = &seen.failure {
                return Ok(Err(anyhow::anyhow!("{failure}")));
            }
            let last = seen.changes.last().map_or(0, |change| change.revision);
            ensure!(last >= revision, "it has seen up to revision {last}");
            Ok(Ok(seen.changes.clone()))
        };
        eventually(&format!("a watcher sees revision {revision}"), read).await?
    }

    /// How often its stream ended and was resumed.
    pub fn resumed(&self) -> usize {
        lock(&self.seen).resumed
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(seen: &Mutex<Seen>, verb: &str, map: &ConfigMap) -> Result<Cut> {
    let mut seen = lock(seen);
    let revision = map.resource_version().unwrap_or_default();
    let Ok(revision) = revision.parse() else { bail!("revision {revision:?} is no number") };
    let last = seen.changes.last().map_or(0, |change| change.revision);
    ensure!(revision > last, "{verb} {} at revision {revision} came after revision {last}", map.name_any());
    let value = map.data.as_ref().and_then(|data| data.get("value")).filter(|_| verb != "DELETED").cloned();
    seen.changes.push(Change { revision, name: map.name_any(), value });
    Ok(Cut::GoOn)
}
