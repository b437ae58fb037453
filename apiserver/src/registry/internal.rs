//! What the server itself writes: through the same steps as any request, only without one.

use std::sync::Arc;

use http::{HeaderMap, Method, Uri};
use serde_json::Value;
use timonier_api::status::Status;

use super::Call;
use super::delete::{self, DeleteOptions, Deleted};
use super::part::Part;
use super::reach::Reach;
use super::write::{self, Ownership};
use crate::accept::Accept;
use crate::app::App;
use crate::identity::Identity;
use crate::kinds::Row;
use crate::query::Query;
use crate::request::RequestInfo;

/// How the server is called in `metadata.managedFields`.
const MANAGER: &str = "timonier-apiserver";

fn call(app: &Arc<App>, by: Identity, row: &Arc<Row>, verb: &'static str, namespace: &str, name: &str) -> Call {
    let mut query = Query::default();
    query.set("fieldManager", MANAGER);
    let kind = &row.kind;
    Call {
        app: app.clone(),
        identity: Arc::new(by),
        info: RequestInfo {
            verb,
            is_resource: true,
            group: kind.group.clone(),
            version: kind.version.clone(),
            namespace: namespace.to_owned(),
            resource: kind.plural.clone(),
            name: name.to_owned(),
            ..RequestInfo::default()
        },
        method: Method::default(),
        uri: Uri::default(),
        query,
        headers: HeaderMap::new(),
        accept: Accept::JSON,
        projection: None,
        row: row.clone(),
        storage: row.clone(),
        warnings: vec![],
        upgrade: None,
    }
}

/// Changes the status of an object at cluster scope.
pub async fn update_status(
    app: &Arc<App>,
    by: Identity,
    row: &Arc<Row>,
    name: &str,
    change: impl Fn(&mut Value),
) -> Result<(), Status> {
    modify(app, by, row, name, Part::Status, change).await
}

/// Changes an object at cluster scope.
pub async fn update(
    app: &Arc<App>,
    by: Identity,
    row: &Arc<Row>,
    name: &str,
    change: impl Fn(&mut Value),
) -> Result<(), Status> {
    modify(app, by, row, name, Part::Main, change).await
}

async fn modify(
    app: &Arc<App>,
    by: Identity,
    row: &Arc<Row>,
    name: &str,
    part: Part,
    change: impl Fn(&mut Value),
) -> Result<(), Status> {
    let mut call = call(app, by, row, "update", "", name);
    let changed = write::modify(&mut call, name, part, Reach::Whole, Ownership::Untracked, |_, current| {
        let mut new = current.stored.clone();
        change(&mut new);
        Ok(new)
    });
    changed.await.map(|_| ())
}

/// Deletes an object. True: it is gone; false: it waits for its finalizers.
pub async fn delete(app: &Arc<App>, by: Identity, row: &Arc<Row>, namespace: &str, name: &str) -> Result<bool, Status> {
    let mut call = call(app, by, row, "delete", namespace, name);
    match delete::one(&mut call, name, &DeleteOptions::default()).await {
        Ok(Deleted::Gone(_)) => Ok(true),
        Ok(Deleted::Ending(_)) => Ok(false),
        Err(status) if status.code == 404 => Ok(true),
        Err(status) => Err(status),
    }
}
