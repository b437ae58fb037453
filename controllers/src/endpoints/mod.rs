//! What is behind services: EndpointSlices, and Endpoints for older clients.
//!
//! [`backends`] finds the pods behind a service, [`hints`] says from where each is to be used first, [`slices`] spreads endpoints over slices, [`subsets`] is the older form,
//! both ways: for a service without a selector, slices mirror the Endpoints that somebody else keeps. This file acts.

mod backends;
mod hints;
mod shares;
mod slices;
mod start;
mod subsets;
#[cfg(test)]
mod tests;
mod trigger;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use kube::api::{DeleteParams, Patch};
use serde_json::{Value, json};
use timonier_client::{Informer, Meta, Next, Object, ObjectKey, Reconcile, Writer};

use crate::{
    objects::{EndpointSlice, Endpoints, Groups, Node, Pod, Service},
    owners,
    refusal::{is_gone, namespace_ends},
};
use slices::{New, Plan};
pub use start::{endpoints, endpointslice, endpointslice_mirroring};
use trigger::Triggers;

const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const ENDPOINTS_MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const HEADLESS: &str = "service.kubernetes.io/headless";
const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";
/// Endpoints that are somebody's lock.
const LOCK: &str = "control-plane.alpha.kubernetes.io/leader";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const ZONE: &str = "topology.kubernetes.io/zone";

/// Who says so in the label of a slice.
const SLICES: &str = "endpointslice-controller.k8s.io";
const MIRROR: &str = "endpointslicemirroring-controller.k8s.io";
const ENDPOINTS: &str = "endpoint-controller";

const MOST_IN_A_SLICE: usize = 100;
const MOST_IN_A_MIRROR: usize = subsets::MOST_ADDRESSES;

/// The services that a pod is behind.
pub fn concerned(pod: &Pod, services: &Informer<Service>) -> Vec<ObjectKey> {
    let Some(namespace) = &pod.meta().namespace else { return Vec::new() };
    let services = services.in_namespace(namespace);
    let behind = services.iter().filter(|service| service.selects(&pod.meta().labels));
    behind.map(|service| service.meta().key()).collect()
}

/// The pods behind a service, by name.
fn selected(service: &Service, pods: &Informer<Pod>) -> Vec<Arc<Pod>> {
    let namespace = service.metadata.namespace.as_deref().unwrap_or_default();
    let mut pods = pods.in_namespace(namespace);
    pods.retain(|pod| service.selects(&pod.meta().labels));
    pods
}

pub struct Slices {
    pub services: Informer<Service>,
    pub pods: Informer<Pod>,
    pub slices: Informer<EndpointSlice>,
    pub nodes: Informer<Node>,
    pub triggers: Triggers,
}

impl Reconcile for Slices {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        // The slices of a service that is gone go with it: it owns them.
        let Some(service) = self.services.get(key).filter(|service| service.has_backends()) else {
            self.triggers.forget(key);
            return Ok(Next::Settled);
        };
        if service.metadata.is_deleting() {
            return Ok(Next::Settled);
        }
        let zone = |node: &Arc<Node>| Some((node.meta().name.clone(), node.meta().labels.get(ZONE)?.as_str().into()));
        let nodes = self.nodes.all();
        let zones: HashMap<Arc<str>, Arc<str>> = nodes.iter().filter_map(zone).collect();
        let pods = selected(&service, &self.pods);
        let mut groups = backends::backends(&service, &pods, &zones);
        hints::give(&service, &mut groups, &nodes);
        if groups.is_empty() {
            groups.insert(Default::default(), Vec::new());
        }
        let existing = managed(&self.slices, key, SLICES);
        let mut labels = labels_of(&service);
        labels.insert(MANAGED_BY.into(), SLICES.into());
        labels.insert(SERVICE_NAME.into(), key.name.to_string());
        let face = Face {
            whose: &service.metadata,
            labels,
            owner: owners::reference::<Service>(&service.metadata),
            trigger: self.triggers.since_last(&service, &pods),
        };
        write(&face, &existing, groups, MOST_IN_A_SLICE, writer).await
    }
}

pub struct Mirrors {
    pub services: Informer<Service>,
    pub endpoints: Informer<Endpoints>,
    pub slices: Informer<EndpointSlice>,
}

impl Reconcile for Mirrors {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let existing = managed(&self.slices, key, MIRROR);
        let endpoints = self.endpoints.get(key).filter(|endpoints| is_mirrored(endpoints));
        let bare = self.services.get(key).is_some_and(|service| service.spec.selector.is_empty());
        let Some(endpoints) = endpoints.filter(|_| bare) else {
            for slice in &existing {
                let meta = slice.meta();
                writer.delete(&EndpointSlice::RESOURCE, &meta.key(), &meta.uid, DeleteParams::default()).await?;
            }
            return Ok(Next::Settled);
        };
        let mut labels = endpoints.metadata.labels.clone();
        labels.insert(MANAGED_BY.into(), MIRROR.into());
        labels.insert(SERVICE_NAME.into(), key.name.to_string());
        let trigger = endpoints.metadata.annotations.get(trigger::ANNOTATION).and_then(|text| text.parse().ok());
        let owner = owners::reference::<Endpoints>(&endpoints.metadata);
        let face = Face { whose: &endpoints.metadata, labels, owner, trigger };
        let groups = subsets::mirrored(&endpoints);
        write(&face, &existing, groups, MOST_IN_A_MIRROR, writer).await
    }
}

/// Somebody else keeps them for a service, and wants slices of them.
fn is_mirrored(endpoints: &Endpoints) -> bool {
    let meta = &endpoints.metadata;
    let refuses = meta.labels.get(SKIP_MIRROR).is_some_and(|value| value == "true");
    !meta.is_deleting()
        && !refuses
        && !meta.annotations.contains_key(LOCK)
        && !meta.labels.contains_key(ENDPOINTS_MANAGED_BY)
}

/// The slices of a service that `by` keeps.
fn managed(slices: &Informer<EndpointSlice>, service: &ObjectKey, by: &str) -> Vec<Arc<EndpointSlice>> {
    let mut slices = slices.in_namespace(service.namespace().unwrap_or_default());
    slices.retain(|slice| {
        let label = |name| slice.meta().labels.get(name).map(String::as_str);
        label(SERVICE_NAME) == Some(&*service.name) && label(MANAGED_BY) == Some(by)
    });
    slices
}

/// The service's own labels, and whether it has no address.
fn labels_of(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone();
    if service.is_headless() {
        labels.insert(HEADLESS.into(), String::new());
    } else {
        labels.remove(HEADLESS);
    }
    labels
}

/// What all slices of a service say beside their endpoints.
struct Face<'a> {
    whose: &'a Meta,
    labels: BTreeMap<String, String>,
    owner: Value,
    /// On those that are written now.
    trigger: Option<Timestamp>,
}

/// The annotation, also when there is none to be left.
fn triggered(at: Option<Timestamp>) -> Value {
    json!({trigger::ANNOTATION: at.map(|at| at.to_string())})
}

async fn write(
    Face { whose, labels, owner, trigger }: &Face<'_>,
    existing: &[Arc<EndpointSlice>],
    groups: Groups,
    most: usize,
    writer: &Writer,
) -> Result<Next, kube::Error> {
    let Plan { create, update, delete } = slices::plan(existing, groups, most);
    let key = |name: &Arc<str>| ObjectKey { namespace: whose.namespace.clone(), name: name.clone() };
    let changed = update.iter().map(|(slice, _)| slice).chain(&delete);
    let written: HashSet<Arc<str>> = changed.map(|slice| slice.uid.clone()).collect();
    for (slice, endpoints) in update {
        let patch = json!({"metadata": {"uid": &*slice.uid, "labels": labels, "annotations": triggered(*trigger)},
            "endpoints": endpoints});
        match writer.patch::<EndpointSlice>(&key(&slice.name), &Patch::Merge(patch)).await {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
    }
    let relabelled = existing.iter().filter(|slice| slice.meta().labels != *labels && !slice.meta().is_deleting());
    for slice in relabelled.filter(|slice| !written.contains(&slice.meta().uid)) {
        let gone = slice.meta().labels.keys().filter(|name| !labels.contains_key(*name));
        let mut labels = json!(labels);
        gone.for_each(|name| labels[name] = Value::Null);
        let patch = json!({"metadata": {"uid": &*slice.meta().uid, "labels": labels}});
        match writer.patch::<EndpointSlice>(&slice.meta().key(), &Patch::Merge(patch)).await {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
    }
    for New { address_type, ports, endpoints } in create {
        let mut slice = json!({
            "apiVersion": EndpointSlice::RESOURCE.api_version(), "kind": EndpointSlice::KIND,
            "metadata": {"generateName": format!("{}-", whose.name), "labels": labels, "ownerReferences": [owner]},
            "addressType": address_type, "ports": ports, "endpoints": endpoints,
        });
        if trigger.is_some() {
            slice["metadata"]["annotations"] = triggered(*trigger);
        }
        match writer.create::<EndpointSlice>(whose.namespace.as_deref(), &slice).await {
            Err(error) if namespace_ends(&error) => return Ok(Next::Settled),
            other => other.map(drop)?,
        }
    }
    for slice in delete {
        writer.delete(&EndpointSlice::RESOURCE, &key(&slice.name), &slice.uid, DeleteParams::default()).await?;
    }
    Ok(Next::Settled)
}

pub struct OldEndpoints {
    pub services: Informer<Service>,
    pub pods: Informer<Pod>,
    pub endpoints: Informer<Endpoints>,
    pub triggers: Triggers,
}

impl Reconcile for OldEndpoints {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let there = self.endpoints.get(key);
        let Some(service) = self.services.get(key) else {
            self.triggers.forget(key);
            // Its own go with the service; those that a user keeps are his.
            if let Some(old) = there.filter(|old| old.metadata.labels.contains_key(ENDPOINTS_MANAGED_BY)) {
                writer.delete(&Endpoints::RESOURCE, key, &old.metadata.uid, DeleteParams::default()).await?;
            }
            return Ok(Next::Settled);
        };
        if !service.has_backends() || service.metadata.is_deleting() {
            return Ok(Next::Settled);
        }
        let pods = selected(&service, &self.pods);
        let trigger = self.triggers.since_last(&service, &pods);
        let groups = backends::backends(&service, &pods, &HashMap::new());
        let (subsets, truncated) = subsets::subsets(&groups, service.publishes_not_ready());
        let mut labels = labels_of(&service);
        labels.insert(ENDPOINTS_MANAGED_BY.into(), ENDPOINTS.into());
        match there {
            None => {
                let mut annotations = if trigger.is_some() { triggered(trigger) } else { json!({}) };
                if truncated {
                    annotations[OVER_CAPACITY] = "truncated".into();
                }
                let body = json!({"apiVersion": "v1", "kind": "Endpoints",
                    "metadata": {"name": &*key.name, "labels": labels, "annotations": annotations}, "subsets": subsets});
                match writer.create::<Endpoints>(key.namespace(), &body).await {
                    Err(error) if namespace_ends(&error) => {}
                    other => other.map(drop)?,
                }
            }
            Some(old) => {
                let was_truncated = old.metadata.annotations.contains_key(OVER_CAPACITY);
                if old.subsets == subsets && old.metadata.labels == labels && was_truncated == truncated {
                    return Ok(Next::Settled);
                }
                let mut annotations = triggered(trigger);
                annotations[OVER_CAPACITY] = if truncated { "truncated".into() } else { Value::Null };
                let gone = old.metadata.labels.keys().filter(|name| !labels.contains_key(*name));
                let mut labels = json!(labels);
                gone.for_each(|name| labels[name] = Value::Null);
                let subsets = if subsets.is_empty() { Value::Null } else { json!(subsets) };
                let patch = json!({"metadata": {"uid": &*old.metadata.uid, "labels": labels,
                    "annotations": annotations}, "subsets": subsets});
                match writer.patch::<Endpoints>(key, &Patch::Merge(patch)).await {
                    Err(error) if !is_gone(&error) => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(Next::Settled)
    }
}
