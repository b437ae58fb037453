//! The revisions of a Deployment: its ReplicaSets, each of which holds the template of one.

use crate::print::tabwriter::{self, DESCRIBE};
use serde_json::{Value, json};

pub const REVISION: &str = "deployment.kubernetes.io/revision";
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
const HASH: &str = "pod-template-hash";
/// Annotations that belong to the Deployment as it is, not to what it was.
const OF_THE_PRESENT: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// The revision that a Deployment or ReplicaSet is at, or that a ControllerRevision has; 0 if it does not say.
pub fn revision(object: &Value) -> u64 {
    if let Some(number) = object["revision"].as_u64() {
        return number;
    }
    let text = object["metadata"]["annotations"][REVISION].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What keeps the owner's past, of those that it controls, by revision.
pub fn owned(owner: &Value, kept: Vec<Value>) -> Vec<Value> {
    let uid = &owner["metadata"]["uid"];
    let is_owned = |set: &Value| {
        let mut owners = set["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        owners.any(|owner| owner["uid"] == *uid && owner["controller"] == true)
    };
    let mut owned: Vec<Value> = kept.into_iter().filter(is_owned).collect();
    owned.sort_by_key(revision);
    owned
}

/// The table of `rollout history`.
pub fn table(owned: &[Value]) -> String {
    if owned.is_empty() {
        return "No rollout history found.".into();
    }
    let mut text = String::from("REVISION\tCHANGE-CAUSE\n");
    for set in owned {
        let cause = set["metadata"]["annotations"][CHANGE_CAUSE].as_str().unwrap_or("<none>");
        text.push_str(&format!("{}\t{cause}\n", revision(set)));
    }
    tabwriter::align(&text, DESCRIBE)
}

/// What an undo comes to.
#[derive(Debug, PartialEq)]
pub enum Undo {
    /// This patch: a JSON patch of a Deployment, a strategic merge patch of others.
    Patch(Value),
    /// The template is that of this revision already.
    Nothing(u64),
}

/// Goes back to a revision; 0 is the one before the present.
///
/// The error is a sentence.
pub fn undo(deployment: &Value, owned: &[Value], to: u64) -> Result<Undo, String> {
    let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
    if deployment["spec"]["paused"] == true {
        return Err(
            "you cannot rollback a paused deployment; resume it first with 'kctl rollout resume' and try again".into(),
        );
    }
    let target = match to {
        0 => {
            let before = owned.len().checked_sub(2).and_then(|index| owned.get(index));
            before.ok_or_else(|| format!("no rollout history found for deployment {name:?}"))?
        }
        to => owned
            .iter()
            .find(|set| revision(set) == to)
            .ok_or_else(|| format!("unable to find specified revision {to} in history"))?,
    };
    let template = template(target);
    if template == deployment["spec"]["template"] {
        return Ok(Undo::Nothing(revision(target)));
    }
    Ok(Undo::Patch(json!([
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "add", "path": "/metadata/annotations", "value": annotations(deployment, target)},
    ])))
}

/// A ReplicaSet's template without the label that tells ReplicaSets apart.
pub fn template(replica_set: &Value) -> Value {
    let mut template = replica_set["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(HASH);
    }
    template
}

fn annotations(deployment: &Value, target: &Value) -> Value {
    let of = |object: &Value| object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    let present = |key: &String| OF_THE_PRESENT.contains(&key.as_str());
    let kept = of(deployment).into_iter().filter(|(key, _)| present(key));
    let past = of(target).into_iter().filter(|(key, _)| !present(key));
    Value::Object(kept.chain(past).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(revision: u32, image: &str, owner: &str) -> Value {
        json!({
            "metadata": {
                "annotations": {REVISION: revision.to_string(), "note": image},
                "ownerReferences": [{"uid": owner, "controller": true}],
            },
            "spec": {"template": {"metadata": {"labels": {"app": "web", HASH: image}}, "spec": {"image": image}}},
        })
    }

    fn deployment(image: &str) -> Value {
        json!({
            "metadata": {"name": "web", "uid": "u", "annotations": {REVISION: "10", "note": "now"}},
            "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"image": image}}},
        })
    }

    fn sets() -> Vec<Value> {
        owned(&deployment("c"), vec![set(10, "c", "u"), set(9, "b", "u"), set(2, "a", "u"), set(11, "x", "other")])
    }

    #[test]
    fn history_is_in_the_order_of_revisions_and_holds_no_strangers() {
        assert_eq!(table(&sets()), "REVISION  CHANGE-CAUSE\n2         <none>\n9         <none>\n10        <none>\n");
    }

    #[test]
    fn undo_goes_to_the_revision_before_or_to_the_one_named() {
        let image = |to| match undo(&deployment("c"), &sets(), to).expect("possible") {
            Undo::Patch(patch) => patch[0]["value"]["spec"]["image"].clone(),
            Undo::Nothing(revision) => revision.into(),
        };
        assert_eq!(image(0), "b");
        assert_eq!(image(2), "a");
        assert_eq!(image(10), 10);
    }

    #[test]
    fn undo_takes_the_past_annotations_but_keeps_the_present_bookkeeping() {
        let Ok(Undo::Patch(patch)) = undo(&deployment("c"), &sets(), 2) else { panic!("a patch") };
        assert_eq!(patch[1]["value"], json!({REVISION: "10", "note": "a"}));
        assert_eq!(patch[0]["value"]["metadata"]["labels"], json!({"app": "web"}));
    }

    #[test]
    fn an_undo_to_nowhere_is_refused() {
        assert_eq!(undo(&deployment("c"), &sets(), 7), Err("unable to find specified revision 7 in history".into()));
        assert_eq!(
            undo(&deployment("c"), &sets()[..1], 0),
            Err("no rollout history found for deployment \"web\"".into())
        );
    }
}
