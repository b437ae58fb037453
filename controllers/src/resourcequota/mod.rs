//! Quotas are counted anew: when they are made or limit something else, and now and then.
//!
//! The server charges each write in the write's own transaction. What it cannot see, such as what expired by itself, is
//! put right here. A count is written only on the quota that was read before the objects were: whatever is charged
//! meanwhile makes it be counted once more.

mod plan;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use kube::api::Patch;
use parking_lot::Mutex;
use serde_json::{Value, json};
use timonier_api::{kind::GroupResource, quota};
use timonier_client::{Informer, Next, ObjectKey, Reconcile, Resource, Writer};

use crate::{discovery::discover, objects::Quota, refusal::is_gone};
use plan::{is_new, plan};

/// Between two counts of a quota that nobody changed.
const PERIOD: Duration = Duration::from_secs(300);
/// Before a count is tried again that someone's write overtook.
const SOON: Duration = Duration::from_millis(200);

pub struct Quotas {
    pub quotas: Informer<Quota>,
    /// When each was last counted.
    pub counted: Mutex<HashMap<ObjectKey, Instant>>,
}

impl Reconcile for Quotas {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some(known) = self.quotas.get(key) else {
            self.counted.lock().remove(key);
            return Ok(Next::Settled);
        };
        let since = self.counted.lock().get(key).map(Instant::elapsed);
        if let Some(since) = since.filter(|since| *since < PERIOD && !is_new(&known.spec, &known.status)) {
            return Ok(Next::After(PERIOD - since));
        }
        let Some(quota) = writer.read::<Quota>(key).await? else {
            return Ok(Next::Settled);
        };
        let objects = objects(&quota.spec, key, writer).await?;
        if let Some(status) = plan(&quota.spec, &quota.status, &objects) {
            let version = quota.metadata.resource_version.to_string();
            let used = cleared(&quota.status["used"], &status["used"]);
            let hard = cleared(&quota.status["hard"], &status["hard"]);
            let patch = json!({"metadata": {"resourceVersion": version, "uid": &*quota.metadata.uid},
                "status": {"hard": hard, "used": used}});
            match writer.patch_status::<Quota>(key, &Patch::Merge(patch)).await {
                Ok(_) => {}
                Err(error) if is_gone(&error) => return Ok(Next::Settled),
                Err(kube::Error::Api(status)) if status.code == 409 => return Ok(Next::After(SOON)),
                Err(error) => return Err(error),
            }
        }
        self.counted.lock().insert(key.clone(), Instant::now());
        Ok(Next::After(PERIOD))
    }
}

/// A merge patch that leaves of `old` nothing that is not in `new`.
fn cleared(old: &Value, new: &Value) -> Value {
    let mut patch = new.clone();
    for name in old.as_object().into_iter().flatten().map(|(name, _)| name) {
        if new.get(name).is_none() {
            patch[name] = Value::Null;
        }
    }
    patch
}

/// All objects of the namespace that the quota is about, read from the server itself.
async fn objects(
    spec: &Value,
    key: &ObjectKey,
    writer: &Writer,
) -> Result<Vec<(GroupResource, Vec<Value>)>, kube::Error> {
    let hard = quota::amounts(&spec["hard"]);
    let mut found = vec![];
    for served in discover(writer.client()).await? {
        let resource = GroupResource::new(&*served.resource.group, &*served.resource.plural);
        let limited = hard.keys().any(|name| quota::is_about(name, &resource));
        if served.namespaced && served.can("list") && served.can("create") && limited {
            found.push((resource, list(&served.resource, key, writer).await?));
        }
    }
    Ok(found)
}

async fn list(resource: &Resource, key: &ObjectKey, writer: &Writer) -> Result<Vec<Value>, kube::Error> {
    let request = http::Request::get(resource.path(key.namespace())).body(vec![]).map_err(kube::Error::HttpError)?;
    let mut list: Value = writer.client().request(request).await?;
    match list["items"].take() {
        Value::Array(items) => Ok(items),
        _ => Ok(vec![]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_limited_no_more_leaves_the_status() {
        let patch = cleared(&json!({"pods": "1", "cpu": "2"}), &json!({"pods": "3"}));
        assert_eq!(patch, json!({"pods": "3", "cpu": null}));
    }
}
