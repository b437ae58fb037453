//! The end of a definition: its objects first, each as if a user had deleted it; then the finalizer that holds it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use timonier_api::status::Status;
use timonier_store::Filter;

use super::RETRY;
use crate::app::App;
use crate::identity::Identity;
use crate::kinds::Row;
use crate::kinds::customresourcedefinition::{FINALIZER, conditions};
use crate::object::{Object, meta};
use crate::registry::{internal, keys};

/// How often objects that do not go are looked at again.
const AGAIN: Duration = Duration::from_secs(5);

/// Ends a definition that is to be deleted, beside everything else that goes on.
pub fn begin(app: &Arc<App>, name: &str) {
    {
        let mut held = app.definitions.held.lock();
        let ending = held.by_name.get(name).is_some_and(|one| one.definition.is_ending());
        if !ending || !held.cleaning.insert(name.to_owned()) {
            return;
        }
    }
    let (app, name) = (app.clone(), name.to_owned());
    tokio::spawn(async move {
        let stop = app.stop.clone();
        tokio::select! {
            () = end(&app, &name) => {}
            () = stop.cancelled() => {}
        }
        app.definitions.held.lock().cleaning.remove(&name);
    });
}

async fn end(app: &Arc<App>, name: &str) {
    loop {
        match step(app, name).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(status) if status.code == 404 => return,
            Err(status) => {
                tracing::warn!(name, reason = %status, "a CustomResourceDefinition cannot be deleted yet");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Deletes the objects that are left, or waits for one of them to go. True: all are gone, and the definition with them.
async fn step(app: &Arc<App>, name: &str) -> Result<bool, Status> {
    let definitions = app.definitions.row().clone();
    if let Some(row) = app.definitions.storage(name) {
        let remaining = remaining(app, &row).await?;
        if remaining > 0 {
            internal::update_status(app, Identity::server(), &definitions, name, |definition| {
                conditions::set(definition, conditions::deleting(remaining), Timestamp::now());
            })
            .await?;
            return Ok(false);
        }
    }
    internal::update(app, Identity::server(), &definitions, name, |definition| {
        let rest = meta::finalizers(definition).into_iter().filter(|finalizer| finalizer != FINALIZER);
        let rest = rest.collect();
        meta::set_finalizers(definition, rest);
    })
    .await?;
    Ok(true)
}

/// How many objects are left after each was told to go, and those that could went.
async fn remaining(app: &Arc<App>, row: &Arc<Row>) -> Result<usize, Status> {
    let prefix = keys::kind(row);
    let snapshot = app.store.fresh().await.map_err(crate::reading::read_error)?;
    let watch = app.store.watch(snapshot.revision(), Filter::prefix(&*prefix));
    let mut left = 0;
    for entry in snapshot.range(&prefix, None) {
        let object = Object::of(entry)?;
        let (namespace, name) = (object.index.namespace(), object.index.name());
        if !internal::delete(app, Identity::server(), row, namespace, name).await? {
            left += 1;
        }
    }
    if left > 0
        && let Ok(mut watch) = watch
    {
        let _ = tokio::time::timeout(AGAIN, watch.next()).await;
    }
    Ok(left)
}
