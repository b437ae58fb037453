//! `pods/eviction`: a deletion that may be refused for the sake of those who use the pod. `policy/v1` Eviction.

use axum::body::Body;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;

use super::call::Call;
use super::decode;
use super::delete::{self, DeleteOptions};
use super::write::{self, Ownership, Part};
use crate::object::{Object, meta};
use crate::respond;

/// Tells in the pod's status who ended it.
const REASON: &str = "EvictionByEvictionAPI";
const MESSAGE: &str = "Eviction API: evicting";

pub async fn evict(call: &mut Call, body: Body) -> Result<Response, Status> {
    let eviction = decode::body(call, body).await?.value;
    check(&eviction, &call.info.name)?;
    let options = DeleteOptions::of(call, &eviction["deleteOptions"])?;
    let name = call.info.name.clone();
    let entry = call.entry(&name).await?;
    let pod = Object::of(&entry)?.stored_value()?;
    options.check(&call.resource(), &name, &pod, entry.revision)?;
    if !call.dry_run() && !meta::is_deleting(&pod) && !has_ended(&pod) {
        let uid = meta::text(&pod, "uid").to_string();
        write::modify(call, &name, Part::Status, Ownership::Untracked, |_, current| {
            let mut pod = current.stored.clone();
            disrupt(&mut pod, Timestamp::now());
            meta::set(&mut pod, "uid", &*uid);
            Ok(pod)
        })
        .await?;
    }
    // The revision that was asked for has just been checked, and passed by our own note.
    let options = DeleteOptions { revision: None, ..options };
    delete::one(call, &name, &options).await?;
    let mut status = Status::success(&GroupResource::new("", ""), "", "");
    status.code = 201;
    Ok(respond::status(status))
}

fn check(eviction: &Value, name: &str) -> Result<(), Status> {
    let text = |field: &str| eviction[field].as_str().unwrap_or("");
    if !eviction.is_object() {
        return Err(Status::bad_request("the body is not an object"));
    }
    let (version, kind) = (text("apiVersion"), text("kind"));
    if !matches!(version, "" | "policy/v1" | "policy/v1beta1") || !matches!(kind, "" | "Eviction") {
        return Err(Status::bad_request(format!("not an Eviction of policy/v1: {version}, {kind}")));
    }
    let given = meta::text(eviction, "name");
    if !given.is_empty() && given != name {
        return Err(Status::bad_request(format!(
            "name in URL does not match name in Eviction object: {name:?} and {given:?}"
        )));
    }
    Ok(())
}

fn has_ended(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

fn disrupt(pod: &mut Value, now: Timestamp) {
    if !pod["status"].is_object() {
        pod["status"] = json!({});
    }
    let condition = json!({"type": "DisruptionTarget", "status": "True", "reason": REASON, "message": MESSAGE,
        "lastProbeTime": null, "lastTransitionTime": meta::time(now)});
    match pod["status"]["conditions"].as_array_mut() {
        Some(conditions) => {
            conditions.retain(|condition| condition["type"] != "DisruptionTarget");
            conditions.push(condition);
        }
        None => pod["status"]["conditions"] = json!([condition]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eviction_names_its_pod_or_nobody() {
        for (eviction, fits) in [
            (json!({}), true),
            (json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}), true),
            (json!({"apiVersion": "policy/v1beta1", "kind": "Eviction"}), true),
            (json!({"metadata": {"name": "b"}}), false),
            (json!({"apiVersion": "v1", "kind": "Pod"}), false),
            (json!([]), false),
        ] {
            assert_eq!(check(&eviction, "a").is_ok(), fits, "{eviction}");
        }
    }

    #[test]
    fn the_pod_says_why_it_ends_and_keeps_its_other_conditions() {
        let mut pod = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        disrupt(&mut pod, Timestamp::UNIX_EPOCH);
        disrupt(&mut pod, Timestamp::UNIX_EPOCH);
        let conditions = pod["status"]["conditions"].as_array().expect("a list");
        assert_eq!(conditions.len(), 2);
        assert_eq!(conditions[1]["reason"], REASON);
    }
}
