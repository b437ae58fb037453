//! `pods/ephemeralcontainers`: containers may be added to a pod that runs, and no more.

use std::collections::BTreeSet;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::json;

const LIST: &str = "ephemeralContainers";
/// What a container that is added later may not say.
const FORBIDDEN: [&str; 9] = [
    "lifecycle",
    "livenessProbe",
    "ports",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "restartPolicyRules",
    "startupProbe",
];

/// Keeps everything but the list.
pub fn prepare(new: &mut Value, old: &Value) {
    let list = json::get(json::get(new, "spec"), LIST).clone();
    keep_managed_fields(new, old, |kept| {
        if let Some(spec) = json::object_mut(kept, "spec") {
            json::set(spec, LIST, list);
        }
    });
}

/// Puts `new` back to `old`, but for who owns what, and for what `change` does.
pub fn keep_managed_fields(new: &mut Value, old: &Value, change: impl FnOnce(&mut Value)) {
    let managed = new.get_mut("metadata").and_then(|metadata| json::remove(metadata, "managedFields"));
    let mut kept = old.clone();
    change(&mut kept);
    if let (Some(managed), Some(metadata)) = (managed, kept.get_mut("metadata")) {
        json::set(metadata, "managedFields", managed);
    }
    *new = kept;
}

pub fn validate(new: &Value, old: &Value) -> Vec<FieldError> {
    let (new, old) = (json::get(new, "spec"), json::get(old, "spec"));
    let list = Path::new("spec").child(LIST);
    let mut errors = vec![];
    let others = ["containers", "initContainers"].into_iter().flat_map(|list| json::list(new, list));
    let mut taken: BTreeSet<&str> = others.map(|container| json::text(container, "name")).collect();
    for (i, container) in json::list(new, LIST).iter().enumerate() {
        let path = list.index(i);
        check(new, container, &path, &mut taken, &mut errors);
        let before = json::named(old, LIST, json::text(container, "name"));
        if !before.is_null() && !json::equivalent(before, container) {
            let name = json::text(container, "name");
            let detail = format!("existing ephemeral containers {name:?} may not be changed");
            errors.push(FieldError::forbidden(&path, detail));
        }
    }
    for before in json::list(old, LIST) {
        let name = json::text(before, "name");
        if json::named(new, LIST, name).is_null() {
            let detail = format!("existing ephemeral containers {name:?} may not be removed");
            errors.push(FieldError::forbidden(&list, detail));
        }
    }
    errors
}

/// A new pod has none.
pub fn validate_create(o: &Value) -> Vec<FieldError> {
    match json::list(json::get(o, "spec"), LIST) {
        [] => vec![],
        _ => vec![FieldError::forbidden(&Path::new("spec").child(LIST), "cannot be set on create")],
    }
}

fn check<'a>(
    spec: &Value,
    container: &'a Value,
    path: &Path,
    taken: &mut BTreeSet<&'a str>,
    errors: &mut Vec<FieldError>,
) {
    let name = json::text(container, "name");
    if name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    } else {
        let found = names::dns1123_label(name).into_iter();
        errors.extend(found.map(|message| FieldError::invalid(&path.child("name"), name, message)));
        if !taken.insert(name) {
            errors.push(FieldError::duplicate(&path.child("name"), name));
        }
    }
    if json::text(container, "image").is_empty() {
        errors.push(FieldError::required(&path.child("image"), ""));
    }
    let target = json::text(container, "targetContainerName");
    if !target.is_empty() && json::named(spec, "containers", target).is_null() {
        errors.push(FieldError::not_found(&path.child("targetContainerName"), target));
    }
    for field in FORBIDDEN {
        if !json::equivalent(json::get(container, field), &Value::Null) {
            errors.push(FieldError::forbidden(&path.child(field), "cannot be set for an Ephemeral Container"));
        }
    }
    for (i, mount) in json::list(container, "volumeMounts").iter().enumerate() {
        let path = path.child("volumeMounts").index(i);
        let volume = json::text(mount, "name");
        if json::named(spec, "volumes", volume).is_null() {
            errors.push(FieldError::not_found(&path.child("name"), volume));
        }
        for field in ["subPath", "subPathExpr"] {
            if !json::text(mount, field).is_empty() {
                errors.push(FieldError::forbidden(&path.child(field), "cannot be set for an Ephemeral Container"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(ephemeral: Value) -> Value {
        json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}],
            "volumes": [{"name": "v"}], "ephemeralContainers": ephemeral}})
    }

    #[test]
    fn only_additions_are_taken() {
        let one = json!({"name": "one", "image": "i", "resources": {}});
        let two = json!({"name": "two", "image": "i", "targetContainerName": "c", "tty": true});
        for (old, new, expected) in [
            (json!([]), json!([one]), ""),
            (json!([one]), json!([one, two]), ""),
            (json!([one]), json!([]), "spec.ephemeralContainers"),
            (json!([one]), json!([{"name": "one", "image": "other"}]), "spec.ephemeralContainers[0]"),
            (json!([]), json!([{"name": "c", "image": "i"}]), "spec.ephemeralContainers[0].name"),
            (json!([]), json!([{"name": "d"}]), "spec.ephemeralContainers[0].image"),
            (
                json!([]),
                json!([{"name": "d", "image": "i", "targetContainerName": "x"}]),
                "spec.ephemeralContainers[0].targetContainerName",
            ),
            (
                json!([]),
                json!([{"name": "d", "image": "i", "ports": [{"containerPort": 1}]}]),
                "spec.ephemeralContainers[0].ports",
            ),
            (
                json!([]),
                json!([{"name": "d", "image": "i", "volumeMounts": [{"name": "x", "mountPath": "/x"}]}]),
                "spec.ephemeralContainers[0].volumeMounts[0].name",
            ),
        ] {
            let errors = validate(&pod(new.clone()), &pod(old));
            let fields: Vec<_> = errors.iter().map(|error| error.field.clone()).collect();
            assert_eq!(fields.join(","), expected, "{new}");
        }
        assert_eq!(validate_create(&pod(json!([one]))).len(), 1);
        assert_eq!(validate_create(&pod(json!([]))).len(), 0);
    }

    #[test]
    fn all_else_stays_as_it_was() {
        let old = pod(json!([]));
        let mut new = pod(json!([{"name": "d", "image": "i"}]));
        new["spec"]["containers"][0]["image"] = json!("other");
        new["metadata"]["managedFields"] = json!([{"manager": "m"}]);
        prepare(&mut new, &old);
        assert_eq!(new["spec"]["containers"], old["spec"]["containers"]);
        assert_eq!(new["spec"]["ephemeralContainers"][0]["name"], "d");
        assert_eq!(new["metadata"]["managedFields"][0]["manager"], "m");
    }
}
