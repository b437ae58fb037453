//! OpenAPI v3: one document a group and version.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use timonier_api::schema::openapi;

use super::custom;
use super::paths::{Operation, group_name};
use super::walk::{Writer, walk};
use crate::kinds::Row;

pub const WRITER: Writer = Writer {
    operation: describe,
    path_parameter: |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "uniqueItems": true}}),
};

/// What all documents of custom resources refer to: the same each time.
static SHARED: Mutex<BTreeMap<Names, Arc<Map<String, Value>>>> = Mutex::new(BTreeMap::new());

/// Names of definitions, in order.
type Names = Vec<String>;

/// The document of one group and version.
pub fn document(rows: &[Arc<Row>]) -> Value {
    let mut walked = walk(rows, &WRITER);
    let custom: Vec<_> = rows.iter().filter_map(|row| Some((row, row.hooks.custom()?))).collect();
    let mut schemas = if custom.len() == rows.len() {
        for (row, _) in &custom {
            let definition = &row.kind.definition;
            walked.definitions.retain(|name| name.strip_suffix("List").unwrap_or(name) != definition);
        }
        walked.definitions.extend(custom::parts().map(str::to_string));
        shared(walked.definitions.into_iter().collect())
    } else {
        openapi::v3(&walked.definitions.iter().map(String::as_str).collect::<Vec<_>>())
    };
    schemas.extend(custom.into_iter().flat_map(|(row, kind)| custom::v3(row, kind)));
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": walked.paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
        },
        "security": [{"BearerToken": []}],
    })
}

fn shared(names: Vec<String>) -> Map<String, Value> {
    let mut shared = SHARED.lock();
    if let Some(made) = shared.get(&names) {
        return Map::clone(made);
    }
    let made = Arc::new(openapi::v3(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    shared.insert(names, made.clone());
    Map::clone(&made)
}

fn describe(row: &Row, operation: &Operation) -> Value {
    let (group, version, kind) = &operation.kind;
    let schema = |definition: &str| json!({"schema": {"$ref": format!("#/components/schemas/{definition}")}});
    let code = if operation.action == "post" { "201" } else { "200" };
    let answer = match &operation.answer {
        Some(definition) => answers(schema(definition)),
        None => json!({"*/*": {"schema": {"type": "string"}}}),
    };
    let mut described = json!({
        "operationId": operation.id,
        "tags": [tag(row)],
        "parameters": parameters(operation),
        "responses": {code: {"description": "OK", "content": answer}},
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
    });
    if let Some(body) = &operation.body {
        described["requestBody"] = json!({"content": media_types(row, operation, schema(body))});
    }
    described
}

fn answers(schema: Value) -> Value {
    json!({"application/json": schema, "application/yaml": schema, "application/vnd.kubernetes.protobuf": schema})
}

fn media_types(row: &Row, operation: &Operation, schema: Value) -> Value {
    if operation.action != "patch" {
        return json!({"*/*": schema});
    }
    media_types_of_patches(row).iter().map(|name| (name.to_string(), schema.clone())).collect()
}

/// Custom resources have no strategic merge patch.
pub fn media_types_of_patches(row: &Row) -> &'static [&'static str] {
    const ALL: &[&str] = &[
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ];
    if row.hooks.custom().is_some() { &ALL[..3] } else { ALL }
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let query =
        |name: &str, kind: &str| json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}});
    query_parameters(operation).iter().map(|(name, kind)| query(name, kind)).collect()
}

/// What the query of an operation may say: name and type.
pub fn query_parameters(operation: &Operation) -> &'static [(&'static str, &'static str)] {
    match operation.action {
        "connect" => connection(&operation.kind.2),
        "get" if operation.answer.is_none() => &[
            ("container", "string"),
            ("follow", "boolean"),
            ("limitBytes", "integer"),
            ("previous", "boolean"),
            ("sinceSeconds", "integer"),
            ("sinceTime", "string"),
            ("tailLines", "integer"),
            ("timestamps", "boolean"),
        ],
        "list" | "watch" | "watchlist" => &[
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

/// By the kind of its options.
fn connection(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "PodExecOptions" => &[
            ("command", "string"),
            ("container", "string"),
            ("stderr", "boolean"),
            ("stdin", "boolean"),
            ("stdout", "boolean"),
            ("tty", "boolean"),
        ],
        "PodAttachOptions" => &[
            ("container", "string"),
            ("stderr", "boolean"),
            ("stdin", "boolean"),
            ("stdout", "boolean"),
            ("tty", "boolean"),
        ],
        "PodPortForwardOptions" => &[("ports", "integer")],
        _ => &[("path", "string")],
    }
}

/// `apps_v1`, `core_v1`: how generators group operations.
pub fn tag(row: &Row) -> String {
    format!("{}_{}", group_name(&row.kind.group), row.kind.version)
}
