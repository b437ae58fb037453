//! Which objects of a kind a list or a watch is about.

use std::sync::Arc;

use timonier_api::selector::{FieldSelector, LabelSelector};
use timonier_api::status::Status;
use timonier_store::Filter;

use super::{Call, keys};
use crate::kinds::{Custom, Row};
use crate::object::Object;
use crate::query::Query;

/// Selectors, and what of them is known to the store.
pub struct Selection {
    pub prefix: String,
    /// The one name that can match.
    pub name: Option<String>,
    /// The one node whose pods can match.
    node: Option<String>,
    /// Of all that the prefix holds; empty for every namespace.
    namespace: String,
    labels: Option<LabelSelector>,
    fields: Vec<FieldRequirement>,
    /// Of a kind for which other fields may have been noted when its objects were written.
    unsure: Option<Arc<Row>>,
}

struct FieldRequirement {
    field: String,
    equal: bool,
    value: String,
}

impl Selection {
    pub fn read(call: &Call) -> Result<Selection, Status> {
        Selection::of(&call.row, &call.storage, &call.query, call.namespace(), &call.info.name)
    }

    /// Of a kind, as it is served and as it is stored. An empty namespace means all of them, an empty name every object.
    pub fn of(row: &Arc<Row>, storage: &Row, query: &Query, namespace: &str, name: &str) -> Result<Selection, Status> {
        let labels = match query.get("labelSelector") {
            None => None,
            Some(text) => Some(
                LabelSelector::parse(text)
                    .map_err(|error| Status::bad_request(format!("unable to parse requirement: {error}")))?,
            ),
        };
        let mut fields = read_fields(row, storage, query)?;
        // A watch of one object by its path is a watch by its name.
        if !name.is_empty() {
            fields.push(FieldRequirement { field: "metadata.name".to_string(), equal: true, value: name.to_string() });
        }
        let exactly = |field: &str| fields.iter().find(|r| r.equal && r.field == field).map(|r| r.value.clone());
        let asked = namespace.to_string();
        let namespace = if asked.is_empty() { exactly("metadata.namespace").unwrap_or_default() } else { asked };
        let namespaced = row.kind.namespaced && !namespace.is_empty();
        Ok(Selection {
            prefix: keys::collection(row, &namespace),
            name: exactly("metadata.name").filter(|_| namespaced || !row.kind.namespaced),
            node: exactly("spec.nodeName").filter(|node| !node.is_empty() && storage.kind.plural == "pods"),
            namespace: if namespaced { namespace } else { String::new() },
            labels,
            unsure: Some(row)
                .filter(|row| !fields.is_empty() && row.hooks.custom().is_some_and(Custom::reshapes))
                .cloned(),
            fields,
        })
    }

    /// Whether everything under the prefix matches.
    pub fn is_all(&self) -> bool {
        let by_namespace =
            |r: &FieldRequirement| r.equal && r.field == "metadata.namespace" && r.value == self.namespace;
        self.labels.is_none() && self.fields.iter().all(by_namespace)
    }

    pub fn matches(&self, object: &Object) -> bool {
        let index = &object.index;
        let noted = self.unsure.as_ref().and_then(|row| Some((row, object.stored_value().ok()?)));
        let noted = noted.as_ref().map(|(row, value)| row.hooks.fields(value));
        let field = |name: &str| match &noted {
            Some(noted) if !name.starts_with("metadata.") => {
                noted.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
            }
            _ => index.field(name),
        };
        let fields = self.fields.iter().all(|r| (field(&r.field) == r.value) == r.equal);
        fields && self.labels.as_ref().is_none_or(|labels| labels.matches_by(|key| index.label(key)))
    }

    /// What of it the store can see to: as few wake-ups as possible.
    pub fn filter(&self) -> Filter {
        match (&self.name, &self.node) {
            (Some(name), _) => Filter::exact(format!("{}{name}", self.prefix)),
            (None, Some(node)) => Filter::prefix(&*self.prefix).tagged(&**node),
            (None, None) => Filter::prefix(&*self.prefix),
        }
    }
}

fn read_fields(row: &Row, storage: &Row, query: &Query) -> Result<Vec<FieldRequirement>, Status> {
    let Some(text) = query.get("fieldSelector") else {
        return Ok(vec![]);
    };
    let parsed = FieldSelector::parse(text).map_err(|error| Status::bad_request(error.to_string()))?;
    let mut fields = vec![];
    for requirement in parsed.requirements() {
        let field = requirement.field.to_string();
        let known = matches!(&*field, "metadata.name" | "metadata.namespace")
            || storage.hooks.selects_by(&field)
            || row.hooks.selects_by(&field);
        if !known {
            return Err(Status::bad_request(format!("field label not supported: {field}")));
        }
        fields.push(FieldRequirement { field, equal: requirement.equal, value: requirement.value.to_string() });
    }
    Ok(fields)
}
