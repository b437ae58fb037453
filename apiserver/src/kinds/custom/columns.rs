//! What `kubectl get` shows of a custom resource.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::jsonpath::Template;

use super::definition::PrinterColumn;
use crate::kinds::{Column, metadata};

/// How one cell is found in an object.
pub struct Cell {
    path: Option<Template>,
    is_date: bool,
}

impl Cell {
    /// Time since creation.
    fn age() -> Cell {
        Cell { path: Template::parse_relaxed(".metadata.creationTimestamp").ok(), is_date: true }
    }

    pub fn of(&self, o: &Value, now: Timestamp) -> Value {
        let found = self.path.as_ref().and_then(|path| path.values(o).into_iter().next());
        match found {
            None | Some(Value::Null) => Value::Null,
            Some(time) if self.is_date => metadata::since(time, now).into(),
            Some(value @ (Value::Object(_) | Value::Array(_))) => value.to_string().into(),
            Some(value) => value.clone(),
        }
    }
}

/// The columns that a version asks for, after the name; the age where it asks for none.
pub fn columns(asked: &[PrinterColumn]) -> (Vec<Column>, Vec<Cell>) {
    let mut columns = vec![Column::NAME];
    if asked.is_empty() {
        columns.push(Column::new("Age", "date", "", 0));
        return (columns, vec![Cell::age()]);
    }
    let mut cells = vec![];
    for column in asked {
        columns.push(Column {
            name: Cow::Owned(column.name.clone()),
            type_: Cow::Owned(column.type_.clone()),
            format: Cow::Owned(column.format.clone()),
            description: Cow::Owned(column.description.clone()),
            priority: column.priority,
        });
        cells.push(Cell { path: Template::parse_relaxed(&column.json_path).ok(), is_date: column.type_ == "date" });
    }
    (columns, cells)
}
