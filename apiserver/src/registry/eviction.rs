//! `pods/eviction`: a deletion that may be refused for the sake of those who use the pod. `policy/v1` Eviction.

use axum::body::Body;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;

use super::call::Call;
use super::commit::{PutError, Write, put};
use super::delete::{DeleteOptions, Plan, plan};
use super::part::Part;
use super::reach::Reach;
use super::write;
use super::{budget, decode};
use crate::admission::{Attributes, admit};
use crate::object::{Object, meta};
use crate::respond;

/// Tells in the pod's status who ended it.
const REASON: &str = "EvictionByEvictionAPI";
const MESSAGE: &str = "Eviction API: evicting";

/// How often it is tried again when pod or budget changed meanwhile.
const ATTEMPTS: usize = 100;

pub async fn evict(call: &mut Call, body: Body) -> Result<Response, Status> {
    let eviction = decode::body(call, body).await?.value;
    check(&eviction, &call.info.name)?;
    let options = DeleteOptions::of(call, &eviction["deleteOptions"])?;
    let name = call.info.name.clone();
    for _ in 0..ATTEMPTS {
        match attempt(call, &name, &options).await {
            Ok(()) => {
                let mut status = Status::success(&GroupResource::new("", ""), "", "");
                status.code = 201;
                return Ok(respond::status(status));
            }
            Err(PutError::Conflict) if options.revision.is_some() => break,
            Err(PutError::Conflict) => {}
            Err(PutError::Other(status)) => return Err(*status),
        }
    }
    Err(write::modified(call, &name))
}

/// Ends the pod, notes why, and takes from its budget: all in one transaction.
async fn attempt(call: &Call, name: &str, options: &DeleteOptions) -> Result<(), PutError> {
    let snapshot = call.fresh().await?;
    let entry = snapshot.get(&call.key(name)).ok_or_else(|| call.not_found(name))?;
    let deep = Reach::Status.leaves(call, &snapshot);
    let old = Object::of(entry)?.shallow_value(deep)?;
    options.check(&call.resource(), name, &old, entry.revision)?;
    let grace_period = options.grace_period;
    admit(&Attributes { identity: &call.identity, row: &call.storage, old: Some(&old), new: None, grace_period })?;
    let mut noted = old.clone();
    let mut beside = vec![];
    if !meta::is_deleting(&old) && !has_ended(&old) {
        let table = call.app.kinds.current();
        beside.extend(budget::take(&table, &snapshot, call.namespace(), &old, Timestamp::now())?);
        disrupt(&mut noted, Timestamp::now());
        write::own(call, Part::Status, Some(&old), &mut noted)?;
    }
    match plan(&call.storage, &noted, options, Timestamp::now()) {
        Plan::Nothing => {}
        Plan::Remove => {
            put(call, Write::remove(entry, &old, &noted).beside(beside).leaving(deep)).await?;
        }
        Plan::Mark(new) => {
            put(call, Write::update(entry, &old, &new).beside(beside).leaving(deep)).await?;
        }
    }
    Ok(())
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
