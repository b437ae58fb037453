//! The one walk over rows, paths and operations. What an operation looks like is the writer's business.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::paths::{self, Operation};
use crate::kinds::Row;

/// How a version of OpenAPI writes things down.
pub struct Writer {
    pub operation: fn(&Row, &Operation) -> Value,
    pub path_parameter: fn(&str) -> Value,
}

/// What was found on the way.
pub struct Walked {
    /// `paths` of the document.
    pub paths: Map<String, Value>,
    /// The definitions of the kinds, and of all that operations take and give.
    pub definitions: BTreeSet<String>,
}

pub fn walk<'a>(rows: impl IntoIterator<Item = &'a Arc<Row>>, writer: &Writer) -> Walked {
    let mut walked = Walked { paths: Map::new(), definitions: BTreeSet::new() };
    for row in rows {
        walked.definitions.insert(row.kind.definition.clone());
        for path in paths::of(row) {
            let mut item = Map::new();
            for operation in &path.operations {
                item.insert(operation.method.to_string(), (writer.operation)(row, operation));
                walked.definitions.extend(operation.body.iter().chain(&operation.answer).cloned());
            }
            let parameters: Vec<Value> = path.parameters.iter().map(|name| (writer.path_parameter)(name)).collect();
            if !parameters.is_empty() {
                item.insert("parameters".to_string(), parameters.into());
            }
            walked.paths.insert(path.path, item.into());
        }
    }
    walked
}
