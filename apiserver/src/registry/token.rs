//! `serviceaccounts/token`: a token for an account, for a while, bound to an object if the client wishes.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};
use timonier_api::kind::{GroupKind, GroupResource};
use timonier_api::schema::Schema;
use timonier_api::status::Status;
use timonier_store::Snapshot;

use super::call::Call;
use super::decode;
use crate::auth::service_account::{Claims, ISSUER, Private, Reference, subject};
use crate::identity::MASTERS;
use crate::object::{Object, meta};
use crate::respond;

const API_VERSION: &str = "authentication.k8s.io/v1";
const DEFINITION: &str = "io.k8s.api.authentication.v1.TokenRequest";
/// Seconds.
const DEFAULT_LIFE: i64 = 3600;
const SHORTEST_LIFE: i64 = 600;
const LONGEST_LIFE: i64 = 1 << 32;

pub async fn create(call: &mut Call, body: Body) -> Result<Response, Status> {
    let account = call.entry(&call.info.name).await?;
    let account = Object::of(&account)?.stored_value()?;
    let decoded = decode::body(call, body).await?;
    let mut request = token_request(decoded.value)?;
    place(call, &mut request)?;
    complete(&mut request);
    let errors = faults(&request);
    if !errors.is_empty() {
        let kind = GroupKind::new("authentication.k8s.io", "TokenRequest");
        return Err(Status::invalid(&kind, &call.info.name, errors));
    }
    let snapshot = call.fresh().await?;
    restrict_node(call, &request, &snapshot)?;
    let own = bind(&snapshot, &account, &request["spec"]["boundObjectRef"])?;
    let now = Timestamp::now().as_second();
    let expires = now + request["spec"]["expirationSeconds"].as_i64().unwrap_or(DEFAULT_LIFE);
    if !call.dry_run() {
        let audiences = request["spec"]["audiences"].as_array().into_iter().flatten();
        let claims = Claims {
            aud: audiences.filter_map(Value::as_str).map(String::from).collect(),
            exp: expires,
            iat: now,
            iss: ISSUER.to_string(),
            jti: uuid::Uuid::new_v4().to_string(),
            sub: subject(&own.namespace, &own.serviceaccount.name),
            kubernetes: own,
            nbf: now,
        };
        let claims = serde_json::to_value(claims).map_err(Status::internal)?;
        let signer = call.app.service_accounts.signer();
        let signer = signer.ok_or_else(|| Status::internal("this server has no service account key (sa.key)"))?;
        let token = signer.sign(&claims).map_err(Status::internal)?;
        let expires = Timestamp::from_second(expires).map_err(Status::internal)?;
        request["status"] = json!({"token": token, "expirationTimestamp": meta::time(expires)});
    }
    Ok(respond::value(StatusCode::CREATED, call.accept.encoding, &request))
}

/// A well-typed TokenRequest without what its schema does not know.
fn token_request(mut request: Value) -> Result<Value, Status> {
    let Some(fields) = request.as_object_mut() else {
        return Err(Status::bad_request("the body is not an object"));
    };
    for (field, expected) in [("apiVersion", API_VERSION), ("kind", "TokenRequest")] {
        match fields.get(field).and_then(Value::as_str) {
            None | Some("") => {}
            Some(given) if given == expected => {}
            Some(given) => {
                return Err(Status::bad_request(format!(
                    "the {field} in the data ({given}) does not match the expected {field} ({expected})"
                )));
            }
        }
        fields.insert(field.to_string(), expected.into());
    }
    let schema = Schema::of(DEFINITION).ok_or_else(|| Status::internal("no schema is known for TokenRequest"))?;
    let pruned = schema.prune(&mut request);
    if let Some(error) = pruned.type_errors.first() {
        return Err(Status::bad_request(format!("TokenRequest cannot be handled: {error}")));
    }
    Ok(request)
}

fn place(call: &Call, request: &mut Value) -> Result<(), Status> {
    for (field, expected) in [("name", &*call.info.name), ("namespace", call.namespace())] {
        let given = meta::text(request, field);
        if !given.is_empty() && given != expected {
            return Err(Status::bad_request(format!(
                "metadata.{field} ({given}) does not match the service account's ({expected})"
            )));
        }
        meta::set(request, field, expected);
    }
    meta::set(request, "creationTimestamp", meta::time(Timestamp::now()));
    Ok(())
}

/// Tokens are for the API itself, for an hour, unless the client says otherwise.
fn complete(request: &mut Value) {
    if !request["spec"].is_object() {
        request["spec"] = json!({});
    }
    let spec = &mut request["spec"];
    if spec["audiences"].as_array().is_none_or(Vec::is_empty) {
        spec["audiences"] = json!([ISSUER]);
    }
    if spec["expirationSeconds"].is_null() {
        spec["expirationSeconds"] = DEFAULT_LIFE.into();
    }
    if let Some(fields) = request.as_object_mut() {
        fields.remove("status");
    }
}

fn faults(request: &Value) -> Vec<FieldError> {
    let spec = Path::new("spec");
    let path = spec.child("expirationSeconds");
    let seconds = request["spec"]["expirationSeconds"].as_i64().unwrap_or(0);
    let mut errors = vec![];
    if seconds < SHORTEST_LIFE {
        errors.push(FieldError::invalid(&path, seconds, "may not specify a duration less than 10 minutes"));
    }
    if seconds > LONGEST_LIFE {
        errors.push(FieldError::invalid(&path, seconds, "may not specify a duration larger than 2^32 seconds"));
    }
    let reference = &request["spec"]["boundObjectRef"];
    if reference.is_object() {
        let path = spec.child("boundObjectRef");
        for (field, path) in [("kind", path.child("kind")), ("name", path.child("name"))] {
            if reference[field].as_str().unwrap_or("").is_empty() {
                errors.push(FieldError::required(&path, ""));
            }
        }
    }
    errors
}

/// An agent gets tokens only for pods of its own node, and only tokens that end with the pod.
fn restrict_node(call: &Call, request: &Value, snapshot: &Snapshot) -> Result<(), Status> {
    if call.identity.has_group(MASTERS) {
        return Ok(());
    }
    let Some(node) = call.identity.node_name() else { return Ok(()) };
    let refuse = |detail: &str| Err(Status::forbidden(&call.resource(), &call.info.name, detail));
    let reference = &request["spec"]["boundObjectRef"];
    if reference["kind"] != "Pod" || reference["apiVersion"] != "v1" {
        return refuse("node requested token not bound to a pod");
    }
    if reference["uid"].as_str().unwrap_or("").is_empty() {
        return refuse("node requested token with a pod binding without a uid");
    }
    let pod = find(snapshot, "pods", call.namespace(), reference["name"].as_str().unwrap_or(""))?;
    if pod["spec"]["nodeName"] != node {
        return refuse("node requested token bound to a pod scheduled on a different node");
    }
    Ok(())
}

/// What the token will say of its account and of the object that it is bound to.
fn bind(snapshot: &Snapshot, account: &Value, reference: &Value) -> Result<Private, Status> {
    let namespace = meta::text(account, "namespace");
    let mut own = Private { namespace: namespace.to_string(), serviceaccount: refer(account), ..Private::default() };
    if !reference.is_object() {
        return Ok(own);
    }
    let text = |field: &str| reference[field].as_str().unwrap_or("");
    let (kind, name) = (text("kind"), text("name"));
    let plural = match (text("apiVersion"), kind) {
        ("v1", "Pod") => "pods",
        ("v1", "Secret") => "secrets",
        ("v1", "Node") => "nodes",
        _ => return Err(Status::bad_request(format!("cannot bind token to object of type {kind:?}"))),
    };
    let object = find(snapshot, plural, if kind == "Node" { "" } else { namespace }, name)?;
    let (wanted, uid) = (text("uid"), meta::text(&object, "uid"));
    if !wanted.is_empty() && wanted != uid {
        let detail = format!(
            "the UID in the bound object reference ({wanted}) does not match the UID in record. \
             The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(&GroupResource::new("", plural), name, detail));
    }
    match kind {
        "Pod" => {
            let named = object["spec"]["serviceAccountName"].as_str().unwrap_or("");
            let account = &own.serviceaccount.name;
            if named != account {
                return Err(Status::bad_request(format!(
                    "cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount name."
                )));
            }
            if let Some(node) = object["spec"]["nodeName"].as_str().filter(|node| !node.is_empty()) {
                let uid = find(snapshot, "nodes", "", node).map(|node| meta::text(&node, "uid").to_string());
                own.node = Some(Reference { name: node.to_string(), uid: uid.unwrap_or_default() });
            }
            own.pod = Some(refer(&object));
        }
        "Secret" => own.secret = Some(refer(&object)),
        _ => own.node = Some(refer(&object)),
    }
    Ok(own)
}

fn refer(object: &Value) -> Reference {
    Reference { name: meta::text(object, "name").to_string(), uid: meta::text(object, "uid").to_string() }
}

fn find(snapshot: &Snapshot, plural: &str, namespace: &str, name: &str) -> Result<Value, Status> {
    let key = if namespace.is_empty() { format!("{plural}/{name}") } else { format!("{plural}/{namespace}/{name}") };
    let entry = snapshot.get(&key).ok_or_else(|| Status::not_found(&GroupResource::new("", plural), name))?;
    Object::of(entry)?.stored_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_request_asks_for_an_hour_at_the_api() {
        let mut request = token_request(json!({"status": {"token": "mine"}})).expect("is well formed");
        complete(&mut request);
        let expected = json!({"apiVersion": API_VERSION, "kind": "TokenRequest",
            "spec": {"audiences": [ISSUER], "expirationSeconds": 3600}});
        assert_eq!(request, expected);
        assert!(faults(&request).is_empty());
    }

    #[test]
    fn what_is_asked_for_must_make_sense() {
        assert!(token_request(json!([])).is_err());
        assert!(token_request(json!({"kind": "Pod"})).is_err());
        assert!(token_request(json!({"spec": {"expirationSeconds": "long"}})).is_err());
        let cases = [
            (
                json!({"expirationSeconds": 599}),
                "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
            ),
            (
                json!({"expirationSeconds": LONGEST_LIFE + 1}),
                "spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds",
            ),
            (
                json!({"expirationSeconds": 600, "boundObjectRef": {"kind": "Pod"}}),
                "spec.boundObjectRef.name: Required value",
            ),
        ];
        for (spec, expected) in cases {
            let found: Vec<String> = faults(&json!({"spec": spec})).iter().map(|e| e.to_string()).collect();
            assert_eq!(found, [expected]);
        }
    }
}
