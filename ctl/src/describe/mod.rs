//! `kctl describe`: an object and what belongs to it, as a page of text. Pure.
//!
//! One file a kind; `parts` is what several share, `generic` is for every other kind.

mod config;
mod containers;
mod daemon_set;
mod deployment;
mod events;
mod generic;
mod namespace;
mod node;
mod page;
mod parts;
mod place;
mod pod;
mod replica_set;
mod service;
mod service_account;
mod stateful_set;
mod tolerations;
mod volumes;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use page::Page;
use serde_json::Value;

/// An object with all that its page shows besides itself.
#[derive(Debug, Default)]
pub struct Subject {
    /// `pods`, `deployments.apps`
    pub group_resource: String,
    pub object: Value,
    /// Events about the object, unsorted; `None` if they were not asked for.
    pub events: Option<Vec<Value>>,
    /// Pods that it runs (a node) or owns (a ReplicaSet, a StatefulSet, a DaemonSet).
    pub pods: Vec<Value>,
    /// A Deployment's ReplicaSets, by revision.
    pub replica_sets: Vec<Value>,
    /// Why a pod waits for its node, in a few lines.
    pub why: Vec<String>,
    /// A node's Lease; null if there is none.
    pub lease: Value,
    /// A Service's EndpointSlices.
    pub endpoint_slices: Vec<Value>,
}

/// The page; ends in a newline.
pub fn describe(subject: &Subject, now: Timestamp) -> String {
    let mut page = Page::default();
    match subject.group_resource.as_str() {
        "pods" => pod::describe(&mut page, subject, now),
        "nodes" => node::describe(&mut page, subject, now),
        "services" => service::describe(&mut page, subject),
        "configmaps" => config::describe_config_map(&mut page, &subject.object),
        "secrets" => config::describe_secret(&mut page, &subject.object),
        "namespaces" => namespace::describe(&mut page, &subject.object),
        "serviceaccounts" => service_account::describe(&mut page, &subject.object),
        "deployments.apps" => deployment::describe(&mut page, subject),
        "replicasets.apps" => replica_set::describe(&mut page, subject),
        "statefulsets.apps" => stateful_set::describe(&mut page, subject),
        "daemonsets.apps" => daemon_set::describe(&mut page, subject),
        _ => generic::describe(&mut page, &subject.object),
    }
    if let Some(found) = &subject.events {
        events::describe(&mut page, found, now);
    }
    page.finish()
}

/// A pod template alone, as `rollout history --revision` shows it: kubectl leaves its tabs as they are.
pub fn pod_template(template: &Value) -> String {
    let mut page = Page::default();
    containers::describe_template(&mut page, template);
    page.unaligned()
}

/// Whether a page of this kind ends with events.
pub fn shows_events(group_resource: &str) -> bool {
    !matches!(group_resource, "secrets" | "namespaces")
}
