//! `/scale`: the number of replicas as an object of its own, `autoscaling/v1` Scale.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};
use timonier_api::kind::GroupKind;
use timonier_api::selector::LabelSelector;
use timonier_api::status::Status;

use super::call::Call;
use super::decode;
use super::part::Part;
use super::patch::PatchType;
use super::reach::Reach;
use super::write::{self, Ownership};
use crate::body;
use crate::kinds::custom::ScalePaths;
use crate::kinds::{Custom, Row};
use crate::object::{Object, meta};
use crate::respond;

pub async fn get(call: &mut Call) -> Result<Response, Status> {
    let name = call.info.name.clone();
    let object = Object::of(&*call.entry(&name).await?)?;
    Ok(respond::value(StatusCode::OK, call.accept.encoding, &scale_of(&call.row, &object.value()?)))
}

pub async fn update(call: &mut Call, body: Body) -> Result<Response, Status> {
    let scale = decode::body(call, body).await?.value;
    let given = meta::text(&scale, "name");
    if !given.is_empty() && given != call.info.name {
        return Err(Status::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({})",
            call.info.name
        )));
    }
    write(call, |_| Ok(scale.clone())).await
}

pub async fn patch(call: &mut Call, body: Body) -> Result<Response, Status> {
    let kind = PatchType::read(call)?;
    let bytes = body::read(body, call.app.limits.max_request_bytes).await?;
    let patch = match kind {
        PatchType::Apply => body::yaml(&bytes)?.value,
        _ => body::json(&bytes)?.value,
    };
    write(call, |before| {
        let mut after = match kind {
            PatchType::Json => {
                timonier_merge::json_patch(before, &patch).map_err(|error| Status::bad_request(error.to_string()))?
            }
            // A Scale has no lists: strategic merge and apply are plain merges.
            _ if !patch.is_object() => return Err(Status::bad_request("a merge patch is an object")),
            _ => timonier_merge::merge_patch(before.clone(), &patch),
        };
        if after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"] {
            meta::remove(&mut after, "resourceVersion");
        }
        Ok(after)
    })
    .await
}

/// Writes the replicas that `change` makes of the current Scale.
async fn write(call: &mut Call, change: impl Fn(&Value) -> Result<Value, Status>) -> Result<Response, Status> {
    let name = call.info.name.clone();
    let row = call.row.clone();
    let written = write::modify(call, &name, Part::Scale, Reach::Whole, Ownership::Untracked, |_, current| {
        let scale = change(&scale_of(&row, &current.object.value()?))?;
        let replicas = replicas(&scale, &name)?;
        let mut new = current.stored.clone();
        put(&row, &mut new, replicas);
        for field in ["resourceVersion", "uid"] {
            if !meta::text(&scale, field).is_empty() {
                meta::copy(&mut new, &scale, field);
            }
        }
        Ok(new)
    })
    .await?;
    Ok(respond::value(StatusCode::OK, call.accept.encoding, &scale_of(&call.row, &written.value()?)))
}

fn replicas(scale: &Value, name: &str) -> Result<i64, Status> {
    let path = Path::new("spec").child("replicas");
    let invalid = |error| Err(Status::invalid(&GroupKind::new("autoscaling", "Scale"), name, vec![error]));
    match &scale["spec"]["replicas"] {
        Value::Null => Ok(0),
        value => match value.as_i64() {
            Some(replicas) if (0..=i64::from(i32::MAX)).contains(&replicas) => Ok(replicas),
            Some(_) => invalid(FieldError::invalid(&path, value.clone(), "must be greater than or equal to 0")),
            None => invalid(FieldError::type_invalid(&path, value.clone(), "must be an integer")),
        },
    }
}

/// Where a custom resource says that its Scale is.
fn paths(row: &Row) -> Option<&ScalePaths> {
    row.hooks.custom().and_then(Custom::scale)
}

fn put(row: &Row, object: &mut Value, replicas: i64) {
    let Some(paths) = paths(row) else {
        object["spec"]["replicas"] = replicas.into();
        return;
    };
    let mut at = object;
    for name in &paths.replicas {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[name.as_str()];
    }
    *at = replicas.into();
}

/// The Scale of an object that has one.
fn scale_of(row: &Row, object: &Value) -> Value {
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        metadata[field] = object["metadata"][field].clone();
    }
    let at = |path: &[String]| path.iter().try_fold(object, |object, name| object.get(name)).unwrap_or(&Value::Null);
    let (wanted, there, selector) = match paths(row) {
        Some(paths) => {
            let selector = paths.selector.as_deref().and_then(|path| at(path).as_str().map(str::to_owned));
            (at(&paths.replicas), at(&paths.status_replicas), selector)
        }
        None => {
            let text = selector_of(&object["spec"]["selector"]).map(|selector| selector.to_string());
            (&object["spec"]["replicas"], &object["status"]["replicas"], text)
        }
    };
    let mut status = json!({"replicas": there.as_i64().unwrap_or(0)});
    if let Some(selector) = selector {
        status["selector"] = selector.into();
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": wanted.as_i64().unwrap_or(0)},
        "status": status,
    })
}

/// A label selector; that of a replication controller is a plain map of labels.
fn selector_of(selector: &Value) -> Option<LabelSelector> {
    match serde_json::from_value(selector.clone()) {
        Ok(labels) => Some(LabelSelector::from_labels(&labels)),
        Err(_) => LabelSelector::from_typed(&serde_json::from_value(selector.clone()).ok()?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_selector_are_told_in_words() {
        let table = crate::kinds::Table::builtin();
        let row = table.by_plural("apps", "v1", "deployments").expect("is built in");
        let words =
            |selector: Value| scale_of(row, &json!({"spec": {"selector": selector}}))["status"]["selector"].clone();
        assert_eq!(words(json!({"app": "web"})), "app=web");
        assert_eq!(words(json!({"matchLabels": {"app": "web"}})), "app=web");
        assert_eq!(words(json!({})), "");
        assert_eq!(words(json!([])), Value::Null);
    }
}
