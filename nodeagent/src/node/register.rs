//! Making the Node object, and waiting for its part of the cluster's addresses.

use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    api::{Patch, PostParams},
};
use serde_json::{from_value, json};
use tokio::time::sleep;

use super::{Description, FIELD_MANAGER, FIRST_RETRY, LAST_RETRY, in_time, manager};

/// How often to look whether the node was given its addresses.
const CIDR_POLL: Duration = Duration::from_millis(100);

/// Registers until it succeeds: an API server may come up after its agents.
pub async fn register(client: Client, description: &Description) {
    let nodes: Api<Node> = Api::all(client);
    let mut delay = FIRST_RETRY;
    while let Err(error) = once(&nodes, description).await {
        tracing::warn!(%error, node = description.name, "node not registered yet");
        sleep(delay).await;
        delay = (delay * 2).min(LAST_RETRY);
    }
}

/// Creates the Node, or brings the labels of one that is there up to date.
pub async fn once(nodes: &Api<Node>, description: &Description) -> Result<(), kube::Error> {
    let object = json!({
        "metadata": {
            "name": description.name,
            "labels": description.labels(),
            "annotations": description.annotations(),
        },
    });
    let mut whole = object.clone();
    whole["apiVersion"] = json!("v1");
    whole["kind"] = json!("Node");
    whole["status"] = description.status();
    let node: Node = from_value(whole).map_err(kube::Error::SerdeError)?;
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match nodes.create(&parameters, &node).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => {
            nodes.patch(&description.name, &manager(), &Patch::Strategic(object)).await.map(drop)
        }
        Err(error) => Err(error),
    }
}

/// The node's `spec.podCIDR`, once it has one; `last` if the API server does not answer.
pub async fn await_pod_cidr(client: Client, name: &str, last: Option<String>) -> String {
    let nodes: Api<Node> = Api::all(client);
    let mut delay = CIDR_POLL;
    loop {
        match in_time(nodes.get_opt(name)).await {
            Ok(node) => {
                if let Some(cidr) = node.and_then(|node| node.spec?.pod_cidr).filter(|cidr| !cidr.is_empty()) {
                    return cidr;
                }
            }
            Err(error) => {
                if let Some(last) = last {
                    tracing::warn!(%error, "the API server does not answer: pods get addresses as before");
                    return last;
                }
                tracing::debug!(%error, "node not read");
            }
        }
        sleep(delay).await;
        delay = (delay * 2).min(Duration::from_secs(2));
    }
}
