//! Hooks of kinds that differ from others in a few functions only: these functions, in place of a type a kind.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::{Hooks, json, metadata};

/// What [`Declared::fields`] answers with.
pub type Fields = Vec<(&'static str, String)>;

/// A kind's behaviour, written down. Begin with [`Declared::NOTHING`].
#[derive(Clone, Copy)]
pub struct Declared {
    /// Status is written by others than those who write the rest: a new object has none, and an update keeps it.
    pub status: bool,
    pub name_errors: fn(&str) -> Vec<String>,
    pub default: fn(&mut Value),
    pub validate: fn(&Value, &mut Vec<FieldError>),
    /// What a new object may not say although an old one may.
    pub validate_create: fn(&Value, &mut Vec<FieldError>),
    /// Of the new object and the old one.
    pub validate_update: fn(&Value, &Value, &mut Vec<FieldError>),
    pub validate_status_update: fn(&Value, &Value, &mut Vec<FieldError>),
    pub selectable: &'static [&'static str],
    pub fields: fn(&Value) -> Fields,
    /// Without the name, which is every kind's first, and with the age where the columns have it.
    pub cells: fn(&Value, Timestamp) -> Vec<Value>,
    pub warnings: fn(&Value) -> Vec<String>,
}

impl Declared {
    /// Stored as it is, and shown by name and age.
    pub const NOTHING: Declared = Declared {
        status: false,
        name_errors: names::dns1123_subdomain,
        default: |_| {},
        validate: |_, _| {},
        validate_create: |_, _| {},
        validate_update: |_, _, _| {},
        validate_status_update: |_, _, _| {},
        selectable: &[],
        fields: |_| vec![],
        cells: |o, now| vec![metadata::age(o, now).into()],
        warnings: |_| vec![],
    };
}

impl Hooks for Declared {
    fn default(&self, o: &mut Value) {
        (self.default)(o);
    }

    fn prepare_create(&self, o: &mut Value) {
        if self.status {
            json::remove(o, "status");
        }
        (self.default)(o);
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        if self.status {
            metadata::keep_status(new, old);
        }
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        (self.name_errors)(name)
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        (self.validate)(o, &mut errors);
        errors
    }

    fn validate_create(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        (self.validate_create)(o, &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        (self.validate_update)(new, old, &mut errors);
        errors
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        (self.validate_status_update)(new, old, &mut errors);
        errors
    }

    fn selectable(&self) -> &'static [&'static str] {
        self.selectable
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        (self.fields)(o)
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let mut cells = vec![metadata::name(o).into()];
        cells.extend((self.cells)(o, now));
        cells
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        (self.warnings)(o)
    }
}

/// Refuses a change of these fields of the object at `path`.
pub fn immutable(new: &Value, old: &Value, fields: &[&'static str], path: &Path, errors: &mut Vec<FieldError>) {
    for field in fields.iter().filter(|field| !json::same(new, old, field)) {
        errors.push(metadata::immutable(&path.child(field), json::get(new, field)));
    }
}
