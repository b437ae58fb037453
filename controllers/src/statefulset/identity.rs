//! Who a pod of a StatefulSet is: its name, its labels, and the claims that are its own. Pure.

use serde_json::{Value, json};
use timonier_client::fence;

use crate::{
    objects::{ControllerRevision, Pod, StatefulSet},
    pods::template::pod_from,
};

pub const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
pub const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
/// On a pod: the revision that it was made of.
pub const REVISION: &str = "controller-revision-hash";

/// The ordinal in a pod's name, if the name is one of this set's.
pub fn ordinal(set: &str, pod: &str) -> Option<i32> {
    let digits = pod.strip_prefix(set)?.strip_prefix('-')?;
    // `web-01` and `web-+1` are nobody's names.
    let plain = digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit()));
    plain.then(|| digits.parse().ok()).flatten()
}

pub fn pod_name(set: &StatefulSet, ordinal: i32) -> String {
    format!("{}-{ordinal}", set.metadata.name)
}

/// The name of the revision that a pod was made of.
pub fn revision_of(pod: &Pod) -> &str {
    pod.metadata.labels.get(REVISION).map_or("", String::as_str)
}

/// The labels that say who it is.
fn labels(set: &StatefulSet, ordinal: i32) -> [(&'static str, String); 2] {
    [(POD_NAME, pod_name(set, ordinal)), (POD_INDEX, ordinal.to_string())]
}

/// The labels that a pod lacks to be who its name says.
pub fn missing_labels(set: &StatefulSet, ordinal: i32, pod: &Pod) -> Option<Value> {
    let labels = labels(set, ordinal);
    let lacks = |(key, value): &&(&str, String)| pod.metadata.labels.get(*key) != Some(value);
    let missing: serde_json::Map<_, _> =
        labels.iter().filter(lacks).map(|(key, value)| (key.to_string(), json!(value))).collect();
    (!missing.is_empty()).then_some(Value::Object(missing))
}

/// The claims of one ordinal: the name in the pod's volumes, and the claim's.
pub fn claim_names(set: &StatefulSet, ordinal: i32) -> Vec<(String, String)> {
    let templates = set.spec.volume_claim_templates.iter();
    let names = templates.filter_map(|template| template["metadata"]["name"].as_str());
    names.map(|volume| (volume.to_owned(), format!("{volume}-{}-{ordinal}", set.metadata.name))).collect()
}

/// The claim of a name as its template describes it.
pub fn claim_body(set: &StatefulSet, ordinal: i32, name: &str) -> Option<Value> {
    let wanted = claim_names(set, ordinal).iter().position(|(_, claim)| claim == name)?;
    let template = set.spec.volume_claim_templates.get(wanted)?;
    let mut labels = template["metadata"]["labels"].clone();
    if !labels.is_object() {
        labels = json!({});
    }
    // By these labels the claims of a set are found.
    for (key, value) in set.spec.selector.given.match_labels.iter().flatten() {
        labels[key] = json!(value);
    }
    Some(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "labels": labels, "annotations": template["metadata"]["annotations"]},
        "spec": template["spec"],
    }))
}

/// The pod of one ordinal by the template of a revision.
pub fn pod_body(set: &StatefulSet, ordinal: i32, revision: &ControllerRevision) -> Value {
    let mut pod = pod_from(set, &crate::history::template(revision));
    let name = pod_name(set, ordinal);
    pod["metadata"]["name"] = json!(name);
    for (key, value) in labels(set, ordinal) {
        pod["metadata"]["labels"][key] = json!(value);
    }
    if let (Ok(Some(_)), Some(limit)) =
        (fence::limit(&set.metadata.annotations), set.metadata.annotations.get(fence::ANNOTATION))
    {
        pod["metadata"]["annotations"][fence::ANNOTATION] = json!(limit);
    }
    pod["metadata"]["labels"][REVISION] = json!(&*revision.metadata.name);
    let spec = &mut pod["spec"];
    spec["hostname"] = json!(name);
    spec["subdomain"] = json!(set.spec.service_name);
    let claims = claim_names(set, ordinal);
    if !claims.is_empty() {
        let own = spec["volumes"].as_array().cloned().unwrap_or_default();
        let other = own.into_iter().filter(|volume| claims.iter().all(|(name, _)| volume["name"] != json!(name)));
        let claimed =
            claims.iter().map(|(volume, claim)| json!({"name": volume, "persistentVolumeClaim": {"claimName": claim}}));
        spec["volumes"] = claimed.chain(other).collect();
    }
    pod
}

/// It is one of the set's by its name.
pub fn is_member(set: &StatefulSet, pod: &Pod) -> bool {
    ordinal(&set.metadata.name, &pod.metadata.name).is_some()
}
