//! A Deployment.

use super::page::Page;
use super::parts::{self, or_none, scalar, text};
use super::{Subject, containers};
use crate::rollout::history;
use serde_json::Value;

pub fn describe(page: &mut Page, subject: &Subject) {
    let deployment = &subject.object;
    let (spec, status) = (&deployment["spec"], &deployment["status"]);
    let count = |value: &Value| value.as_i64().unwrap_or(0);
    parts::name(page, deployment);
    parts::namespace(page, deployment);
    parts::created(page, deployment);
    parts::labels(page, deployment);
    parts::annotations(page, deployment);
    page.field(0, "Selector", parts::selector(&spec["selector"]));
    page.field(
        0,
        "Replicas",
        format!(
            "{} desired | {} updated | {} total | {} available | {} unavailable",
            count(&spec["replicas"]),
            count(&status["updatedReplicas"]),
            count(&status["replicas"]),
            count(&status["availableReplicas"]),
            count(&status["unavailableReplicas"]),
        ),
    );
    page.field(0, "StrategyType", text(&spec["strategy"]["type"]));
    page.field(0, "MinReadySeconds", count(&spec["minReadySeconds"]).to_string());
    let rolling = &spec["strategy"]["rollingUpdate"];
    if rolling.is_object() {
        let (unavailable, surge) = (scalar(&rolling["maxUnavailable"]), scalar(&rolling["maxSurge"]));
        page.field(0, "RollingUpdateStrategy", format!("{unavailable} max unavailable, {surge} max surge"));
    }
    containers::describe_template(page, &spec["template"]);
    parts::conditions(page, &status["conditions"]);
    if subject.replica_sets.is_empty() {
        return;
    }
    let is_new = |set: &&Value| history::template(set) == spec["template"];
    let (new, old): (Vec<&Value>, Vec<&Value>) = subject.replica_sets.iter().partition(is_new);
    page.field(0, "OldReplicaSets", replica_sets(&old));
    page.field(0, "NewReplicaSet", replica_sets(&new[..new.len().min(1)]));
}

/// `web-1 (3/3 replicas created), …`
fn replica_sets(sets: &[&Value]) -> String {
    let count = |value: &Value| value.as_i64().unwrap_or(0);
    let shown = sets.iter().map(|set| {
        format!(
            "{} ({}/{} replicas created)",
            text(&set["metadata"]["name"]),
            count(&set["status"]["replicas"]),
            count(&set["spec"]["replicas"])
        )
    });
    or_none(shown.collect::<Vec<_>>().join(", "))
}
