//! Whether a node that was away may say that it is ready again.
//!
//! Meanwhile its pods may have been deleted, and others made in their place. Until nothing of them runs here, the node
//! is not what the cluster takes it for.

use std::collections::HashSet;

use kube::{Client, api::ListParams};
use serde::Deserialize;
use timonier_client::{
    object::{Meta, Resource},
    watch::MetadataOnly,
};

use super::in_time;
use crate::{desired, directory::Directory, runtime::Runtime};

const PODS: Resource = Resource::of("", "v1", "pods");

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<MetadataOnly>,
}

/// What runs here and should not; asks the API server itself and the runtime, and the directory for static pods.
pub async fn leftovers<R: Runtime>(
    runtime: &R,
    client: &Client,
    node: &str,
    directory: &Directory,
) -> Result<Vec<String>, String> {
    let params = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let request =
        kube::core::Request::new(PODS.path(None)).list_metadata(&params).map_err(|error| error.to_string())?;
    let list: List = in_time(client.request(request)).await.map_err(|error| error.to_string())?;
    let wanted: HashSet<&str> =
        list.items.iter().filter(|pod| is_wanted(&pod.metadata)).map(|p| &*p.metadata.uid).collect();
    let mut leftovers = Vec::new();
    for found in runtime.inventory().await.map_err(|error| error.to_string())? {
        let from_file = || {
            let known = directory.get(&found.pod.namespace, &found.pod.name);
            known.is_some_and(|pod| desired::is_static(&pod) && desired::identity(&pod) == found.pod)
        };
        if wanted.contains(found.pod.uid.as_str()) || from_file() {
            continue;
        }
        let observed = runtime.observe(&found.pod.uid).await.map_err(|error| error.to_string())?;
        if observed.running().next().is_some() {
            leftovers.push(format!("{}/{}", found.pod.namespace, found.pod.name));
        }
    }
    Ok(leftovers)
}

fn is_wanted(pod: &Meta) -> bool {
    !pod.is_deleting()
}
