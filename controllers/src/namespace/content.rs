//! Deletes all objects of one kind in a namespace and counts what stays.

use kube::api::{DeleteParams, ListParams};
use serde::Deserialize;
use serde_json::Value;
use timonier_client::{
    Writer,
    watch::{MetadataOnly, brief},
};

use super::conditions::Remaining;
use crate::discovery::Served;

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<MetadataOnly>,
}

pub async fn clear(namespace: &str, kind: &Served, writer: &Writer, remaining: &mut Remaining) {
    if let Err(error) = try_clear(namespace, kind, writer, remaining).await {
        remaining.failures.push(format!("{}: {}", kind.resource, brief(&error)));
    }
}

async fn try_clear(
    namespace: &str,
    kind: &Served,
    writer: &Writer,
    remaining: &mut Remaining,
) -> Result<(), kube::Error> {
    if list(namespace, kind, writer).await?.is_empty() {
        return Ok(());
    }
    let request = kube::core::Request::new(kind.resource.path(Some(namespace)));
    if kind.can("deletecollection") {
        let request = request.delete_collection(&DeleteParams::background(), &ListParams::default());
        let request = request.map_err(kube::Error::BuildRequest)?;
        let _deleted: Value = writer.client().request(request).await?;
    } else {
        for object in list(namespace, kind, writer).await? {
            let meta = object.metadata;
            writer.delete(&kind.resource, &meta.key(), &meta.uid, DeleteParams::background()).await?;
        }
    }
    for object in list(namespace, kind, writer).await? {
        remaining.count(&kind.resource, &object.metadata.finalizers);
    }
    Ok(())
}

async fn list(namespace: &str, kind: &Served, writer: &Writer) -> Result<Vec<MetadataOnly>, kube::Error> {
    let request = kube::core::Request::new(kind.resource.path(Some(namespace)));
    let request = request.list_metadata(&ListParams::default()).map_err(kube::Error::BuildRequest)?;
    match writer.client().request::<List>(request).await {
        Ok(list) => Ok(list.items),
        // Served no longer.
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 405 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
