//! ValidatingAdmissionPolicies: rules in CEL that the cluster's administrators lay down for writes. Here they are kept compiled;
//! `judge` runs one. Which of them run for a write, its verb finds out (`registry/policies`).

pub mod judge;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use timonier_api::status::Status;
use timonier_store::{Entry, Revision, Snapshot};

use super::matching::Labels;
use crate::kinds::groups::programs::{self, Programs};
use crate::kinds::{json as of, metadata};
use crate::object::Object;

/// Before the keys of policies, and of their bindings.
pub const POLICIES: &str = "validatingadmissionpolicies.admissionregistration.k8s.io/";
pub const BINDINGS: &str = "validatingadmissionpolicybindings.admissionregistration.k8s.io/";

/// The policies in force, compiled when they are first needed.
#[derive(Default)]
pub struct Policies(Mutex<HashMap<String, (Revision, Arc<Policy>)>>);

pub struct Policy {
    pub name: String,
    pub spec: Value,
    pub programs: Programs,
}

impl Policies {
    pub fn get(&self, entry: &Entry) -> Result<Arc<Policy>, Status> {
        let key = entry.key.to_string();
        if let Some((revision, policy)) = self.0.lock().get(&key)
            && *revision == entry.revision
        {
            return Ok(policy.clone());
        }
        let mut object = Object::of(entry)?.stored_value()?;
        let (programs, _) = programs::compile(&object);
        let policy =
            Arc::new(Policy { name: metadata::name(&object).to_owned(), spec: object["spec"].take(), programs });
        self.0.lock().insert(key, (entry.revision, policy.clone()));
        Ok(policy)
    }

    /// Forgets those that are gone.
    pub fn retain(&self, snapshot: &Snapshot) {
        let mut known = self.0.lock();
        if known.len() > snapshot.count(POLICIES) {
            known.retain(|key, _| snapshot.get(key).is_some());
        }
    }
}

pub fn labels(object: &Value) -> Labels {
    let labels = of::texts(of::get(object, "metadata"), "labels");
    labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
