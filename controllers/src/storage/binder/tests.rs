use serde_json::{Value, json};

use super::plan::*;
use super::*;

fn set(object: &mut Value, over: Value) {
    for (path, value) in over.as_object().expect("a map") {
        let (section, field) = path.split_once('.').expect("section.field");
        object[section][field] = value.clone();
    }
}

fn claim(over: Value) -> Claim {
    let mut object = json!({"metadata": {"name": "data", "namespace": "a", "uid": "u1", "resourceVersion": "7"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": "Pending"}});
    set(&mut object, over);
    serde_json::from_value(object).expect("a claim")
}

fn volume(over: Value) -> Volume {
    let mut object = json!({"metadata": {"name": "pv", "uid": "v1", "resourceVersion": "8"},
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "2Gi"},
            "persistentVolumeReclaimPolicy": "Retain"}, "status": {"phase": "Available"}});
    set(&mut object, over);
    serde_json::from_value(object).expect("a volume")
}

fn class(name: &str, mode: &str, provisioner: &str) -> StorageClass {
    serde_json::from_value(json!({"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode}))
        .expect("a class")
}

/// The steps in words.
fn words(steps: Vec<Step>) -> Vec<String> {
    let word = |step| match step {
        Step::Give { volume } => format!("give {volume}"),
        Step::VolumePhase { volume, phase, .. } => format!("{volume} is {phase}"),
        Step::Bind { volume, chosen } => format!("bind {volume}{}", if chosen { ", chosen" } else { "" }),
        Step::ClaimStatus { phase, capacity, .. } => format!("claim is {phase} {}", capacity.unwrap_or_default()),
        Step::Classify { class } => format!("claim is of {class}"),
        Step::AskProvisioner(provisioner) => format!("ask {provisioner}"),
        Step::TakeBack { volume } => format!("take {volume} back"),
        Step::DeleteVolume { volume } => format!("delete {volume}"),
        Step::Say(_, reason, _) => reason.to_owned(),
    };
    steps.into_iter().map(word).collect()
}

fn for_claim(of: &Claim, volumes: Vec<Volume>) -> Vec<String> {
    let classes = [
        class("wait", "WaitForFirstConsumer", "example.com/p"),
        class("now", "Immediate", "example.com/p"),
        class("by-hand", "Immediate", "kubernetes.io/no-provisioner"),
    ];
    among(of, volumes, classes.into())
}

fn among(of: &Claim, volumes: Vec<Volume>, classes: Vec<StorageClass>) -> Vec<String> {
    let volumes = volumes.into_iter().map(|volume| (volume.metadata.name.clone(), Arc::new(volume))).collect();
    let classes = classes.into_iter().map(|class| (class.metadata.name.clone(), Arc::new(class))).collect();
    words(plan::claim(of, &Known { volumes: &volumes, classes: &classes }))
}

const ALL: [&str; 4] = ["give pv", "pv is Bound", "bind pv, chosen", "claim is Bound 2Gi"];

#[test]
fn a_claim_takes_the_smallest_volume_that_suits_it() {
    let large = volume(json!({"metadata.name": "large", "spec.capacity": {"storage": "9Gi"}}));
    assert_eq!(for_claim(&claim(json!({})), vec![large.clone(), volume(json!({}))]), ALL);
    let other = volume(json!({"spec.storageClassName": "now"}));
    assert_eq!(for_claim(&claim(json!({})), vec![other]), ["FailedBinding"]);
    let small = claim(json!({"spec.resources": {"requests": {"storage": "5Gi"}}}));
    assert_eq!(for_claim(&small, vec![large])[0], "give large");
}

#[test]
fn a_volume_that_is_kept_for_a_claim_is_its_own_and_nobody_elses() {
    let kept = json!({"spec.claimRef": {"namespace": "a", "name": "data"}});
    assert_eq!(for_claim(&claim(json!({})), vec![volume(kept.clone())]), ALL);
    let wait = claim(json!({"spec.storageClassName": "wait"}));
    let mut of_class = kept.clone();
    of_class["spec.storageClassName"] = "wait".into();
    assert_eq!(for_claim(&wait, vec![volume(of_class)]), ALL, "it need not wait");
    let namesake = claim(json!({"metadata.name": "other", "metadata.uid": "u2"}));
    assert_eq!(for_claim(&namesake, vec![volume(kept)]), ["FailedBinding"]);
    let named = claim(json!({"spec.volumeName": "pv"}));
    let mine = json!({"spec.claimRef": {"namespace": "a", "name": "data", "uid": "u9"}});
    assert_eq!(for_claim(&named, vec![volume(mine)]), ["FailedBinding"]);
    let expected = ["give pv", "pv is Bound", "bind pv", "claim is Bound 2Gi"];
    assert_eq!(for_claim(&named, vec![volume(json!({}))]), expected);
    let narrow = volume(json!({"spec.capacity": {"storage": "1Mi"}}));
    assert_eq!(for_claim(&named, vec![narrow]), ["VolumeMismatch"]);
}

#[test]
fn a_claim_without_a_volume_waits_for_its_pod_or_for_its_provisioner() {
    let of = |class: &str| claim(json!({"spec.storageClassName": class}));
    assert_eq!(for_claim(&of("wait"), vec![]), ["WaitForFirstConsumer"]);
    assert_eq!(
        for_claim(&of("wait"), vec![volume(json!({"spec.storageClassName": "wait"}))]),
        ["WaitForFirstConsumer"]
    );
    assert_eq!(for_claim(&of("now"), vec![]), ["ask example.com/p", "ExternalProvisioning"]);
    assert_eq!(for_claim(&of("by-hand"), vec![]), ["FailedBinding"]);
    assert_eq!(for_claim(&of("unknown"), vec![]), ["ProvisioningFailed"]);
    let selected = json!({"spec.storageClassName": "wait",
        "metadata.annotations": {"volume.kubernetes.io/selected-node": "n1",
            "volume.kubernetes.io/storage-provisioner": "example.com/p"}});
    assert_eq!(for_claim(&claim(selected), vec![]), ["ExternalProvisioning"]);
}

#[test]
fn a_claim_that_names_no_class_is_of_the_newest_default() {
    let default = |name: &str, annotation: &str, value: &str, second: u32| -> StorageClass {
        let created = format!("2026-01-01T00:00:{second:02}Z");
        let metadata = json!({"name": name, "creationTimestamp": created, "annotations": {annotation: value}});
        serde_json::from_value(json!({"metadata": metadata, "provisioner": "example.com/p"})).expect("a class")
    };
    let (new, old) =
        ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class");
    let check = |over: Value, volumes: Vec<Volume>, classes: &[StorageClass], expect: &[&str]| {
        assert_eq!(among(&claim(over.clone()), volumes, classes.to_vec()), expect, "{over}");
    };
    let none: &[&str] = &["FailedBinding"];
    check(json!({}), vec![], &[], none);
    check(json!({}), vec![], &[default("a", new, "false", 1)], none);
    check(json!({}), vec![], &[default("a", new, "true", 1)], &["claim is of a"]);
    check(json!({}), vec![], &[default("a", old, "true", 1)], &["claim is of a"]);
    let two = [default("a", new, "true", 1), default("b", new, "true", 2)];
    check(json!({}), vec![], &two, &["claim is of b"]);
    let alike = [default("b", new, "true", 1), default("a", new, "true", 1)];
    check(json!({}), vec![], &alike, &["claim is of a"]);
    // A volume without a class suits it first; and whoever says "" wants no class.
    check(json!({}), vec![volume(json!({}))], &two, &ALL);
    check(json!({"spec.storageClassName": ""}), vec![], &two, none);
    check(json!({"metadata.annotations": {"volume.beta.kubernetes.io/storage-class": ""}}), vec![], &two, none);
    check(json!({"metadata.deletionTimestamp": "2026-01-01T00:00:00Z"}), vec![], &two, &[]);
}

#[test]
fn a_bound_claim_that_lost_its_volume_is_lost() {
    let bound = |over: Value| {
        let mut all = json!({"metadata.annotations": {"pv.kubernetes.io/bind-completed": "yes"}, "spec.volumeName": "pv",
            "status.phase": "Bound", "status.capacity": {"storage": "2Gi"}});
        all.as_object_mut().expect("a map").extend(over.as_object().expect("a map").clone());
        claim(all)
    };
    let whole =
        volume(json!({"spec.claimRef": {"namespace": "a", "name": "data", "uid": "u1"}, "status.phase": "Bound"}));
    assert!(for_claim(&bound(json!({})), vec![whole.clone()]).is_empty());
    assert_eq!(for_claim(&bound(json!({})), vec![]), ["claim is Lost ", "ClaimLost"]);
    assert!(for_claim(&bound(json!({"status.phase": "Lost"})), vec![]).is_empty());
    let stranger = volume(json!({"spec.claimRef": {"namespace": "a", "name": "data", "uid": "u2"}}));
    assert_eq!(for_claim(&bound(json!({})), vec![stranger]), ["claim is Lost ", "ClaimMisbound"]);
    assert_eq!(for_claim(&bound(json!({"status.phase": "Pending"})), vec![whole]), ["claim is Bound 2Gi"]);
}

#[test]
fn a_volume_whose_claim_is_gone_is_kept_deleted_or_told_of() {
    let mine = json!({"namespace": "a", "name": "data", "uid": "u1"});
    let of = |over: Value| {
        let mut all = json!({"spec.claimRef": mine, "status.phase": "Bound"});
        all.as_object_mut().expect("a map").extend(over.as_object().expect("a map").clone());
        volume(all)
    };
    let made = json!({"pv.kubernetes.io/provisioned-by": "example.com/p"});
    let delete = json!({"spec.persistentVolumeReclaimPolicy": "Delete", "metadata.annotations": made});
    for (over, expected) in [
        (json!({}), vec!["pv is Released"]),
        (json!({"status.phase": "Released"}), vec![]),
        (delete, vec!["pv is Released", "delete pv"]),
        (json!({"spec.persistentVolumeReclaimPolicy": "Delete"}), vec!["pv is Failed", "VolumeFailedDelete"]),
        (json!({"spec.persistentVolumeReclaimPolicy": "Recycle"}), vec!["pv is Failed", "VolumeFailedRecycle"]),
    ] {
        assert_eq!(words(plan::volume(&of(over.clone()), None)), expected, "{over}");
    }
    let newcomer = claim(json!({"metadata.uid": "u2"}));
    assert_eq!(words(plan::volume(&of(json!({})), Some(&newcomer))), ["pv is Released"]);
    assert!(plan::volume(&of(json!({})), Some(&claim(json!({})))).is_empty());
    let elsewhere = claim(json!({"spec.volumeName": "other"}));
    let chosen = of(json!({"metadata.annotations": {"pv.kubernetes.io/bound-by-controller": "yes"}}));
    assert_eq!(words(plan::volume(&chosen, Some(&elsewhere))), ["take pv back"]);
    assert_eq!(words(plan::volume(&volume(json!({"status.phase": "Pending"})), None)), ["pv is Available"]);
}
