//! Role-based access control: roles hold rules, bindings give them to users, groups and service accounts.
//!
//! The rules are kept as an [`Index`] that follows the store; a request looks at no object.

pub mod bootstrap;
mod decisions;
pub mod escalation;
mod index;
mod roles;
mod rule;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use timonier_store::{Filter, Revision, Snapshot, Store, WatchEnd};
use tokio_util::sync::CancellationToken;

use self::decisions::{Decisions, Verdict};
pub use self::index::Index;
pub use self::rule::Rule;
use super::Attributes;
use crate::identity::Identity;

/// Of roles and bindings.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// How soon the store is followed again after it could not be.
const RETRY: Duration = Duration::from_secs(1);

/// Whether something is allowed, and why, or what went wrong when it is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    pub reason: String,
}

/// The rules in force.
#[derive(Default)]
pub struct Rbac {
    current: RwLock<Arc<(Index, Decisions)>>,
    /// Held by who makes the next index.
    building: Mutex<()>,
}

impl Rbac {
    /// Takes in what `snapshot` has, unless something newer is in force.
    pub fn refresh(&self, snapshot: &Snapshot) {
        let _building = self.building.lock();
        let before = self.current.read().clone();
        if snapshot.revision() <= before.0.revision {
            return;
        }
        let index = Index::build(snapshot, &before.0);
        if !index.same(&before.0) {
            *self.current.write() = Arc::new((index, Decisions::default()));
        }
    }

    /// Follows the store until the server stops.
    pub async fn follow(&self, store: &Store, stop: &CancellationToken) {
        loop {
            let snapshot = store.snapshot();
            self.refresh(&snapshot);
            let end = tokio::select! {
                end = self.watch(store, snapshot.revision()) => end,
                () = stop.cancelled() => return,
            };
            match end {
                // Begin again from what is there now.
                WatchEnd::Lagged { .. } => {}
                WatchEnd::Closed => return,
                WatchEnd::Failed(error) => {
                    tracing::warn!("the roles could not be followed: {error}");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn watch(&self, store: &Store, after: Revision) -> WatchEnd {
        let watches = index::PREFIXES.map(|prefix| async move {
            let mut watch = match store.watch(after, Filter::prefix(prefix)) {
                Ok(watch) => watch,
                Err(error) => return WatchEnd::Failed(error),
            };
            loop {
                match watch.next().await {
                    Ok(_) => self.refresh(&store.snapshot()),
                    Err(end) => return end,
                }
            }
        });
        futures::future::select_all(watches.map(Box::pin)).await.0
    }

    pub fn decide(&self, identity: &Identity, asked: &Attributes<'_>) -> Decision {
        let current = self.current.read().clone();
        match current.1.of(&current.0, identity, asked) {
            Verdict::Allowed(reason) => Decision { allowed: true, reason: reason.to_string() },
            Verdict::Named { names, complaint } => match names.iter().find(|(name, _)| **name == *asked.name) {
                Some((_, reason)) => Decision { allowed: true, reason: reason.to_string() },
                None => Decision { allowed: false, reason: complaint.map(|text| text.to_string()).unwrap_or_default() },
            },
        }
    }

    /// All rules that an identity is given in a namespace (none: at cluster scope), and what went wrong.
    pub fn rules(&self, identity: &Identity, namespace: &str) -> (Vec<Rule>, Vec<String>) {
        let current = self.current.read().clone();
        let (mut rules, mut missing) = (vec![], vec![]);
        for grant in current.0.grants(identity, namespace) {
            missing.extend(grant.missing_role());
            rules.extend(grant.rules.iter().flat_map(|rules| rules.iter().cloned()));
        }
        (rules, missing)
    }

    /// The rules of a role, if it is there.
    fn role(&self, kind: &str, name: &str, namespace: &str) -> Option<Arc<[Rule]>> {
        self.current.read().0.role(kind, name, namespace)
    }
}

#[cfg(test)]
#[path = "rbac_tests.rs"]
mod tests;
