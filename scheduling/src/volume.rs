//! Claims, volumes and classes, as far as scheduling reads them: what a pod's claims are bound to, or could be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use k8s_openapi::api::{core::v1 as core, storage::v1 as storage};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::node::Node;
use crate::resource::parse_quantity;
use crate::selector::NodeSelector;

/// The node whose volumes a claim is to have, chosen for its first pod.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// A claim that carries it has found its volume for good.
pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// The provisioner of classes whose volumes are made by hand.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
/// The name of a class before it was a field.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// Namespace and name.
pub type ClaimName = (Arc<str>, Arc<str>);

#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub uid: Arc<str>,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    /// Empty: volumes without a class.
    pub class: Arc<str>,
    pub volume: Option<Arc<str>>,
    /// `volume` is its own for good.
    pub bound: bool,
    pub lost: bool,
    pub deleting: bool,
    pub selected_node: Option<Arc<str>>,
    pub modes: BTreeSet<Box<str>>,
    pub block: bool,
    /// Bytes.
    pub request: i64,
    pub selector: Option<LabelSelector>,
    /// The pod that it was made for, by uid.
    pub owner: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    pub name: Arc<str>,
    pub class: Arc<str>,
    /// Bytes.
    pub capacity: i64,
    pub modes: BTreeSet<Box<str>>,
    pub block: bool,
    pub labels: BTreeMap<String, String>,
    pub affinity: Option<NodeSelector>,
    /// The CSI driver, and its name for the volume.
    pub csi: Option<(Arc<str>, Arc<str>)>,
    /// Whose it is: namespace, name, and a uid unless it is only kept for whoever has that name.
    pub claim: Option<(ClaimName, Option<Arc<str>>)>,
    /// As its status says.
    pub phase: Box<str>,
    pub deleting: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    pub name: Arc<str>,
    pub provisioner: Box<str>,
    pub waits_for_consumer: bool,
    /// Nodes that volumes can be made for; empty: all.
    pub topologies: Vec<Vec<(String, Vec<String>)>>,
}

fn text(text: Option<&String>) -> Arc<str> {
    text.map(String::as_str).unwrap_or_default().into()
}

fn class_of(meta: &ObjectMeta, field: Option<&String>) -> Arc<str> {
    let annotation = meta.annotations.as_ref().and_then(|all| all.get(CLASS_ANNOTATION));
    text(annotation.or(field))
}

fn modes(list: Option<&Vec<String>>) -> BTreeSet<Box<str>> {
    list.into_iter().flatten().map(|mode| mode.as_str().into()).collect()
}

fn bytes(map: Option<&BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>>) -> i64 {
    let storage = map.and_then(|map| map.get("storage"));
    storage.and_then(|storage| parse_quantity(storage, &"storage", "storage").ok()).map_or(0, |amount| amount.value())
}

impl Claim {
    pub fn parse(claim: &core::PersistentVolumeClaim) -> Claim {
        let (meta, none) = (&claim.metadata, core::PersistentVolumeClaimSpec::default());
        let spec = claim.spec.as_ref().unwrap_or(&none);
        let annotation = |key: &str| meta.annotations.as_ref().and_then(|all| all.get(key));
        let owner = meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
        Claim {
            uid: text(meta.uid.as_ref()),
            namespace: text(meta.namespace.as_ref()),
            name: text(meta.name.as_ref()),
            class: class_of(meta, spec.storage_class_name.as_ref()),
            volume: spec.volume_name.as_deref().filter(|name| !name.is_empty()).map(Arc::from),
            bound: annotation(BIND_COMPLETED).is_some(),
            lost: claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Lost"),
            deleting: meta.deletion_timestamp.is_some(),
            selected_node: annotation(SELECTED_NODE).map(|node| node.as_str().into()),
            modes: modes(spec.access_modes.as_ref()),
            block: spec.volume_mode.as_deref() == Some("Block"),
            request: bytes(spec.resources.as_ref().and_then(|resources| resources.requests.as_ref())),
            selector: spec.selector.clone(),
            owner: owner.map(|owner| owner.uid.as_str().into()),
        }
    }

    pub fn key(&self) -> ClaimName {
        (self.namespace.clone(), self.name.clone())
    }

    /// Whether it has a volume, for good.
    pub fn is_bound(&self) -> bool {
        self.volume.is_some() && self.bound
    }
}

impl Volume {
    pub fn parse(volume: &core::PersistentVolume) -> Volume {
        let (meta, none) = (&volume.metadata, core::PersistentVolumeSpec::default());
        let spec = volume.spec.as_ref().unwrap_or(&none);
        let affinity = spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
        Volume {
            name: text(meta.name.as_ref()),
            class: class_of(meta, spec.storage_class_name.as_ref()),
            capacity: bytes(spec.capacity.as_ref()),
            modes: modes(spec.access_modes.as_ref()),
            block: spec.volume_mode.as_deref() == Some("Block"),
            labels: meta.labels.clone().unwrap_or_default(),
            affinity: affinity.map(NodeSelector::parse),
            csi: spec.csi.as_ref().map(|csi| (csi.driver.as_str().into(), csi.volume_handle.as_str().into())),
            claim: spec.claim_ref.as_ref().map(|claim| {
                let uid = claim.uid.as_deref().filter(|uid| !uid.is_empty()).map(Arc::from);
                ((text(claim.namespace.as_ref()), text(claim.name.as_ref())), uid)
            }),
            phase: volume.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default().into(),
            deleting: meta.deletion_timestamp.is_some(),
        }
    }

    /// Whether pods on the node can reach it.
    pub fn reaches(&self, node: &Node) -> bool {
        self.affinity.as_ref().is_none_or(|affinity| affinity.matches(node))
    }

    /// Whether it is kept for this claim, and for no other.
    pub fn is_kept_for(&self, claim: &Claim) -> bool {
        self.claim
            .as_ref()
            .is_some_and(|(name, uid)| *name == claim.key() && uid.as_ref().is_none_or(|uid| *uid == claim.uid))
    }

    /// Whether it could serve a claim, wherever its pod runs.
    pub fn suits(&self, claim: &Claim) -> bool {
        let (selector, labels) = (claim.selector.as_ref(), &self.labels);
        !self.deleting
            && self.capacity >= claim.request
            && self.block == claim.block
            && self.class == claim.class
            && claim.modes.is_subset(&self.modes)
            && selector.is_none_or(|selector| matches(selector, labels))
    }

    /// Whether nobody has it: what a claim may be given.
    pub fn is_available(&self) -> bool {
        self.claim.is_none() && &*self.phase == "Available"
    }
}

/// Labels against a selector as claims write it.
fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let expressions = selector.match_expressions.iter().flatten();
    equal
        && expressions.into_iter().all(|one| {
            let value = labels.get(&one.key);
            let among = value.is_some_and(|value| one.values.iter().flatten().any(|known| known == value));
            match one.operator.as_str() {
                "In" => among,
                "NotIn" => !among,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

impl Class {
    pub fn parse(class: &storage::StorageClass) -> Class {
        let terms = class.allowed_topologies.iter().flatten().map(|term| {
            let expressions = term.match_label_expressions.iter().flatten();
            expressions.map(|one| (one.key.clone(), one.values.clone())).collect()
        });
        Class {
            name: text(class.metadata.name.as_ref()),
            provisioner: class.provisioner.as_str().into(),
            waits_for_consumer: class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"),
            topologies: terms.collect(),
        }
    }

    /// Whether a volume can be made for pods on the node.
    pub fn provisions_for(&self, node: &Node) -> bool {
        let meets = |(key, values): &(String, Vec<String>)| {
            node.label(key).is_some_and(|label| values.iter().any(|value| value == label))
        };
        &*self.provisioner != NO_PROVISIONER
            && (self.topologies.is_empty() || self.topologies.iter().any(|term| term.iter().all(meets)))
    }
}

/// All of them. What was decided and is not written yet is laid over what the watches have shown.
#[derive(Debug, Clone, Default)]
pub struct Volumes {
    claims: HashMap<ClaimName, Claim>,
    volumes: BTreeMap<Arc<str>, Volume>,
    classes: HashMap<Arc<str>, Class>,
    /// Nodes chosen for claims, and volumes given to them, by the uid of the pod.
    assumed: HashMap<Arc<str>, Bindings>,
    selected: HashMap<ClaimName, Arc<str>>,
    given: HashMap<Arc<str>, ClaimName>,
}

/// What must be written before a pod can run on its node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings {
    /// Volumes that are there, and the claims that get them.
    pub give: Vec<(Arc<str>, Given)>,
    /// Claims whose volumes are to be made on the node.
    pub provision: Vec<ClaimName>,
}

/// A claim that is given a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub claim: ClaimName,
    pub uid: Arc<str>,
}

impl Bindings {
    pub fn is_empty(&self) -> bool {
        self.give.is_empty() && self.provision.is_empty()
    }

    /// The claims that must be bound before the pod is.
    pub fn claims(&self) -> impl Iterator<Item = &ClaimName> {
        self.give.iter().map(|(_, given)| &given.claim).chain(&self.provision)
    }
}

impl Volumes {
    pub fn set_claim(&mut self, claim: Claim) {
        self.claims.insert(claim.key(), claim);
    }

    pub fn remove_claim(&mut self, name: &ClaimName) {
        self.claims.remove(name);
    }

    pub fn set_volume(&mut self, volume: Volume) {
        self.volumes.insert(volume.name.clone(), volume);
    }

    pub fn remove_volume(&mut self, name: &str) {
        self.volumes.remove(name);
    }

    pub fn set_class(&mut self, class: Class) {
        self.classes.insert(class.name.clone(), class);
    }

    pub fn remove_class(&mut self, name: &str) {
        self.classes.remove(name);
    }

    /// Forgets all claims, volumes or classes that are not among `names`.
    pub fn retain_claims(&mut self, mut keep: impl FnMut(&ClaimName) -> bool) {
        self.claims.retain(|name, _| keep(name));
    }

    pub fn retain_volumes(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.volumes.retain(|name, _| keep(name));
    }

    pub fn retain_classes(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.classes.retain(|name, _| keep(name));
    }

    pub fn claim(&self, namespace: &Arc<str>, name: &Arc<str>) -> Option<&Claim> {
        self.claims.get(&(namespace.clone(), name.clone()))
    }

    pub fn volume(&self, name: &str) -> Option<&Volume> {
        self.volumes.get(name)
    }

    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.get(name)
    }

    /// The node whose volumes a claim is to have, if one was chosen.
    pub fn selected_node<'a>(&'a self, claim: &'a Claim) -> Option<&'a Arc<str>> {
        self.selected.get(&claim.key()).or(claim.selected_node.as_ref())
    }

    /// Takes a decision for written.
    pub fn assume(&mut self, pod: &Arc<str>, node: &Arc<str>, bindings: &Bindings) {
        for claim in &bindings.provision {
            self.selected.insert(claim.clone(), node.clone());
        }
        for (volume, given) in &bindings.give {
            self.given.insert(volume.clone(), given.claim.clone());
        }
        if !bindings.is_empty() {
            self.assumed.insert(pod.clone(), bindings.clone());
        }
    }

    /// The decision was written and seen, or came to nothing.
    pub fn forget(&mut self, pod: &str) {
        let Some(bindings) = self.assumed.remove(pod) else { return };
        for claim in &bindings.provision {
            self.selected.remove(claim);
        }
        for (volume, _) in &bindings.give {
            self.given.remove(volume);
        }
    }

    /// The smallest volume that the claim could have on the node and that no other claim has, `taken` included. One that
    /// is kept for the claim comes first.
    pub fn find(&self, claim: &Claim, node: Option<&Node>, taken: &[Arc<str>]) -> Option<&Volume> {
        let usable = self.volumes.values().filter(|volume| {
            let given_away = self.given.get(&volume.name).is_some_and(|other| *other != claim.key());
            !given_away && !taken.contains(&volume.name) && node.is_none_or(|node| volume.reaches(node))
        });
        let mut best: Option<&Volume> = None;
        for volume in usable {
            if volume.is_kept_for(claim) && volume.block == claim.block && volume.capacity >= claim.request {
                return Some(volume);
            }
            if volume.is_available() && volume.suits(claim) && best.is_none_or(|best| volume.capacity < best.capacity) {
                best = Some(volume);
            }
        }
        best
    }
}

#[cfg(test)]
#[path = "volume_tests.rs"]
mod tests;
