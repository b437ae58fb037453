//! `pods/binding`: gives a pod its node, once.

use axum::body::Body;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};
use timonier_api::kind::{GroupKind, GroupResource};
use timonier_api::status::Status;

use super::call::Call;
use super::decode;
use super::part::Part;
use super::reach::Reach;
use super::write::{self, Ownership};
use crate::object::meta;
use crate::respond;

pub async fn bind(call: &mut Call, body: Body) -> Result<Response, Status> {
    let binding = decode::body(call, body).await?.value;
    let name = call.info.name.clone();
    bind_pod(call, &binding, &name).await
}

/// `POST bindings`: the same, with the pod's name in the body.
pub async fn bind_named(call: &mut Call, body: Body) -> Result<Response, Status> {
    let binding = decode::body(call, body).await?.value;
    let given = meta::text(&binding, "namespace");
    if !given.is_empty() && given != call.info.namespace {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    let name = meta::text(&binding, "name").to_string();
    if name.is_empty() {
        let error = FieldError::required(&Path::new("metadata").child("name"), "name or generateName is required");
        return Err(Status::invalid(&GroupKind::new("", "Binding"), "", vec![error]));
    }
    let pods = call.app.kinds.current().by_plural("", "v1", "pods").cloned();
    call.row = pods.ok_or_else(Status::no_such_path)?;
    call.storage = call.row.clone();
    bind_pod(call, &binding, &name).await
}

async fn bind_pod(call: &mut Call, binding: &Value, name: &str) -> Result<Response, Status> {
    let node = target(binding, name)?;
    write::modify(call, name, Part::Binding, Reach::Status, Ownership::Untracked, |_, current| {
        let mut pod = current.stored.clone();
        assign(&mut pod, binding, &node, Timestamp::now())
            .map_err(|detail| Status::conflict(&GroupResource::new("", "pods/binding"), name, detail))?;
        Ok(pod)
    })
    .await?;
    let mut status = Status::success(&GroupResource::new("", ""), "", "");
    status.code = 201;
    Ok(respond::status_as(call.accept.encoding, status))
}

fn target(binding: &Value, name: &str) -> Result<String, Status> {
    let given = meta::text(binding, "name");
    if !given.is_empty() && given != name {
        return Err(Status::bad_request(format!(
            "name in URL does not match name in Binding object: {given:?} and {name:?}"
        )));
    }
    let path = Path::new("target");
    let invalid = |error| Status::invalid(&GroupKind::new("", "Binding"), name, vec![error]);
    let kind = binding["target"]["kind"].as_str().unwrap_or("");
    if !matches!(kind, "" | "Node") {
        return Err(invalid(FieldError::not_supported(&path.child("kind"), kind, &["Node", "<empty>"])));
    }
    match binding["target"]["name"].as_str() {
        Some(node) if !node.is_empty() => Ok(node.to_string()),
        _ => Err(invalid(FieldError::required(&path.child("name"), ""))),
    }
}

/// The pod with its node and the condition that says so; the refusal in words.
fn assign(pod: &mut Value, binding: &Value, node: &str, now: Timestamp) -> Result<(), String> {
    let name = meta::text(pod, "name").to_string();
    let (uid, expected) = (meta::text(pod, "uid"), meta::text(binding, "uid"));
    if !expected.is_empty() && expected != uid {
        return Err(format!("Precondition failed: UID in precondition: {expected}, UID in object meta: {uid}"));
    }
    if meta::is_deleting(pod) {
        return Err(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    if let Some(current) = pod["spec"]["nodeName"].as_str().filter(|current| !current.is_empty()) {
        return Err(format!("pod {name} is already assigned to node {current:?}"));
    }
    pod["spec"]["nodeName"] = node.into();
    for field in ["annotations", "labels"] {
        if let Some(entries) = binding["metadata"][field].as_object() {
            for (key, value) in entries {
                pod["metadata"][field][key] = value.clone();
            }
        }
    }
    if !pod["status"].is_object() {
        pod["status"] = json!({});
    }
    // What it was promised no longer says anything.
    if let Some(status) = pod["status"].as_object_mut() {
        status.remove("nominatedNodeName");
    }
    let condition = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null,
        "lastTransitionTime": meta::time(now)});
    match pod["status"]["conditions"].as_array_mut() {
        Some(conditions) => {
            conditions.retain(|c| c["type"] != "PodScheduled");
            conditions.push(condition);
        }
        None => pod["status"]["conditions"] = json!([condition]),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_bound_once_and_never_while_it_ends() {
        let now = "2026-01-01T00:00:00Z".parse().expect("is a time");
        let mut pod = json!({"metadata": {"name": "a", "uid": "u"}, "spec": {}, "status": {"nominatedNodeName": "n2"}});
        assert_eq!(assign(&mut pod, &json!({}), "n1", now), Ok(()));
        assert_eq!(pod["spec"]["nodeName"], "n1");
        assert_eq!(pod["status"]["conditions"][0]["type"], "PodScheduled");
        assert!(pod["status"].get("nominatedNodeName").is_none());
        assert_eq!(
            assign(&mut pod, &json!({}), "n2", now),
            Err("pod a is already assigned to node \"n1\"".to_string())
        );
        let mut ending = json!({"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {}});
        assert!(assign(&mut ending, &json!({}), "n1", now).is_err());
        let mut other = json!({"metadata": {"name": "a", "uid": "u"}, "spec": {}});
        assert!(assign(&mut other, &json!({"metadata": {"uid": "v"}}), "n1", now).is_err());
    }
}
