//! Whole objects in the formats of `-o` other than tables.

use super::{Format, json, yaml};
use serde_json::{Value, json};

/// Prints objects one after the other.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    managed_fields: bool,
    /// Whether something was printed: documents and headers care.
    printed: bool,
}

impl Printer {
    pub fn new(format: Format, managed_fields: bool) -> Printer {
        Printer { format, managed_fields, printed: false }
    }

    pub fn is_table(&self) -> bool {
        self.format.is_table()
    }

    /// The text for one object; `title` is its `type/name`.
    pub fn print(&mut self, object: &Value, title: &str) -> String {
        let further = std::mem::replace(&mut self.printed, true);
        let mut object = object.clone();
        if !self.managed_fields && matches!(self.format, Format::Json | Format::Yaml) {
            drop_managed_fields(&mut object);
        }
        match &self.format {
            Format::Json => json::render(&object),
            Format::Yaml => format!("{}{}", if further { "---\n" } else { "" }, yaml::render(&object)),
            Format::Name | Format::Table { .. } => format!("{title}\n"),
            Format::JsonPath(template) => template.render(&object),
            Format::Columns(columns) => columns.render([&object], !further),
        }
    }
}

/// Nobody reads who owns which field unless they ask.
pub fn drop_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    if let Some(items) = object.get_mut("items").and_then(Value::as_array_mut) {
        items.iter_mut().for_each(drop_managed_fields);
    }
}

/// A `List` of objects of any kinds.
pub fn list(items: Vec<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items})
}
