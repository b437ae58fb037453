//! OpenAPI v3: one document a group and version.

use serde_json::{Map, Value, json};
use timonier_api::schema::openapi;

use super::paths::{self, Operation};
use crate::kinds::{Row, Table};

/// The paths of all documents: `api/v1`, `apis/apps/v1`.
pub fn paths(table: &Table) -> Vec<String> {
    let mut found = vec![];
    for row in table.rows() {
        let path = paths::root(&row.kind.group, &row.kind.version);
        if !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

/// The document at a path; `None` when nothing is served there.
pub fn document(table: &Table, path: &str) -> Option<Value> {
    let here = |row: &&std::sync::Arc<Row>| paths::root(&row.kind.group, &row.kind.version) == path;
    let rows: Vec<_> = table.rows().iter().filter(here).collect();
    if rows.is_empty() {
        return None;
    }
    let mut all = Map::new();
    for row in &rows {
        for path in paths::of(row) {
            let mut item = Map::new();
            for operation in &path.operations {
                item.insert(operation.method.to_string(), describe(row, operation));
            }
            let parameters: Vec<Value> = path
                .parameters
                .iter()
                .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "uniqueItems": true}}))
                .collect();
            if !parameters.is_empty() {
                item.insert("parameters".to_string(), parameters.into());
            }
            all.insert(path.path, item.into());
        }
    }
    let definitions: Vec<&str> = rows.iter().map(|row| &*row.kind.definition).collect();
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": all,
        "components": {
            "schemas": openapi::v3(&definitions),
            "securitySchemes": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
        },
        "security": [{"BearerToken": []}],
    }))
}

fn describe(row: &Row, operation: &Operation) -> Value {
    let kind = &row.kind;
    let schema = |definition: &str| json!({"schema": {"$ref": format!("#/components/schemas/{definition}")}});
    let code = if operation.method == "post" { "201" } else { "200" };
    let mut described = json!({
        "operationId": operation.id,
        "tags": [tag(row)],
        "parameters": parameters(operation),
        "responses": {code: {"description": "OK", "content": answers(schema(&operation.answer))}},
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
    });
    if let Some(body) = &operation.body {
        described["requestBody"] = json!({"content": media_types(operation, schema(body))});
    }
    described
}

fn answers(schema: Value) -> Value {
    json!({"application/json": schema, "application/yaml": schema, "application/vnd.kubernetes.protobuf": schema})
}

fn media_types(operation: &Operation, schema: Value) -> Value {
    if operation.action != "patch" {
        return json!({"*/*": schema});
    }
    json!({
        "application/apply-patch+yaml": schema,
        "application/json-patch+json": schema,
        "application/merge-patch+json": schema,
        "application/strategic-merge-patch+json": schema,
    })
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let query =
        |name: &str, kind: &str| json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}});
    query_parameters(operation.action).iter().map(|(name, kind)| query(name, kind)).collect()
}

/// What the query of an action may say: name and type.
pub fn query_parameters(action: &str) -> &'static [(&'static str, &'static str)] {
    match action {
        "list" => &[
            ("allowWatchBookmarks", "boolean"),
            ("continue", "string"),
            ("fieldSelector", "string"),
            ("labelSelector", "string"),
            ("limit", "integer"),
            ("resourceVersion", "string"),
            ("resourceVersionMatch", "string"),
            ("sendInitialEvents", "boolean"),
            ("timeoutSeconds", "integer"),
            ("watch", "boolean"),
        ],
        "post" | "put" => &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")],
        "patch" => {
            &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"), ("force", "boolean")]
        }
        "delete" => &[
            ("dryRun", "string"),
            ("gracePeriodSeconds", "integer"),
            ("orphanDependents", "boolean"),
            ("propagationPolicy", "string"),
        ],
        "deletecollection" => &[
            ("dryRun", "string"),
            ("fieldSelector", "string"),
            ("gracePeriodSeconds", "integer"),
            ("labelSelector", "string"),
            ("propagationPolicy", "string"),
        ],
        _ => &[],
    }
}

/// `apps_v1`, `core_v1`: how generators group operations.
pub fn tag(row: &Row) -> String {
    let kind = &row.kind;
    let group = if kind.group.is_empty() { "core" } else { kind.group.split('.').next().unwrap_or("") };
    format!("{group}_{}", kind.version)
}
