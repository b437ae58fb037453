//! A watch that is checked while it runs: resumed where it broke, never listed again.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::TryStreamExt;
use kube::api::{WatchEvent, WatchParams};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::wait::PATIENCE;

/// One event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub verb: &'static str,
    pub name: String,
    pub revision: u64,
}

/// Watches from a revision on; after a cut, from the last revision that it saw.
pub struct Resuming {
    events: mpsc::UnboundedReceiver<Result<Seen>>,
    task: JoinHandle<()>,
    /// All that came, in order.
    pub seen: Vec<Seen>,
}

impl Resuming {
    pub fn start<K>(api: Api<K>, from: &str) -> Resuming
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let (sender, events) = mpsc::unbounded_channel();
        let mut from = from.to_string();
        let task = tokio::spawn(async move {
            while !sender.is_closed() {
                let tell = |verb, object: K| {
                    let revision = object.resource_version().context("an event without a revision")?;
                    let revision = revision.parse().with_context(|| format!("revision {revision:?} is no number"))?;
                    let told = sender.send(Ok(Seen { verb, name: object.name_any(), revision }));
                    Ok(if told.is_ok() { Cut::GoOn } else { Cut::Stop })
                };
                if let Err(error) = follow(&api, &mut from, tell).await {
                    // Said to the test, which decides; a connection that breaks is none of these.
                    let _nobody = sender.send(Err(error));
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Resuming { events, task, seen: Vec::new() }
    }

    /// Waits for an event about an object, and checks that revisions only grow on the way.
    pub async fn until(&mut self, verb: &str, name: &str) -> Result<Seen> {
        let wait = async {
            loop {
                let event = self.events.recv().await.context("the watch ended")??;
                if let Some(last) = self.seen.last() {
                    ensure!(event.revision > last.revision, "{event:?} came after {last:?}");
                }
                self.seen.push(event.clone());
                if event.verb == verb && event.name == name {
                    return Ok(event);
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| bail!("it did not come in time"));
        found.with_context(|| format!("{verb} {name}; seen so far: {:#?}", self.seen))
    }
}

impl Drop for Resuming {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether who is told wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    GoOn,
    Stop,
}

/// Tells verb and object of each event after revision `from`, which moves along, until the stream ends or breaks. An error is
/// what the server says about the watch itself, such as 410, or what `tell` says.
pub async fn follow<K>(
    api: &Api<K>,
    from: &mut String,
    mut tell: impl FnMut(&'static str, K) -> Result<Cut>,
) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let params = WatchParams::default().timeout(280);
    let stream = match api.watch(&params, from).await {
        Ok(stream) => stream,
        Err(kube::Error::Api(status)) if status.code == 410 => bail!("the watch cannot resume: {}", status.message),
        Err(_) => return Ok(()),
    };
    let mut stream = std::pin::pin!(stream);
    while let Ok(Some(event)) = stream.try_next().await {
        let (verb, object) = match event {
            WatchEvent::Added(object) => ("ADDED", object),
            WatchEvent::Modified(object) => ("MODIFIED", object),
            WatchEvent::Deleted(object) => ("DELETED", object),
            WatchEvent::Bookmark(bookmark) => {
                *from = bookmark.metadata.resource_version;
                continue;
            }
            WatchEvent::Error(status) if status.code == 410 => bail!("the watch cannot resume: {}", status.message),
            WatchEvent::Error(_) => return Ok(()),
        };
        *from = object.resource_version().context("an event without a revision")?;
        if tell(verb, object)? == Cut::Stop {
            return Ok(());
        }
    }
    Ok(())
}
