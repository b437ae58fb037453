//! Custom resources: kinds whose rows are made from CustomResourceDefinitions while the server runs.
//!
//! `definition` (what a server reads of a definition), `rows` (from a definition to rows), `columns`, and here the hooks of
//! the objects, which all read what the definition says.

mod columns;
mod definition;
mod rows;

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::schema::{Pruned, Schema};
use timonier_api::structural::Structural;
use tokio_util::sync::CancellationToken;

use super::rules::Rules;
use super::{Hooks, json, metadata};
use columns::Cell;

pub use definition::{Definition, Fingerprint, Names};
pub use rows::{Rows, priority, rows};

/// One version of a custom resource.
pub struct Custom {
    definition: Arc<Definition>,
    /// The version that is served here.
    version: String,
    /// `example.com/v1`: what stands in the objects that are stored.
    stored_as: String,
    schemas: OnceLock<Schemas>,
    cells: Vec<Cell>,
    /// The fields that this version lets selectors name, with their leading dot taken off.
    selectable: Vec<String>,
    /// The same of all versions: what is noted of each object.
    noted: Vec<String>,
    has_status: bool,
    scale: Option<ScalePaths>,
    /// Whether objects may be stored in another form than this version has now: they are read through its schema.
    reshapes: bool,
    /// Ends when the definition says something else: so do the watches that show what it said.
    pub life: CancellationToken,
}

/// Made when the first object is written: a server may have thousands of definitions and serve few of them.
struct Schemas {
    structural: Structural,
    /// For merging and for owners.
    compact: Schema,
    rules: Option<Rules>,
}

/// Where an object keeps what its Scale shows: names of fields, from the outside to the inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    pub replicas: Vec<String>,
    pub status_replicas: Vec<String>,
    pub selector: Option<Vec<String>>,
}

impl Custom {
    fn schemas(&self) -> &Schemas {
        self.schemas.get_or_init(|| {
            let schema = self.definition.schema(&self.version);
            Schemas {
                structural: Structural::compile(&schema),
                rules: Rules::compile(&schema),
                compact: Schema::compile(None, &whole(schema)),
            }
        })
    }

    /// For merging and for owners.
    pub fn schema(&self) -> &Schema {
        &self.schemas().compact
    }

    /// The `openAPIV3Schema` of this version, as its definition has it.
    pub fn openapi(&self) -> Value {
        self.definition.schema(&self.version)
    }

    pub fn prune(&self, object: &mut Value) -> Pruned {
        self.schemas().structural.prune(object)
    }

    /// Whether objects are stored in another form than that in which they are served.
    pub fn converts(&self) -> bool {
        self.reshapes || !self.is_storage()
    }

    fn is_storage(&self) -> bool {
        self.stored_as.split('/').next_back() == Some(&self.version)
    }

    /// Whether what is noted of a stored object may be out of date.
    pub fn reshapes(&self) -> bool {
        self.reshapes
    }

    /// Another one wherever the definition says something else.
    pub fn identity(&self) -> String {
        self.definition.identity()
    }

    pub fn is_ending(&self) -> bool {
        self.definition.is_ending()
    }

    pub fn scale(&self) -> Option<&ScalePaths> {
        self.scale.as_ref()
    }

    fn bad_scale(&self, o: &Value) -> Option<FieldError> {
        let replicas = &self.scale.as_ref()?.replicas;
        let count = replicas.iter().try_fold(o, |o, name| o.get(name))?.as_i64().filter(|count| *count < 0)?;
        let path = replicas.iter().fold(Path::new(""), |path, name| path.field(name));
        Some(FieldError::invalid(&path, count, "should be a non-negative integer"))
    }

    /// Rules are for objects of the right shape: where that is wrong, it alone is said.
    fn obey(&self, new: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
        if let Some(rules) = self.schemas().rules.as_ref().filter(|_| errors.is_empty()) {
            rules.check(new, old, errors);
        }
    }
}

/// The schema with what every object has.
fn whole(mut schema: Value) -> Value {
    json::fill(&mut schema, "properties", serde_json::Map::new());
    if let Some(properties) = schema.get_mut("properties") {
        json::set(properties, "apiVersion", serde_json::json!({"type": "string"}));
        json::set(properties, "kind", serde_json::json!({"type": "string"}));
        let metadata = serde_json::json!({"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"});
        json::set(properties, "metadata", metadata);
    }
    schema
}

impl Hooks for Custom {
    fn custom(&self) -> Option<&Custom> {
        Some(self)
    }

    fn deprecation(&self) -> Option<String> {
        let spec = self.definition.spec();
        let version = spec.versions.iter().find(|version| version.name == self.version && version.deprecated)?;
        let said = version.deprecation_warning.clone();
        Some(said.unwrap_or_else(|| format!("{}/{} {} is deprecated", spec.group, self.version, spec.names.kind)))
    }

    fn default(&self, o: &mut Value) {
        self.schemas().structural.default(o);
    }

    fn prepare_create(&self, o: &mut Value) {
        if self.has_status {
            json::remove(o, "status");
        }
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        if self.has_status {
            metadata::keep_status(new, old);
        }
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = self.schemas().structural.validate(o);
        errors.extend(self.bad_scale(o));
        self.obey(o, None, &mut errors);
        errors
    }

    fn validate_change(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.schemas().structural.validate_change(new, old);
        errors.extend(self.bad_scale(new));
        self.obey(new, Some(old), &mut errors);
        errors
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.schemas().structural.validate_change(new, old);
        self.obey(new, Some(old), &mut errors);
        errors
    }

    fn status_is_apart(&self) -> bool {
        self.has_status
    }

    fn fields(&self, o: &Value) -> Vec<(&str, String)> {
        let value = |path: &str| path.split('.').try_fold(o, |o, name| o.get(name));
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.noted.iter().filter_map(|path| Some((path.as_str(), text(value(path)?)))).collect()
    }

    fn selects_by(&self, field: &str) -> bool {
        self.selectable.iter().any(|known| known == field)
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let more = self.cells.iter().map(|cell| cell.of(o, now));
        std::iter::once(metadata::name(o).into()).chain(more).collect()
    }

    fn to_storage(&self, o: &mut Value) {
        json::set(o, "apiVersion", &*self.stored_as);
    }

    fn to_served(&self, o: &mut Value) {
        if self.reshapes {
            self.prune(o);
            self.schemas().structural.default(o);
        }
        json::set(o, "apiVersion", format!("{}/{}", self.definition.group(), self.version));
    }
}
