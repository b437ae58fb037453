//! How far a Deployment's rollout has come, in kubectl's sentences.

use serde_json::Value;

/// A look at a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not there yet; the sentence says what is missing.
    Waiting(String),
    Done(String),
    /// Never there; the sentence says why.
    Failed(String),
}

/// Reads a Deployment; `revision` above 0 is the only one that counts.
pub fn progress(deployment: &Value, revision: u64) -> Progress {
    let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
    let status = &deployment["status"];
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    if revision > 0 {
        let running = super::history::revision(deployment);
        if running != revision {
            return Progress::Failed(format!(
                "desired revision ({revision}) is different from the running revision ({running})"
            ));
        }
    }
    if deployment["metadata"]["generation"].as_i64() > status["observedGeneration"].as_i64() {
        return Progress::Waiting("Waiting for deployment spec update to be observed...".into());
    }
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let mut progressing = conditions.filter(|condition| condition["type"] == "Progressing");
    if progressing.any(|condition| condition["reason"] == "ProgressDeadlineExceeded") {
        return Progress::Failed(format!("deployment {name:?} exceeded its progress deadline"));
    }
    let wanted = deployment["spec"]["replicas"].as_i64();
    let (all, updated, available) = (count("replicas"), count("updatedReplicas"), count("availableReplicas"));
    let waiting =
        |what: String| Progress::Waiting(format!("Waiting for deployment {name:?} rollout to finish: {what}..."));
    match wanted {
        Some(wanted) if updated < wanted => {
            waiting(format!("{updated} out of {wanted} new replicas have been updated"))
        }
        _ if all > updated => waiting(format!("{} old replicas are pending termination", all - updated)),
        _ if available < updated => waiting(format!("{available} of {updated} updated replicas are available")),
        _ => Progress::Done(format!("deployment {name:?} successfully rolled out")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(status: Value) -> Value {
        let metadata =
            json!({"name": "web", "generation": 2, "annotations": {"deployment.kubernetes.io/revision": "3"}});
        json!({"metadata": metadata, "spec": {"replicas": 3}, "status": status})
    }

    #[track_caller]
    fn check(status: Value, expected: &str) {
        let (Progress::Waiting(text) | Progress::Done(text) | Progress::Failed(text)) =
            progress(&deployment(status), 0);
        assert_eq!(text, expected);
    }

    #[test]
    fn each_stage_has_its_sentence() {
        check(json!({"observedGeneration": 1}), "Waiting for deployment spec update to be observed...");
        check(
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1}),
            "Waiting for deployment \"web\" rollout to finish: 1 out of 3 new replicas have been updated...",
        );
        check(
            json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 3}),
            "Waiting for deployment \"web\" rollout to finish: 1 old replicas are pending termination...",
        );
        check(
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}),
            "Waiting for deployment \"web\" rollout to finish: 2 of 3 updated replicas are available...",
        );
        check(
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}),
            "deployment \"web\" successfully rolled out",
        );
        check(
            json!({"observedGeneration": 2, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}),
            "deployment \"web\" exceeded its progress deadline",
        );
    }

    #[test]
    fn another_revision_is_no_success() {
        assert_eq!(
            progress(&deployment(json!({"observedGeneration": 2})), 2),
            Progress::Failed("desired revision (2) is different from the running revision (3)".into())
        );
    }
}
