//! `componentstatuses`: how the parts of the cluster are. Nobody keeps them: each answer is a look of its own.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::status::Status;
use timonier_store::{Revision, Snapshot};

use super::call::Call;
use super::list::{self, page::Page};
use super::shape;
use crate::kinds::json as of;
use crate::object::{self, Object};

/// Under which names the parts are known that elect who acts, and their leases in `kube-system`.
const ELECTED: [(&str, &str); 1] = [("controller-manager", "timonier-controllers")];
const STORE: &str = "store";

/// `get` and `list`.
pub async fn answer(call: &mut Call) -> Result<Response, Status> {
    let mut found = vec![];
    match call.app.store.fresh().await {
        Ok(snapshot) => {
            found.push((STORE, Ok("ok".to_owned())));
            found.extend(ELECTED.iter().filter_map(|(name, lease)| {
                let lease = snapshot_lease(&snapshot, lease)?;
                Some((*name, held(&lease, Timestamp::now())))
            }));
        }
        Err(error) => found.push((STORE, Err(error.to_string()))),
    }
    let mut objects = vec![];
    for (name, health) in found {
        let value = object::encode(&component(name, &health), &call.row)?;
        objects.push(Object::decode(&value.into(), Revision(0)).map_err(Status::internal)?);
    }
    objects.sort_by(|a: &Arc<Object>, b| a.index.name().cmp(b.index.name()));
    if call.info.name.is_empty() {
        let page = Page { objects, next: None, remaining: None };
        return list::answer(call, call.app.store.snapshot().revision(), page);
    }
    match objects.iter().find(|object| object.index.name() == call.info.name) {
        Some(object) => shape::one(call, StatusCode::OK, object),
        None => Err(call.not_found(&call.info.name)),
    }
}

fn snapshot_lease(snapshot: &Snapshot, name: &str) -> Option<Value> {
    let entry = snapshot.get(&format!("leases.coordination.k8s.io/kube-system/{name}"))?;
    Object::of(entry).ok()?.stored_value().ok()
}

/// Whether someone holds the lease now.
fn held(lease: &Value, now: Timestamp) -> Result<String, String> {
    let spec = of::get(lease, "spec");
    let renewed = of::text(spec, "renewTime").parse::<Timestamp>().map_err(|_| "nobody holds its lease".to_owned())?;
    let lasts = of::int(spec, "leaseDurationSeconds").unwrap_or(0);
    if now.as_second().saturating_sub(renewed.as_second()) > lasts {
        return Err(format!("its lease was last renewed at {renewed}"));
    }
    Ok("ok".to_owned())
}

fn component(name: &str, health: &Result<String, String>) -> Value {
    let condition = match health {
        Ok(message) => json!({"type": "Healthy", "status": "True", "message": message}),
        Err(error) => json!({"type": "Healthy", "status": "False", "error": error}),
    };
    json!({"apiVersion": "v1", "kind": "ComponentStatus", "metadata": {"name": name}, "conditions": [condition]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_healthy_while_someone_renews_its_lease() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().expect("is a time");
        let lease = |renewed: &str| json!({"spec": {"renewTime": renewed, "leaseDurationSeconds": 15}});
        assert_eq!(held(&lease("2026-01-01T00:00:50Z"), now), Ok("ok".to_owned()));
        assert!(held(&lease("2026-01-01T00:00:40Z"), now).is_err_and(|reason| reason.contains("last renewed")));
        assert_eq!(held(&json!({}), now), Err("nobody holds its lease".to_owned()));
    }
}
