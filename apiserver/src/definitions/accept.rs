//! Which names a definition holds, and that it is established.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::app::App;
use crate::identity::Identity;
use crate::kinds::Row;
use crate::kinds::customresourcedefinition::GROUP;
use crate::kinds::customresourcedefinition::conditions::{self, Taken};
use crate::registry::internal;

/// Completes the status of a definition, if it is there and not complete.
pub async fn complete(app: &Arc<App>, name: &str) {
    let Some(taken) = app.definitions.taken(name) else {
        return;
    };
    let row = app.definitions.row.clone();
    let changed = internal::update_status(app, Identity::server(), &row, name, |definition| {
        conditions::complete(definition, &taken, Timestamp::now());
    });
    if let Err(status) = changed.await
        && status.code != 404
    {
        tracing::warn!(name, reason = %status, "the status of a CustomResourceDefinition cannot be written");
    }
}

impl super::Definitions {
    /// The same for a definition that is about to be made, if this is one.
    pub fn complete(&self, row: &Row, object: &mut Value) {
        if row.kind.group != GROUP {
            return;
        }
        let mut taken = Taken::default();
        let group = object["spec"]["group"].as_str().unwrap_or("");
        let held = self.held.lock();
        let others = held.by_name.values().map(|one| &one.definition).filter(|other| other.group() == group);
        others.for_each(|other| taken.add(other.accepted()));
        conditions::complete(object, &taken, Timestamp::now());
    }

    /// What the others of its group hold; `None`: there is nothing to complete.
    fn taken(&self, name: &str) -> Option<Taken> {
        let held = self.held.lock();
        let this = &held.by_name.get(name)?.definition;
        let accepted = this.is("Established") && this.is("NamesAccepted") && *this.accepted() == this.spec().names;
        if this.is_ending() || accepted {
            return None;
        }
        let mut taken = Taken::default();
        let others = held.by_name.values().map(|one| &one.definition).filter(|other| other.group() == this.group());
        for other in others.filter(|other| other.name() != name) {
            taken.add(other.accepted());
        }
        Some(taken)
    }
}
