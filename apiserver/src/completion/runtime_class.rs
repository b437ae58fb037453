//! What a pod's runtime class says: what running it costs besides its containers, and which nodes can.

use serde_json::Value;
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;
use timonier_store::Snapshot;

use crate::kinds::{json, metadata};
use crate::object::Object;

/// Completes a new pod, or says why its class and it do not go together.
pub fn complete(pod: &mut Value, snapshot: &Snapshot) -> Result<(), Status> {
    let pod_name = metadata::name(pod).to_owned();
    let Some(spec) = json::object_mut(pod, "spec") else { return Ok(()) };
    let refuse = |detail: String| Err(Status::forbidden(&GroupResource::new("", "pods"), &pod_name, detail));
    let name = json::text(spec, "runtimeClassName").to_owned();
    if name.is_empty() {
        return match json::has(spec, "overhead") {
            true => {
                refuse("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead".to_owned())
            }
            false => Ok(()),
        };
    }
    let entry = snapshot.get(&format!("runtimeclasses.node.k8s.io/{name}"));
    let Some(entry) = entry else {
        return refuse(format!("pod rejected: RuntimeClass {name:?} not found"));
    };
    match apply(spec, &Object::of(entry)?.stored_value()?) {
        Ok(()) => Ok(()),
        Err(detail) => refuse(format!("pod rejected: {detail}")),
    }
}

fn apply(spec: &mut Value, class: &Value) -> Result<(), String> {
    let overhead = json::at(class, &["overhead", "podFixed"]);
    if json::has(spec, "overhead") && !json::equivalent(json::get(spec, "overhead"), overhead) {
        return Err("Pod's Overhead doesn't match RuntimeClass's defined Overhead".to_owned());
    }
    if !overhead.is_null() {
        json::set(spec, "overhead", overhead.clone());
    }
    let scheduling = json::get(class, "scheduling");
    for (key, value) in json::texts(scheduling, "nodeSelector") {
        let Some(selector) = json::object_mut(spec, "nodeSelector") else { continue };
        let given = json::text(selector, key);
        if json::has(selector, key) && given != value {
            return Err(format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {given}"
            ));
        }
        json::set(selector, key, value);
    }
    let more = json::list(scheduling, "tolerations");
    if !more.is_empty() {
        let mut tolerations = json::list(spec, "tolerations").to_vec();
        for toleration in more {
            if !tolerations.contains(toleration) {
                tolerations.push(toleration.clone());
            }
        }
        json::set(spec, "tolerations", tolerations);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_class_adds_what_it_costs_and_where_it_runs() {
        let class = json!({"overhead": {"podFixed": {"cpu": "250m"}}, "scheduling": {"nodeSelector": {"kvm": "yes"},
            "tolerations": [{"key": "kvm", "operator": "Exists"}]}});
        let mut spec = json!({"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "a"}]});
        apply(&mut spec, &class).expect("goes together");
        let wanted = json!({"overhead": {"cpu": "250m"}, "nodeSelector": {"disk": "ssd", "kvm": "yes"},
            "tolerations": [{"key": "a"}, {"key": "kvm", "operator": "Exists"}]});
        assert_eq!(spec, wanted);
        apply(&mut spec, &class).expect("once more");
        assert_eq!(spec, wanted, "applying twice changes nothing");
        let refused = |mut spec: Value| apply(&mut spec, &class).expect_err("is refused");
        assert_eq!(
            refused(json!({"overhead": {"cpu": "1"}})),
            "Pod's Overhead doesn't match RuntimeClass's defined Overhead"
        );
        assert_eq!(
            refused(json!({"nodeSelector": {"kvm": "no"}})),
            "conflict: runtimeClass.scheduling.nodeSelector[kvm] = yes; pod.spec.nodeSelector[kvm] = no"
        );
    }
}
