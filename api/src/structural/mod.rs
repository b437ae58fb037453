//! Structural schemas: what a CustomResourceDefinition says of its objects, and what follows from it for each object.
//!
//! Reading order: `node` (the schema as it is walked), then the three uses: `prune` (drop what is not specified), `default`
//! (fill in what was left out), `validate` (with `formats`), worded as Kubernetes words it.

mod default;
mod formats;
mod node;
mod prune;
mod validate;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::field::{FieldError, Path};
use crate::schema::Pruned;

/// The schema of one version of a custom resource.
#[derive(Debug, Clone)]
pub struct Structural(node::Node);

impl Structural {
    /// Reads an `openAPIV3Schema`, which has been found to be structural. What is not understood is left out.
    pub fn compile(schema: &Value) -> Structural {
        Structural(node::Node::read(schema))
    }

    /// Removes (and reports) what is not specified. `apiVersion`, `kind` and `metadata` are specified for every object.
    pub fn prune(&self, object: &mut Value) -> Pruned {
        let mut report = Pruned::default();
        prune::object(&self.0, object, &mut report);
        report
    }

    /// Fills in defaults; takes out nulls that are neither allowed nor defaulted.
    pub fn default(&self, object: &mut Value) {
        default::without_nulls(&self.0, object);
        default::fill(&self.0, object);
    }

    /// What is wrong with a whole object, `metadata` aside.
    pub fn validate(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        validate::object(&self.0, object, None, &mut errors);
        errors
    }

    /// What is wrong with what has changed of an object.
    pub fn validate_change(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        validate::object(&self.0, new, Some(old), &mut errors);
        errors
    }

    /// What is wrong with a value of this schema that is no object of its own, for instance a default.
    pub fn validate_value(&self, value: &Value, path: &Path) -> Vec<FieldError> {
        let mut errors = vec![];
        validate::value(&self.0, value, None, path, &mut errors);
        errors
    }

    /// Removes what is not specified of such a value. Returns whether there was any.
    pub fn prune_value(&self, value: &mut Value) -> bool {
        let mut report = Pruned::default();
        prune::value(&self.0, value, "", &mut report);
        !report.unknown.is_empty()
    }

    /// Whether anything is filled in.
    pub fn has_defaults(&self) -> bool {
        self.0.has_defaults()
    }
}
