//! Which names a definition holds: those that no other of its group has.

use jiff::Timestamp;
use serde_json::Value;

use super::held::Definitions;
use crate::kinds::Row;
use crate::kinds::customresourcedefinition::GROUP;
use crate::kinds::customresourcedefinition::conditions::{self, Taken};

impl Definitions {
    /// Completes the status of a definition that is about to be made, if this is one.
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
    pub fn taken(&self, name: &str) -> Option<Taken> {
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
