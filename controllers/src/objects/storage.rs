//! Claims, volumes and storage classes: what scheduling reads of them, and what their controllers need beside.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::storage::v1 as storage;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{self as meta_v1, ObjectMeta};
use serde::{Deserialize, Deserializer};
use timonier_client::{Meta, Object, Resource, Revision, object::OwnerReference};
use timonier_scheduling::volume;

/// Who makes the volume of a claim, or made a volume.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// On a claim, the older way to name its class.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
/// On the class of claims that name none; the second is older.
const DEFAULT_CLASS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

#[derive(Debug, Clone)]
pub struct Claim {
    pub metadata: Meta,
    pub claim: volume::Claim,
    pub phase: String,
    /// It says which class it is of, or that it is of none.
    pub names_class: bool,
    /// As in its status.
    pub capacity: Option<String>,
    /// As its spec says it.
    pub requested: String,
    pub modes: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Volume {
    pub metadata: Meta,
    pub volume: volume::Volume,
    pub capacity: String,
    pub modes: Vec<String>,
    pub reclaim_policy: String,
}

#[derive(Debug, Clone)]
pub struct Class {
    pub metadata: Meta,
    pub class: volume::Class,
    pub reclaim_policy: String,
}

impl Class {
    pub fn is_default(&self) -> bool {
        DEFAULT_CLASS.iter().any(|name| self.metadata.annotations.get(*name).is_some_and(|value| value == "true"))
    }
}

fn owner(of: meta_v1::OwnerReference) -> OwnerReference {
    OwnerReference {
        api_version: of.api_version.into(),
        kind: of.kind.into(),
        name: of.name.into(),
        uid: of.uid.into(),
        controller: of.controller.unwrap_or(false),
        block_owner_deletion: of.block_owner_deletion.unwrap_or(false),
    }
}

fn meta(of: ObjectMeta) -> Meta {
    let revision = of.resource_version.as_deref().and_then(|version| version.parse().ok());
    Meta {
        name: of.name.as_deref().unwrap_or_default().into(),
        namespace: of.namespace.as_deref().map(Into::into),
        uid: of.uid.as_deref().unwrap_or_default().into(),
        resource_version: Revision(revision.unwrap_or_default()),
        labels: of.labels.unwrap_or_default(),
        annotations: of.annotations.unwrap_or_default(),
        owner_references: of.owner_references.unwrap_or_default().into_iter().map(owner).collect(),
        finalizers: of.finalizers.unwrap_or_default(),
        creation_timestamp: of.creation_timestamp.map(|time| time.0),
        deletion_timestamp: of.deletion_timestamp.map(|time| time.0),
        ..Meta::default()
    }
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = core::PersistentVolumeClaim::deserialize(deserializer)?;
        let claim = volume::Claim::parse(&whole);
        let status = whole.status.unwrap_or_default();
        let spec = whole.spec.unwrap_or_default();
        let annotated = whole.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(CLASS_ANNOTATION));
        let names_class = annotated || spec.storage_class_name.is_some();
        let requests = spec.resources.and_then(|resources| resources.requests).unwrap_or_default();
        Ok(Claim {
            metadata: meta(whole.metadata),
            claim,
            phase: status.phase.unwrap_or_default(),
            names_class,
            capacity: status.capacity.unwrap_or_default().remove("storage").map(|amount| amount.0),
            requested: requests.get("storage").map(|amount| amount.0.clone()).unwrap_or_default(),
            modes: spec.access_modes.unwrap_or_default(),
        })
    }
}

impl<'de> Deserialize<'de> for Volume {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = core::PersistentVolume::deserialize(deserializer)?;
        let volume = volume::Volume::parse(&whole);
        let spec = whole.spec.unwrap_or_default();
        Ok(Volume {
            metadata: meta(whole.metadata),
            volume,
            capacity: spec.capacity.unwrap_or_default().remove("storage").map(|amount| amount.0).unwrap_or_default(),
            modes: spec.access_modes.unwrap_or_default(),
            reclaim_policy: spec.persistent_volume_reclaim_policy.unwrap_or_default(),
        })
    }
}

impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = storage::StorageClass::deserialize(deserializer)?;
        let class = volume::Class::parse(&whole);
        let reclaim_policy = whole.reclaim_policy.unwrap_or_else(|| "Delete".to_owned());
        Ok(Class { metadata: meta(whole.metadata), class, reclaim_policy })
    }
}

impl Object for Claim {
    const KIND: &'static str = "PersistentVolumeClaim";
    const RESOURCE: Resource = Resource::of("", "v1", "persistentvolumeclaims");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Object for Volume {
    const KIND: &'static str = "PersistentVolume";
    const RESOURCE: Resource = Resource::of("", "v1", "persistentvolumes");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Object for Class {
    const KIND: &'static str = "StorageClass";
    const RESOURCE: Resource = Resource::of("storage.k8s.io", "v1", "storageclasses");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}
