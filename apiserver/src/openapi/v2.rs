//! OpenAPI v2: one document for all, as JSON or as the protobuf that kubectl asks for.

mod protobuf;

use http::{HeaderMap, header};
use serde_json::{Value, json};
use timonier_api::schema::openapi;

use super::paths::Operation;
use super::v3::{media_types_of_patches, query_parameters, tag};
use super::walk::{Writer, walk};
use super::{custom, found};
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

pub const WRITER: Writer = Writer {
    operation: describe,
    path_parameter: |name| json!({"name": name, "in": "path", "required": true, "type": "string", "uniqueItems": true}),
};

pub fn document(table: &Table) -> Value {
    let mut walked = walk(table.rows(), &WRITER);
    found::add(table, &mut walked.paths, &mut walked.definitions);
    let custom: Vec<_> = table.rows().iter().filter_map(|row| Some((row, row.hooks.custom()?))).collect();
    if !custom.is_empty() {
        walked.definitions.extend(custom::parts().map(str::to_string));
    }
    let names: Vec<&str> = walked.definitions.iter().map(String::as_str).collect();
    let mut definitions = openapi::v2(&names);
    definitions.extend(custom.into_iter().flat_map(|(row, kind)| custom::v2(row, kind)));
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": walked.paths,
        "definitions": definitions,
        "securityDefinitions": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
        "security": [{"BearerToken": []}],
    })
}

fn describe(row: &Row, operation: &Operation) -> Value {
    let (group, version, kind) = &operation.kind;
    let schema = |definition: &str| json!({"$ref": format!("#/definitions/{definition}")});
    let mut parameters: Vec<Value> = query_parameters(operation)
        .iter()
        .map(|(name, kind)| json!({"name": name, "in": "query", "type": kind, "uniqueItems": true}))
        .collect();
    if let Some(body) = &operation.body {
        parameters.push(
            json!({"name": "body", "in": "body", "required": operation.method != "delete", "schema": schema(body)}),
        );
    }
    let consumes = if operation.action == "patch" { json!(media_types_of_patches(row)) } else { json!(["*/*"]) };
    let answer = operation.answer.as_deref().map_or_else(|| json!({"type": "string"}), schema);
    let code = if operation.action == "post" { "201" } else { "200" };
    json!({
        "operationId": operation.id,
        "tags": [tag(row)],
        "schemes": ["https"],
        "consumes": consumes,
        "produces": ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"],
        "parameters": parameters,
        "responses": {code: {"description": "OK", "schema": answer}},
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
    })
}
