//! `pods/resize`: cpu and memory of a pod's containers may change while it runs.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};

use super::{ephemeral::keep_managed_fields, qos};
use crate::kinds::json;

const LISTS: [&str; 2] = ["containers", "initContainers"];
/// The fields of a container that this subresource may change.
const FIELDS: [&str; 2] = ["resources", "resizePolicy"];

/// Keeps everything but the resources of containers that were there.
pub fn prepare(new: &mut Value, old: &Value) {
    let asked = json::get(new, "spec").clone();
    keep_managed_fields(new, old, |kept| {
        let Some(spec) = json::object_mut(kept, "spec") else { return };
        for list in LISTS {
            for container in json::list_mut(spec, list) {
                let asked = json::named(&asked, list, json::text(container, "name")).clone();
                for field in FIELDS {
                    if json::has(&asked, field) {
                        json::set(container, field, json::get(&asked, field).clone());
                    }
                }
            }
        }
    });
}

pub fn validate(new: &Value, old: &Value) -> Vec<FieldError> {
    let path = Path::new("spec");
    let mut errors = vec![];
    let (new, old) = (json::get(new, "spec"), json::get(old, "spec"));
    let class = qos::class(new);
    if class != qos::class(old) {
        let detail = "Pod QOS Class may not change as a result of resizing";
        errors.push(FieldError::invalid(&path, class, detail));
    }
    for list in LISTS {
        let before = json::list(old, list);
        for (i, (now, before)) in json::list(new, list).iter().zip(before).enumerate() {
            let path = path.child(list).index(i).child("resources");
            let (now, was) = (json::get(now, "resources"), json::get(before, "resources"));
            if json::equivalent(now, was) {
                continue;
            }
            if list == "initContainers" && json::text(before, "restartPolicy") != "Always" {
                errors.push(FieldError::forbidden(&path, "resources for non-sidecar init containers are immutable"));
                continue;
            }
            removed(now, was, &path, &mut errors);
            if !json::equivalent(&others(now), &others(was)) {
                errors.push(FieldError::forbidden(&path, "only cpu and memory resources are mutable"));
            }
        }
    }
    errors
}

/// What was asked for may become less, but not nothing.
fn removed(now: &Value, was: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for list in ["limits", "requests"] {
        for resource in ["cpu", "memory"] {
            if json::has(json::get(was, list), resource) && !json::has(json::get(now, list), resource) {
                let path = path.child(list).key(resource);
                errors.push(FieldError::forbidden(&path, format!("resource {list} cannot be removed")));
            }
        }
    }
}

/// The resources without those that may change.
fn others(resources: &Value) -> Value {
    let mut others = resources.clone();
    for list in ["limits", "requests"] {
        if let Some(amounts) = others.get_mut(list) {
            for resource in ["cpu", "memory"] {
                json::remove(amounts, resource);
            }
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(resources: Value) -> Value {
        json!({"metadata": {"name": "p"}, "spec": {
            "containers": [{"name": "c", "image": "i", "resources": resources}],
            "initContainers": [{"name": "a", "image": "i"}]}})
    }

    #[test]
    fn cpu_and_memory_change_and_nothing_else() {
        let small = || json!({"requests": {"cpu": "100m", "memory": "10Mi"}, "limits": {"cpu": "1"}});
        let with = |change: fn(&mut Value)| {
            let mut resources = small();
            change(&mut resources);
            validate(&pod(resources), &pod(small())).into_iter().map(|error| error.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(with(|r| r["requests"]["cpu"] = json!("200m")), Vec::<String>::new());
        assert_eq!(with(|r| r["limits"]["memory"] = json!("20Mi")), Vec::<String>::new());
        assert_eq!(
            with(|r| r["limits"] = json!({})),
            ["spec.containers[0].resources.limits[cpu]: Forbidden: resource limits cannot be removed"]
        );
        assert_eq!(
            with(|r| r["requests"]["ephemeral-storage"] = json!("1Gi")),
            ["spec.containers[0].resources: Forbidden: only cpu and memory resources are mutable"]
        );
        let guaranteed = json!({"requests": {"cpu": "1", "memory": "1Mi"}, "limits": {"cpu": "1", "memory": "1Mi"}});
        let alone = |resources| {
            let mut pod = pod(resources);
            pod["spec"]["initContainers"] = json!([]);
            pod
        };
        let errors = validate(&alone(guaranteed), &alone(small()));
        assert!(errors[0].to_string().contains("Pod QOS Class may not change as a result of resizing"), "{errors:?}");
    }

    #[test]
    fn init_containers_that_end_are_not_resized() {
        let old = pod(json!({"requests": {"cpu": "1"}}));
        let mut new = old.clone();
        new["spec"]["initContainers"][0]["resources"] = json!({"requests": {"cpu": "1"}});
        let errors = validate(&new, &old);
        assert_eq!(errors[0].field, "spec.initContainers[0].resources");
    }

    #[test]
    fn all_else_stays_as_it_was() {
        let old = pod(json!({"requests": {"cpu": "1"}}));
        let mut new = pod(json!({"requests": {"cpu": "2"}}));
        new["spec"]["containers"][0]["image"] = json!("other");
        prepare(&mut new, &old);
        assert_eq!(new["spec"]["containers"][0]["image"], "i");
        assert_eq!(new["spec"]["containers"][0]["resources"]["requests"]["cpu"], "2");
    }
}
