//! Watches of the ConfigMaps and Secrets that running pods have mounted: one for each, however many pods mount it, and
//! none for what is immutable. What they tell is only that there is something new; readers read it themselves.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use kube::Client;
use parking_lot::Mutex;
use serde::Deserialize;
use timonier_client::{
    object::{Meta, Resource},
    watch::{Scope, Step, Watched, Watcher},
};
use tokio::{sync::Notify, task::JoinHandle};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    ConfigMap,
    Secret,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
}

/// Its content is nobody's business here.
#[derive(Clone, Deserialize)]
struct Mounted {
    metadata: Meta,
    #[serde(default)]
    immutable: Option<bool>,
}

impl Watched for Mounted {
    fn metadata(&self) -> &Meta {
        &self.metadata
    }
}

/// What the watch has seen last, and at which revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Seen {
    #[default]
    Nothing,
    There(u64),
    Gone(u64),
}

impl Seen {
    /// Whether somebody who read the object at revision `used` (`None`: and found none) should read again.
    fn is_newer(self, used: Option<u64>) -> bool {
        match (self, used) {
            (Seen::Nothing, _) | (Seen::Gone(_), None) => false,
            (Seen::There(_), None) => true,
            (Seen::There(seen) | Seen::Gone(seen), Some(used)) => seen > used,
        }
    }
}

#[derive(Default)]
struct State {
    seen: Seen,
    readers: Vec<Weak<Notify>>,
}

/// One object that is watched for as long as somebody holds this.
pub struct Followed {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Followed {
    pub fn is_newer(&self, used: Option<u64>) -> bool {
        self.state.lock().seen.is_newer(used)
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All watches of one agent.
pub struct Watches {
    client: Client,
    followed: Mutex<HashMap<Name, Weak<Followed>>>,
}

impl Watches {
    pub fn new(client: Client) -> Self {
        Watches { client, followed: Mutex::default() }
    }

    /// Watches the object from now on and wakes the reader at each change.
    pub fn follow(&self, name: &Name, reader: &Arc<Notify>) -> Arc<Followed> {
        let mut all = self.followed.lock();
        let known = all.get(name).and_then(Weak::upgrade);
        let followed = known.unwrap_or_else(|| {
            all.retain(|_, followed| followed.strong_count() > 0);
            let state = Arc::new(Mutex::new(State::default()));
            let task = tokio::spawn(watch(self.client.clone(), name.clone(), state.clone()));
            let followed = Arc::new(Followed { state, task });
            all.insert(name.clone(), Arc::downgrade(&followed));
            followed
        });
        followed.state.lock().readers.push(Arc::downgrade(reader));
        followed
    }
}

async fn watch(client: Client, name: Name, state: Arc<Mutex<State>>) {
    let plural = match name.kind {
        Kind::ConfigMap => "configmaps",
        Kind::Secret => "secrets",
    };
    let scope = Scope {
        namespace: Some(name.namespace),
        field_selector: Some(format!("metadata.name={}", name.name)),
        ..Scope::default()
    };
    let mut watcher: Watcher<Mounted> = Watcher::new(client, Resource::of("", "v1", plural), scope);
    loop {
        let there = |object: &Mounted| Seen::There(object.metadata.resource_version.0);
        let (seen, last) = match watcher.next().await {
            Step::Reset { objects, revision } => match objects.first() {
                Some(object) => (there(object), object.immutable == Some(true)),
                None => (Seen::Gone(revision.0), false),
            },
            Step::Changed { object, .. } => (there(&object), object.immutable == Some(true)),
            Step::Removed { revision, .. } => (Seen::Gone(revision.0), false),
            Step::Progress { .. } => continue,
        };
        {
            let mut state = state.lock();
            state.seen = seen;
            state.readers.retain(|reader| match reader.upgrade() {
                Some(reader) => {
                    reader.notify_one();
                    true
                }
                None => false,
            });
        }
        if last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_reads_again_when_there_is_something_newer() {
        for (seen, used, expected) in [
            (Seen::Nothing, None, false),
            (Seen::Nothing, Some(5), false),
            (Seen::There(5), Some(5), false),
            (Seen::There(4), Some(5), false),
            (Seen::There(6), Some(5), true),
            (Seen::There(6), None, true),
            (Seen::Gone(6), Some(5), true),
            (Seen::Gone(6), None, false),
        ] {
            assert_eq!(seen.is_newer(used), expected, "{seen:?} {used:?}");
        }
    }
}
