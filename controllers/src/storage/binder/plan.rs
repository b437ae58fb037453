//! What is missing between a claim and its volume. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use timonier_scheduling::volume::{NO_PROVISIONER, Volumes};

use crate::objects::{BOUND_BY_CONTROLLER, Claim, PROVISIONED_BY, StorageClass, Volume};

/// One write, or a word to whoever waits. They are taken in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The volume is kept for the claim.
    Give {
        volume: Arc<str>,
    },
    /// The volume is in this phase.
    VolumePhase {
        volume: Arc<str>,
        phase: &'static str,
        message: Option<String>,
    },
    /// The claim has its volume for good. `chosen`: by us, not by the claim itself.
    Bind {
        volume: Arc<str>,
        chosen: bool,
    },
    /// What the claim's status says.
    ClaimStatus {
        phase: &'static str,
        capacity: Option<String>,
        modes: Vec<String>,
    },
    /// The claim names no class, and this one is the default now.
    Classify {
        class: Arc<str>,
    },
    /// Who is to make a volume for the claim.
    AskProvisioner(Box<str>),
    /// Nobody has the volume any more.
    TakeBack {
        volume: Arc<str>,
    },
    DeleteVolume {
        volume: Arc<str>,
    },
    /// An event: type, reason, message.
    Say(Tone, &'static str, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Normal,
    Warning,
}

/// All volumes and classes that there are.
pub struct Known<'a> {
    pub volumes: &'a BTreeMap<Arc<str>, Arc<Volume>>,
    pub classes: &'a BTreeMap<Arc<str>, Arc<StorageClass>>,
}

const PROVISIONER_ANNOTATION: &str = "volume.kubernetes.io/storage-provisioner";

/// What a claim needs.
pub fn claim(claim: &Claim, known: &Known<'_>) -> Vec<Step> {
    let wanted = &claim.claim;
    if wanted.bound {
        return bound(claim, known);
    }
    if claim.metadata.is_deleting() {
        return vec![];
    }
    let Some(name) = &wanted.volume else { return unbound(claim, known) };
    // It says which volume it wants.
    match known.volumes.get(name) {
        None => pending(claim),
        Some(volume) if volume.volume.is_kept_for(wanted) => bind(claim, volume, false),
        Some(volume) if volume.volume.claim.is_none() => match refusal(claim, volume) {
            None => bind(claim, volume, false),
            Some(why) => {
                let message = format!("Cannot bind to requested volume {name:?}: {why}");
                say(Tone::Warning, "VolumeMismatch", message, pending(claim))
            }
        },
        Some(_) => {
            let message = format!("volume {name:?} already bound to a different claim.");
            say(Tone::Warning, "FailedBinding", message, pending(claim))
        }
    }
}

fn say(tone: Tone, reason: &'static str, message: String, mut steps: Vec<Step>) -> Vec<Step> {
    steps.push(Step::Say(tone, reason, message));
    steps
}

fn pending(claim: &Claim) -> Vec<Step> {
    match claim.phase.as_str() {
        "Pending" => vec![],
        _ => vec![Step::ClaimStatus { phase: "Pending", capacity: None, modes: vec![] }],
    }
}

fn refusal(claim: &Claim, volume: &Volume) -> Option<&'static str> {
    let (wanted, found) = (&claim.claim, &volume.volume);
    match () {
        () if found.capacity < wanted.request => Some("requested PV is too small"),
        () if found.class != wanted.class => Some("storageClassName does not match"),
        () if found.block != wanted.block => Some("incompatible volumeMode"),
        () if !wanted.modes.is_subset(&found.modes) => Some("incompatible accessMode"),
        () => None,
    }
}

fn unbound(claim: &Claim, known: &Known<'_>) -> Vec<Step> {
    let wanted = &claim.claim;
    let class = known.classes.get(&wanted.class);
    let mut volumes = Volumes::default();
    for volume in known.volumes.values() {
        volumes.set_volume(volume.volume.clone());
    }
    let found = volumes.find(wanted, None, &[]).and_then(|found| known.volumes.get(&found.name));
    let waits = class.is_some_and(|class| class.class.waits_for_consumer) && wanted.selected_node.is_none();
    match found {
        Some(volume) if volume.volume.is_kept_for(wanted) => return bind(claim, volume, true),
        // Once a node was selected, the volume is made on it; before that, the scheduler gives what is there.
        Some(volume) if !waits && wanted.selected_node.is_none() => return bind(claim, volume, true),
        _ => {}
    }
    if let Some(class) = default_class(claim, known) {
        return vec![Step::Classify { class }];
    }
    let mut steps = pending(claim);
    if waits {
        let message = "waiting for first consumer to be created before binding".to_owned();
        return say(Tone::Normal, "WaitForFirstConsumer", message, steps);
    }
    match class {
        None if wanted.class.is_empty() => {
            let message = "no persistent volumes available for this claim and no storage class is set".to_owned();
            say(Tone::Normal, "FailedBinding", message, steps)
        }
        None => {
            let message = format!("storageclass.storage.k8s.io {:?} not found", &*wanted.class);
            say(Tone::Warning, "ProvisioningFailed", message, steps)
        }
        Some(class) if &*class.class.provisioner == NO_PROVISIONER => {
            let message = "no persistent volumes available for this claim and no storage class is set".to_owned();
            say(Tone::Normal, "FailedBinding", message, steps)
        }
        Some(class) => {
            let provisioner = &class.class.provisioner;
            if claim.metadata.annotations.get(PROVISIONER_ANNOTATION).map(String::as_str) != Some(provisioner) {
                steps.push(Step::AskProvisioner(provisioner.clone()));
            }
            let message = format!(
                "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
                 system administrator. If volume creation is delayed, please verify that the provisioner is running and \
                 correctly registered."
            );
            say(Tone::Normal, "ExternalProvisioning", message, steps)
        }
    }
}

/// The class of a claim that names none, also one that was made before there was a default: of several the newest, as at
/// its admission.
fn default_class(claim: &Claim, known: &Known<'_>) -> Option<Arc<str>> {
    if claim.names_class {
        return None;
    }
    let defaults = known.classes.values().filter(|class| class.is_default());
    let newest = defaults.min_by_key(|class| (Reverse(class.metadata.creation_timestamp), class.metadata.name.clone()));
    newest.map(|class| class.metadata.name.clone())
}

/// All that is still missing of the bond between the two.
fn bind(claim: &Claim, volume: &Volume, chosen: bool) -> Vec<Step> {
    let name = volume.volume.name.clone();
    let mut steps = vec![];
    if !matches!(&volume.volume.claim, Some((_, Some(uid))) if *uid == claim.claim.uid) {
        steps.push(Step::Give { volume: name.clone() });
    }
    if &*volume.volume.phase != "Bound" {
        steps.push(Step::VolumePhase { volume: name.clone(), phase: "Bound", message: None });
    }
    if !claim.claim.is_bound() {
        steps.push(Step::Bind { volume: name, chosen });
    }
    if claim.phase != "Bound" || claim.capacity.as_ref() != Some(&volume.capacity) {
        let (capacity, modes) = (Some(volume.capacity.clone()), volume.modes.clone());
        steps.push(Step::ClaimStatus { phase: "Bound", capacity, modes });
    }
    steps
}

/// A claim that had its volume.
fn bound(claim: &Claim, known: &Known<'_>) -> Vec<Step> {
    let lost = |reason: &'static str, message: &str| {
        if claim.phase == "Lost" {
            return vec![];
        }
        let status = Step::ClaimStatus { phase: "Lost", capacity: None, modes: vec![] };
        vec![status, Step::Say(Tone::Warning, reason, message.to_owned())]
    };
    let Some(name) = &claim.claim.volume else {
        return lost("ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
    };
    let Some(volume) = known.volumes.get(name) else {
        return lost("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
    };
    if volume.volume.claim.is_none() || volume.volume.is_kept_for(&claim.claim) {
        return bind(claim, volume, true);
    }
    lost("ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly")
}

/// What a volume needs. `claim`: what has the name that it is kept for.
pub fn volume(volume: &Volume, claim: Option<&Claim>) -> Vec<Step> {
    let name = &volume.volume.name;
    let phase = |phase: &'static str, message: Option<String>| {
        let said = &*volume.volume.phase == phase;
        (!said).then(|| Step::VolumePhase { volume: name.clone(), phase, message })
    };
    let Some((_, uid)) = &volume.volume.claim else {
        return phase("Available", None).into_iter().collect();
    };
    let Some(uid) = uid else {
        // Kept for whoever comes by that name.
        return phase("Available", None).into_iter().collect();
    };
    match claim.filter(|claim| claim.claim.uid == *uid) {
        Some(claim) if claim.claim.volume.as_ref().is_none_or(|wanted| wanted == name) => vec![],
        // It has another one.
        Some(_) if volume.metadata.annotations.contains_key(BOUND_BY_CONTROLLER) => {
            vec![Step::TakeBack { volume: name.clone() }]
        }
        _ => released(volume, phase),
    }
}

fn released(volume: &Volume, phase: impl Fn(&'static str, Option<String>) -> Option<Step>) -> Vec<Step> {
    let name = &volume.volume.name;
    let failed = |reason: &'static str, message: String| match phase("Failed", Some(message.clone())) {
        Some(step) => vec![step, Step::Say(Tone::Warning, reason, message)],
        None => vec![],
    };
    let provisioner = volume.metadata.annotations.get(PROVISIONED_BY);
    let plugin =
        |what: &str| format!("error getting {what} volume plugin for volume {:?}: no volume plugin matched", &**name);
    match volume.reclaim_policy.as_str() {
        "Delete" if provisioner.is_some() => {
            let mut steps: Vec<_> = phase("Released", None).into_iter().collect();
            if !volume.metadata.is_deleting() {
                steps.push(Step::DeleteVolume { volume: name.clone() });
            }
            steps
        }
        // Nobody here knows how: the kind of storage is another's.
        "Delete" => failed("VolumeFailedDelete", plugin("deleter")),
        "Recycle" => failed("VolumeFailedRecycle", plugin("recycler")),
        _ => phase("Released", None).into_iter().collect(),
    }
}
