//! How far a StatefulSet's or a DaemonSet's rollout has come, in kubectl's sentences, and how one goes back. Pure.

use serde_json::Value;

use super::history::{Undo, revision};
use super::status::Progress;

/// Only a rolling update has a progress.
fn rolls(object: &Value) -> Result<(), Progress> {
    match object["spec"]["updateStrategy"]["type"].as_str() {
        Some("RollingUpdate") => Ok(()),
        _ => Err(Progress::Failed("rollout status is only available for RollingUpdate strategy type".into())),
    }
}

fn is_observed(object: &Value) -> bool {
    let observed = object["status"]["observedGeneration"].as_i64().unwrap_or(0);
    observed > 0 && observed >= object["metadata"]["generation"].as_i64().unwrap_or(0)
}

pub fn daemon_set(set: &Value) -> Progress {
    if let Err(progress) = rolls(set) {
        return progress;
    }
    if !is_observed(set) {
        return Progress::Waiting("Waiting for daemon set spec update to be observed...".into());
    }
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    let count = |field: &str| set["status"][field].as_i64().unwrap_or(0);
    let (wanted, updated) = (count("desiredNumberScheduled"), count("updatedNumberScheduled"));
    let waiting =
        |what: String| Progress::Waiting(format!("Waiting for daemon set {name:?} rollout to finish: {what}..."));
    if updated < wanted {
        return waiting(format!("{updated} out of {wanted} new pods have been updated"));
    }
    let available = count("numberAvailable");
    if available < wanted {
        return waiting(format!("{available} of {wanted} updated pods are available"));
    }
    Progress::Done(format!("daemon set {name:?} successfully rolled out"))
}

pub fn stateful_set(set: &Value) -> Progress {
    if let Err(progress) = rolls(set) {
        return progress;
    }
    if !is_observed(set) {
        return Progress::Waiting("Waiting for statefulset spec update to be observed...".into());
    }
    let (spec, status) = (&set["spec"], &set["status"]);
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    let wanted = spec["replicas"].as_i64().unwrap_or(0);
    let (ready, updated) = (count("readyReplicas"), count("updatedReplicas"));
    if ready < wanted {
        return Progress::Waiting(format!("Waiting for {} pods to be ready...", wanted - ready));
    }
    if let Some(partition) = spec["updateStrategy"]["rollingUpdate"]["partition"].as_i64() {
        let new = wanted - partition;
        if updated < new {
            return Progress::Waiting(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {new} new pods have been updated..."
            ));
        }
        return Progress::Done(format!("partitioned roll out complete: {updated} new pods have been updated..."));
    }
    let update = status["updateRevision"].as_str().unwrap_or_default();
    if status["updateRevision"] != status["currentRevision"] {
        return Progress::Waiting(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {update}..."
        ));
    }
    let current = status["currentRevision"].as_str().unwrap_or_default();
    Progress::Done(format!(
        "statefulset rolling update complete {} pods at revision {current}...",
        count("currentReplicas")
    ))
}

/// The template that a ControllerRevision keeps.
pub fn template(revision: &Value) -> Value {
    let mut template = revision["data"]["spec"]["template"].clone();
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    template
}

/// Goes back to a revision, by the strategic merge patch that it keeps; 0 is the one before the present. `owned` are
/// the ControllerRevisions, by number.
///
/// The error is a sentence.
pub fn undo(object: &Value, owned: &[Value], to: u64) -> Result<Undo, String> {
    if owned.is_empty() {
        return Err("no rollout history found".into());
    }
    let target = match to {
        0 => owned.len().checked_sub(2).and_then(|index| owned.get(index)).ok_or("no last revision to roll back to")?,
        to => {
            let found = owned.iter().find(|found| revision(found) == to);
            found.ok_or_else(|| format!("unable to find specified revision {to} in history"))?
        }
    };
    if template(target) == object["spec"]["template"] {
        return Ok(Undo::Nothing(revision(target)));
    }
    Ok(Undo::Patch(target["data"].clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::history::{owned, table};
    use serde_json::json;

    fn set(strategy: Value, status: Value) -> Value {
        json!({"metadata": {"name": "db", "generation": 2},
            "spec": {"replicas": 3, "updateStrategy": strategy}, "status": status})
    }

    #[track_caller]
    fn said(progress: Progress, expected: &str) {
        let (Progress::Waiting(text) | Progress::Done(text) | Progress::Failed(text)) = progress;
        assert_eq!(text, expected);
    }

    #[test]
    fn each_stage_of_a_daemon_set_has_its_sentence() {
        let check = |status: Value, expected: &str| {
            said(daemon_set(&set(json!({"type": "RollingUpdate"}), status)), expected);
        };
        check(json!({}), "Waiting for daemon set spec update to be observed...");
        check(
            json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 1}),
            "Waiting for daemon set \"db\" rollout to finish: 1 out of 3 new pods have been updated...",
        );
        let rolled = |available: i64| {
            json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3,
                "numberAvailable": available})
        };
        check(rolled(2), "Waiting for daemon set \"db\" rollout to finish: 2 of 3 updated pods are available...");
        check(rolled(3), "daemon set \"db\" successfully rolled out");
        let by_hand = daemon_set(&set(json!({"type": "OnDelete"}), rolled(3)));
        said(by_hand, "rollout status is only available for RollingUpdate strategy type");
    }

    #[test]
    fn each_stage_of_a_stateful_set_has_its_sentence() {
        let rolling = |partition: Value| json!({"type": "RollingUpdate", "rollingUpdate": partition});
        let check = |rolled: Value, status: Value, expected: &str| {
            said(stateful_set(&set(rolling(rolled), status)), expected);
        };
        let at = |ready: i64, updated: i64, current: &str| {
            json!({"observedGeneration": 2, "readyReplicas": ready, "updatedReplicas": updated, "currentReplicas": 3,
                "updateRevision": "db-2", "currentRevision": current})
        };
        check(json!({}), json!({"observedGeneration": 1}), "Waiting for statefulset spec update to be observed...");
        check(json!({"partition": 0}), at(1, 3, "db-1"), "Waiting for 2 pods to be ready...");
        check(
            json!({"partition": 1}),
            at(3, 1, "db-1"),
            "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...",
        );
        check(
            json!({"partition": 1}),
            at(3, 2, "db-1"),
            "partitioned roll out complete: 2 new pods have been updated...",
        );
        check(
            Value::Null,
            at(3, 2, "db-1"),
            "waiting for statefulset rolling update to complete 2 pods at revision db-2...",
        );
        check(Value::Null, at(3, 3, "db-2"), "statefulset rolling update complete 3 pods at revision db-2...");
    }

    fn kept(number: u64, image: &str) -> Value {
        json!({"metadata": {"ownerReferences": [{"uid": "u", "controller": true}],
                "annotations": {"kubernetes.io/change-cause": image}},
            "revision": number, "data": {"spec": {"template": {"$patch": "replace", "image": image}}}})
    }

    #[test]
    fn undo_puts_back_what_a_revision_keeps() {
        let object = json!({"metadata": {"uid": "u"}, "spec": {"template": {"image": "c"}}});
        let revisions = owned(&object, vec![kept(10, "c"), kept(9, "b"), kept(2, "a")]);
        assert_eq!(table(&revisions), "REVISION  CHANGE-CAUSE\n2         a\n9         b\n10        c\n");
        let to = |number: u64| undo(&object, &revisions, number);
        let patch = |image: &str| Ok(Undo::Patch(json!({"spec": {"template": {"$patch": "replace", "image": image}}})));
        assert_eq!([to(0), to(2), to(10)], [patch("b"), patch("a"), Ok(Undo::Nothing(10))]);
        assert_eq!(to(7), Err("unable to find specified revision 7 in history".into()));
        assert_eq!(undo(&object, &revisions[..1], 0), Err("no last revision to roll back to".into()));
        assert_eq!(undo(&object, &[], 0), Err("no rollout history found".into()));
    }
}
