//! LimitRanges: what the containers of a namespace ask for when they do not say, and bounds for pods and claims.

use serde_json::Value;
use timonier_api::kind::GroupResource;
use timonier_api::quantity::Quantity;
use timonier_api::quota::{Amounts, amounts, totals};
use timonier_api::status::Status;
use timonier_store::Snapshot;

use crate::kinds::pod::qos;
use crate::kinds::{Row, json, metadata};
use crate::object::Object;

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// The items of all ranges of a namespace.
fn items(namespace: &str, snapshot: &Snapshot) -> Vec<Value> {
    let ranges = snapshot.range(&format!("limitranges/{namespace}/"), None);
    let ranges = ranges.filter_map(|entry| Object::of(entry).ok()?.stored_value().ok());
    ranges.flat_map(|range| json::list(json::get(&range, "spec"), "limits").to_vec()).collect()
}

/// Fills in what the containers of a new pod do not say.
pub fn complete(pod: &mut Value, namespace: &str, snapshot: &Snapshot) {
    let items = items(namespace, snapshot);
    if !items.is_empty() {
        fill(pod, &items);
    }
}

fn fill(pod: &mut Value, items: &[Value]) {
    let mut notes = vec![];
    let Some(spec) = pod.get_mut("spec") else {
        return;
    };
    for (list, called) in [("containers", "container"), ("initContainers", "init container")] {
        for container in json::list_mut(spec, list).filter(|container| container.is_object()) {
            for (to, from, word) in [("requests", "defaultRequest", "request"), ("limits", "default", "limit")] {
                let names = fill_amounts(container, to, from, items);
                if !names.is_empty() {
                    notes.push(format!("{} {word} for {called} {}", names.join(", "), json::text(container, "name")));
                }
            }
        }
    }
    if notes.is_empty() {
        return;
    }
    let class = qos::class(spec);
    if let Some(status) = pod.get_mut("status").filter(|status| status.is_object()) {
        json::set(status, "qosClass", class);
    }
    let annotations = json::object_mut(pod, "metadata").and_then(|meta| json::object_mut(meta, "annotations"));
    if let Some(annotations) = annotations {
        json::set(annotations, ANNOTATION, format!("LimitRanger plugin set: {}", notes.join("; ")));
    }
}

/// The names of the amounts that were missing.
fn fill_amounts(container: &mut Value, to: &str, from: &str, items: &[Value]) -> Vec<String> {
    let mut filled = vec![];
    let of_containers = items.iter().filter(|item| json::text(item, "type") == "Container");
    for (name, amount) in of_containers.filter_map(|item| json::map(item, from)).flatten() {
        let given = json::object_mut(container, "resources").and_then(|resources| json::object_mut(resources, to));
        if let Some(given) = given.filter(|given| !json::has(given, name)) {
            json::set(given, name, amount.clone());
            filled.push(name.clone());
        }
    }
    for map in ["requests", "limits"] {
        let resources = container.get_mut("resources");
        if let Some(resources) = resources.filter(|resources| json::map(resources, map).is_some_and(|m| m.is_empty())) {
            json::remove(resources, map);
        }
    }
    filled.sort();
    filled
}

/// Checks a pod or claim against the bounds of its namespace; 403 with all that is out of them.
pub fn check(row: &Row, object: &Value, namespace: &str, snapshot: &Snapshot) -> Result<(), Status> {
    let bounded = row.kind.group.is_empty() && matches!(&*row.kind.plural, "pods" | "persistentvolumeclaims");
    if !bounded {
        return Ok(());
    }
    let mut faults = vec![];
    for item in items(namespace, snapshot) {
        match (&*row.kind.plural, json::text(&item, "type")) {
            ("pods", "Container") => {
                let spec = json::get(object, "spec");
                let containers = json::list(spec, "containers").iter().chain(json::list(spec, "initContainers"));
                for container in containers {
                    let of = |map| amounts(json::at(container, &["resources", map]));
                    bounds(&item, "Container", &of("requests"), &of("limits"), &mut faults);
                }
            }
            ("pods", "Pod") => {
                let spec = json::get(object, "spec");
                bounds(&item, "Pod", &totals(spec, "requests"), &totals(spec, "limits"), &mut faults);
            }
            ("persistentvolumeclaims", "PersistentVolumeClaim") => claim(&item, object, &mut faults),
            _ => {}
        }
    }
    match faults.as_slice() {
        [] => Ok(()),
        [one] => Err(refusal(row, object, one.clone())),
        many => Err(refusal(row, object, format!("[{}]", many.join(", ")))),
    }
}

fn refusal(row: &Row, object: &Value, detail: String) -> Status {
    let resource = GroupResource::new(&*row.kind.group, &*row.kind.plural);
    Status::forbidden(&resource, metadata::name(object), detail)
}

fn bounds(item: &Value, kind: &str, requests: &Amounts, limits: &Amounts, faults: &mut Vec<String>) {
    for (name, least) in amounts(json::get(item, "min")) {
        let rule = format!("minimum {name} usage per {kind} is {least}");
        match (requests.get(&name), limits.get(&name)) {
            (None, _) => faults.push(format!("{rule}.  No request is specified")),
            (Some(request), _) if *request < least => faults.push(format!("{rule}, but request is {request}")),
            (_, Some(limit)) if *limit < least => faults.push(format!("{rule}, but limit is {limit}")),
            _ => {}
        }
    }
    for (name, most) in amounts(json::get(item, "max")) {
        let rule = format!("maximum {name} usage per {kind} is {most}");
        match (requests.get(&name), limits.get(&name)) {
            (_, None) => faults.push(format!("{rule}.  No limit is specified")),
            (_, Some(limit)) if *limit > most => faults.push(format!("{rule}, but limit is {limit}")),
            (Some(request), _) if *request > most => faults.push(format!("{rule}, but request is {request}")),
            _ => {}
        }
    }
    for (name, ratio) in amounts(json::get(item, "maxLimitRequestRatio")) {
        let rule = format!("{name} max limit to request ratio per {kind} is {ratio}");
        let there = |amounts: &Amounts| amounts.get(&name).copied().filter(|amount| !amount.is_zero());
        match (there(requests), there(limits)) {
            (None, _) => faults.push(format!("{rule}, but no request is specified or request is 0")),
            (_, None) => faults.push(format!("{rule}, but no limit is specified or limit is 0")),
            (Some(request), Some(limit)) => {
                let provided = limit.as_f64() / request.as_f64();
                if provided > ratio.as_f64() {
                    faults.push(format!("{rule}, but provided ratio is {provided:.6}"));
                }
            }
        }
    }
}

fn claim(item: &Value, claim: &Value, faults: &mut Vec<String>) {
    let request = amounts(json::at(claim, &["spec", "resources", "requests"])).get("storage").copied();
    let bound = |bound| amounts(json::get(item, bound)).get("storage").copied();
    let mut check = |word: &str, bound: Option<Quantity>, broken: fn(Quantity, Quantity) -> bool| {
        let Some(bound) = bound else { return };
        let rule = format!("{word} storage usage per PersistentVolumeClaim is {bound}");
        match request {
            None => faults.push(format!("{rule}.  No request is specified")),
            Some(request) if broken(request, bound) => faults.push(format!("{rule}, but request is {request}")),
            Some(_) => {}
        }
    };
    check("minimum", bound("min"), |request, least| request < least);
    check("maximum", bound("max"), |request, most| request > most);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn silent_containers_get_the_defaults_and_the_pod_says_so() {
        let items =
            [json!({"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "500m"}})];
        let mut pod = json!({"metadata": {"name": "p"}, "status": {"qosClass": "BestEffort"}, "spec": {"containers": [
            {"name": "a"}, {"name": "b", "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}}]}});
        fill(&mut pod, &items);
        let containers = &pod["spec"]["containers"];
        let whole = json!({"requests": {"cpu": "500m"}, "limits": {"cpu": "1", "memory": "1Gi"}});
        assert_eq!(containers[0]["resources"], whole);
        assert_eq!(
            containers[1]["resources"],
            json!({"requests": {"cpu": "2"}, "limits": {"cpu": "2", "memory": "1Gi"}})
        );
        assert_eq!(pod["status"]["qosClass"], "Burstable");
        assert_eq!(
            pod["metadata"]["annotations"][ANNOTATION],
            "LimitRanger plugin set: cpu request for container a; cpu, memory limit for container a; memory limit for \
             container b"
        );
    }

    #[test]
    fn each_bound_is_told_in_kubernetes_words() {
        let amounts = |value: Value| amounts(&value);
        for (item, requests, limits, expected) in [
            (
                json!({"min": {"cpu": "1"}}),
                json!({}),
                json!({}),
                vec!["minimum cpu usage per Pod is 1.  No request is specified"],
            ),
            (
                json!({"min": {"cpu": "1"}}),
                json!({"cpu": "500m"}),
                json!({}),
                vec!["minimum cpu usage per Pod is 1, but request is 500m"],
            ),
            (
                json!({"max": {"cpu": "1"}}),
                json!({}),
                json!({}),
                vec!["maximum cpu usage per Pod is 1.  No limit is specified"],
            ),
            (
                json!({"max": {"cpu": "1"}}),
                json!({"cpu": "1"}),
                json!({"cpu": "2"}),
                vec!["maximum cpu usage per Pod is 1, but limit is 2"],
            ),
            (
                json!({"maxLimitRequestRatio": {"cpu": "2"}}),
                json!({"cpu": "1"}),
                json!({"cpu": "3"}),
                vec!["cpu max limit to request ratio per Pod is 2, but provided ratio is 3.000000"],
            ),
            (json!({"min": {"cpu": "1"}, "max": {"cpu": "3"}}), json!({"cpu": "1"}), json!({"cpu": "3"}), vec![]),
        ] {
            let mut faults = vec![];
            bounds(&item, "Pod", &amounts(requests), &amounts(limits), &mut faults);
            assert_eq!(faults, expected, "{item}");
        }
        let mut faults = vec![];
        let o = json!({"spec": {"resources": {"requests": {"storage": "5Gi"}}}});
        claim(&json!({"min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}}), &o, &mut faults);
        assert_eq!(faults, ["maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi"]);
    }
}
