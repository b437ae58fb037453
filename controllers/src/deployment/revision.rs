//! Which ReplicaSet has the Deployment's template, what number it bears, and which old ones are kept.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use serde_json::{Value, json};

use super::annotations::{DESIRED, HISTORY, MAX, REVISION};
use super::{
    bounds::bounds,
    sets::{Action, NewSet, Set},
};
use crate::{
    objects::{Deployment, ReplicaSet},
    owners,
    pods::template_hash::template_hash,
};

pub const TEMPLATE_HASH: &str = "pod-template-hash";
/// Annotations that are the Deployment's own business, not its sets'.
const NOT_COPIED: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    HISTORY,
    DESIRED,
    MAX,
];

/// The history annotation is cut to this many characters, from its old end.
const HISTORY_LENGTH: usize = 2000;

/// Whether the set was made of this template. The hash label is the set's own.
pub fn has_template(set: &ReplicaSet, template: &Value) -> bool {
    without_noise(&set.spec.template, true) == without_noise(template, false)
}

/// Whether it is the Deployment's set for its present template.
pub fn is_ours(deployment: &Deployment, set: &ReplicaSet) -> bool {
    set.metadata.controller().is_some_and(|owner| owner.uid == deployment.metadata.uid)
        && has_template(set, &deployment.spec.template)
}

/// Without nulls, empty objects and (for a set's template) the hash label.
fn without_noise(template: &Value, of_set: bool) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.values_mut().for_each(strip);
                map.retain(|_, value| !value.is_null());
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut template = template.clone();
    if of_set && let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
    }
    strip(&mut template);
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    }
    template
}

/// Splits the sets into the new one (the oldest with the template) and the old ones, oldest first.
pub fn split(deployment: &Deployment, mut sets: Vec<Set>) -> (Option<Set>, Vec<Set>) {
    super::sets::by_age(&mut sets);
    let new = sets.iter().position(|set| has_template(&set.object, &deployment.spec.template));
    let new = new.map(|index| sets.remove(index));
    (new, sets)
}

/// The number that the new set bears: above all old ones.
pub fn next_revision(old: &[Set]) -> i64 {
    old.iter().map(Set::revision).max().unwrap_or(0) + 1
}

/// Brings the existing new set up to date: number, history, annotations, readiness time.
pub fn refresh(deployment: &Deployment, new: &mut Set, next: i64) {
    annotate(deployment, &mut new.annotations, next, true);
    new.min_ready_seconds = deployment.spec.min_ready_seconds;
}

fn annotate(deployment: &Deployment, annotations: &mut BTreeMap<String, String>, next: i64, exists: bool) {
    for (key, value) in &deployment.metadata.annotations {
        if !NOT_COPIED.contains(&key.as_str()) {
            annotations.insert(key.clone(), value.clone());
        }
    }
    let before = annotations.get(REVISION).cloned().unwrap_or_default();
    if before.parse::<i64>().unwrap_or(0) < next {
        annotations.insert(REVISION.into(), next.to_string());
        if exists && !before.is_empty() {
            let history = annotations.entry(HISTORY.into()).or_default();
            *history = lengthened(history, &before);
        }
    }
}

fn lengthened(history: &str, last: &str) -> String {
    let mut numbers: Vec<&str> = history.split(',').filter(|number| !number.is_empty()).collect();
    numbers.push(last);
    while numbers.len() > 1 && numbers.iter().map(|number| number.len() + 1).sum::<usize>() > HISTORY_LENGTH {
        numbers.remove(0);
    }
    numbers.join(",")
}

/// The set to make for the present template, with this many replicas to start with.
pub fn new_set(deployment: &Deployment, replicas: i32, next: i64) -> NewSet {
    let template = &deployment.spec.template;
    let hash = template_hash(template, deployment.status.collision_count.unwrap_or(0));
    let name = format!("{}-{hash}", deployment.metadata.name);
    let mut template = (**template).clone();
    template["metadata"]["labels"][TEMPLATE_HASH] = json!(hash);
    let mut selector = json!(deployment.spec.selector.given);
    selector["matchLabels"][TEMPLATE_HASH] = json!(hash);
    let mut annotations = BTreeMap::new();
    annotate(deployment, &mut annotations, next, false);
    let wanted = deployment.spec.replicas;
    annotations.insert(DESIRED.into(), wanted.to_string());
    annotations.insert(MAX.into(), (wanted + bounds(deployment).surge).to_string());
    let body = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": deployment.metadata.namespace.as_deref(),
            "labels": template["metadata"]["labels"], "annotations": annotations,
            "ownerReferences": [owners::reference::<Deployment>(&deployment.metadata)],
        },
        "spec": {
            "replicas": replicas, "minReadySeconds": deployment.spec.min_ready_seconds,
            "selector": selector, "template": template,
        },
    });
    NewSet { name, replicas, body }
}

/// Deletes the oldest of the empty sets beyond the limit.
pub fn clean_up(deployment: &Deployment, old: &[Set]) -> Vec<Action> {
    let limit = match deployment.spec.revision_history_limit {
        None | Some(i32::MAX) => return Vec::new(),
        Some(limit) => usize::try_from(limit).unwrap_or(0),
    };
    let mut kept: Vec<&Set> = old.iter().filter(|set| !set.object.metadata.is_deleting()).collect();
    kept.sort_by_key(|set| (set.revision(), set.object.metadata.creation_timestamp));
    let surplus = kept.len().saturating_sub(limit);
    let empty = |set: &&&Set| {
        let status = &set.object.status;
        status.replicas == 0
            && set.replicas == 0
            && set.object.spec.replicas == 0
            && set.object.metadata.generation <= status.observed_generation
    };
    let surplus = kept.iter().take(surplus).filter(empty);
    surplus
        .map(|set| Action::Delete { name: set.object.metadata.name.clone(), uid: set.object.metadata.uid.clone() })
        .collect()
}

/// Uids of sets other than the new one that still have pods.
pub fn any_populated(old: &[Set], populated: &HashSet<Arc<str>>) -> bool {
    old.iter().any(|set| populated.contains(&set.object.metadata.uid))
}
