//! OpenAPI v2: one document for all, as JSON or as the protobuf that kubectl asks for.

mod protobuf;

use http::{HeaderMap, header};
use serde_json::{Map, Value, json};
use timonier_api::schema::openapi;

use super::paths::{self, Operation};
use super::v3::{query_parameters, tag};
use crate::kinds::{Row, Table};

pub use protobuf::encode as protobuf;

/// The media type of gnostic's protobuf form. Clients also ask for it with an `@`, which Go refuses in an answer.
pub const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// kubectl takes nothing else; older ones name it in another spelling.
pub fn wants_protobuf(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("");
    let first = accept.split(',').next().unwrap_or("");
    first.contains("proto-openapi.spec.v2") && first.contains("protobuf")
}

pub fn document(table: &Table) -> Value {
    let mut all = Map::new();
    for row in table.rows() {
        for path in paths::of(row) {
            let mut item = Map::new();
            for operation in &path.operations {
                item.insert(operation.method.to_string(), describe(row, operation));
            }
            let parameters: Vec<Value> = path
                .parameters
                .iter()
                .map(
                    |name| json!({"name": name, "in": "path", "required": true, "type": "string", "uniqueItems": true}),
                )
                .collect();
            if !parameters.is_empty() {
                item.insert("parameters".to_string(), parameters.into());
            }
            all.insert(path.path, item.into());
        }
    }
    let definitions: Vec<&str> = table.rows().iter().map(|row| &*row.kind.definition).collect();
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": all,
        "definitions": openapi::v2(&definitions),
        "securityDefinitions": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
        "security": [{"BearerToken": []}],
    })
}

fn describe(row: &Row, operation: &Operation) -> Value {
    let kind = &row.kind;
    let schema = |definition: &str| json!({"$ref": format!("#/definitions/{definition}")});
    let mut parameters: Vec<Value> = query_parameters(operation.action)
        .iter()
        .map(|(name, kind)| json!({"name": name, "in": "query", "type": kind, "uniqueItems": true}))
        .collect();
    if let Some(body) = &operation.body {
        parameters.push(
            json!({"name": "body", "in": "body", "required": operation.method != "delete", "schema": schema(body)}),
        );
    }
    let consumes = if operation.action == "patch" {
        json!([
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
            "application/apply-patch+yaml"
        ])
    } else {
        json!(["*/*"])
    };
    let code = if operation.method == "post" { "201" } else { "200" };
    json!({
        "operationId": operation.id,
        "tags": [tag(row)],
        "schemes": ["https"],
        "consumes": consumes,
        "produces": ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"],
        "parameters": parameters,
        "responses": {code: {"description": "OK", "schema": schema(&operation.answer)}},
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
    })
}
