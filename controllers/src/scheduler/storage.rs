//! Claims, volumes and storage classes as far as the scheduler reads them.

use k8s_openapi::api::{core::v1 as core, storage::v1 as storage};
use serde::{Deserialize, Deserializer};
use timonier_client::object::{Meta, Object, Resource, Revision};
use timonier_client::watch::Step;
use timonier_scheduling::volume::{Claim, Class, Volume};
use timonier_scheduling::{Change, Cluster};

use super::view::meta;

#[derive(Debug, Clone)]
pub struct ClaimView {
    pub meta: Meta,
    pub claim: Claim,
}

#[derive(Debug, Clone)]
pub struct VolumeView {
    pub meta: Meta,
    pub volume: Volume,
}

#[derive(Debug, Clone)]
pub struct ClassView {
    pub meta: Meta,
    pub class: Class,
}

impl<'de> Deserialize<'de> for ClaimView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let claim = core::PersistentVolumeClaim::deserialize(deserializer)?;
        Ok(ClaimView { meta: meta(&claim.metadata), claim: Claim::parse(&claim) })
    }
}

impl<'de> Deserialize<'de> for VolumeView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let volume = core::PersistentVolume::deserialize(deserializer)?;
        Ok(VolumeView { meta: meta(&volume.metadata), volume: Volume::parse(&volume) })
    }
}

impl<'de> Deserialize<'de> for ClassView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let class = storage::StorageClass::deserialize(deserializer)?;
        Ok(ClassView { meta: meta(&class.metadata), class: Class::parse(&class) })
    }
}

impl Object for ClaimView {
    const KIND: &'static str = "PersistentVolumeClaim";
    const RESOURCE: Resource = Resource::of("", "v1", "persistentvolumeclaims");
    fn meta(&self) -> &Meta {
        &self.meta
    }
}

impl Object for VolumeView {
    const KIND: &'static str = "PersistentVolume";
    const RESOURCE: Resource = Resource::of("", "v1", "persistentvolumes");
    fn meta(&self) -> &Meta {
        &self.meta
    }
}

impl Object for ClassView {
    const KIND: &'static str = "StorageClass";
    const RESOURCE: Resource = Resource::of("storage.k8s.io", "v1", "storageclasses");
    fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// A step of one of the three watches.
pub enum StorageStep {
    Claims(Step<ClaimView>),
    Volumes(Step<VolumeView>),
    Classes(Step<ClassView>),
}

impl StorageStep {
    pub fn revision(&self) -> Revision {
        match self {
            StorageStep::Claims(step) => step.revision(),
            StorageStep::Volumes(step) => step.revision(),
            StorageStep::Classes(step) => step.revision(),
        }
    }
}

/// Which of the watches have shown their lists.
#[derive(Debug, Default)]
pub struct Seen {
    claims: bool,
    volumes: bool,
    classes: bool,
}

impl Seen {
    pub fn all(&self) -> bool {
        self.claims && self.volumes && self.classes
    }

    /// Takes a step in. Tells what became different.
    pub fn take(&mut self, cluster: &mut Cluster, step: StorageStep) -> Change {
        let known = cluster.volumes_mut();
        match step {
            StorageStep::Claims(Step::Reset { objects, .. }) => {
                known.retain_claims(|name| objects.iter().any(|there| there.claim.key() == *name));
                objects.into_iter().for_each(|there| known.set_claim(there.claim));
                self.claims = true;
            }
            StorageStep::Claims(Step::Changed { object, .. }) => known.set_claim(object.claim),
            StorageStep::Claims(Step::Removed { object, .. }) => known.remove_claim(&object.claim.key()),
            StorageStep::Volumes(Step::Reset { objects, .. }) => {
                known.retain_volumes(|name| objects.iter().any(|there| *there.volume.name == *name));
                objects.into_iter().for_each(|there| known.set_volume(there.volume));
                self.volumes = true;
            }
            StorageStep::Volumes(Step::Changed { object, .. }) => known.set_volume(object.volume),
            StorageStep::Volumes(Step::Removed { object, .. }) => known.remove_volume(&object.volume.name),
            StorageStep::Classes(Step::Reset { objects, .. }) => {
                known.retain_classes(|name| objects.iter().any(|there| *there.class.name == *name));
                objects.into_iter().for_each(|there| known.set_class(there.class));
                self.classes = true;
            }
            StorageStep::Classes(Step::Changed { object, .. }) => known.set_class(object.class),
            StorageStep::Classes(Step::Removed { object, .. }) => known.remove_class(&object.class.name),
            StorageStep::Claims(Step::Progress { .. })
            | StorageStep::Volumes(Step::Progress { .. })
            | StorageStep::Classes(Step::Progress { .. }) => return Change::NONE,
        }
        Change::VOLUMES
    }
}
