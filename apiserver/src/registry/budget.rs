//! Disruption budgets: whether a pod may be evicted, and what that leaves of its budget.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::kind::GroupResource;
use timonier_api::status::{Cause, Status};
use timonier_store::Snapshot;

use super::commit::Beside;
use crate::kinds::{Table, json as of, metadata, workload};
use crate::object::{self, Object, meta};

/// The most evictions that nobody has confirmed yet.
const MOST_DISRUPTED: usize = 2000;
/// Seconds after which to ask again when the budget has not been looked at yet.
const RETRY_SECONDS: u32 = 10;

/// The pod's budget without this pod, to be written with the eviction; `None` when it needs none.
pub fn take(
    table: &Table,
    snapshot: &Snapshot,
    namespace: &str,
    pod: &Value,
    now: Timestamp,
) -> Result<Option<Beside>, Status> {
    // Nobody misses a pod that has not run yet.
    if pod["status"]["phase"] == "Pending" {
        return Ok(None);
    }
    let mut found = vec![];
    for entry in snapshot.range(&format!("poddisruptionbudgets.policy/{namespace}/"), None) {
        let budget = Object::of(entry)?.working_value()?;
        if selects(&budget, pod) {
            found.push((entry, budget));
        }
    }
    let Some((entry, mut budget)) = found.pop() else {
        return Ok(None);
    };
    if !found.is_empty() {
        return Err(Status::internal(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        ));
    }
    if !needs_room(&budget, pod) {
        return Ok(None);
    }
    take_one(&mut budget, metadata::name(pod), now)?;
    let row = table.by_plural("policy", "v1", "poddisruptionbudgets").ok_or_else(Status::no_such_path)?;
    let value = object::encode(&budget, row)?;
    Ok(Some(Beside { key: entry.key.clone(), at: entry.revision, value }))
}

/// An absent selector selects nothing, an empty one everything.
fn selects(budget: &Value, pod: &Value) -> bool {
    let selector = &budget["spec"]["selector"];
    let labels = of::texts(of::get(pod, "metadata"), "labels").map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    selector.is_object() && workload::typed(selector).is_some_and(|selector| selector.matches(&labels))
}

/// Whether the eviction of this pod has to fit the budget: one that is not ready may be evicted as long as enough others
/// are, or always, as the budget says.
fn needs_room(budget: &Value, pod: &Value) -> bool {
    let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    if of::list(of::get(pod, "status"), "conditions").iter().any(ready) {
        return true;
    }
    if budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow" {
        return false;
    }
    let status = of::get(budget, "status");
    let (healthy, desired) = (workload::count(status, "currentHealthy"), workload::count(status, "desiredHealthy"));
    !(desired > 0 && healthy >= desired)
}

/// Takes one disruption, or says in Kubernetes' words why there is none.
fn take_one(budget: &mut Value, pod: &str, now: Timestamp) -> Result<(), Status> {
    let name = metadata::name(budget).to_owned();
    let resource = GroupResource::new("policy", "poddisruptionbudgets");
    let status = of::get(budget, "status");
    let count = |field| workload::count(status, field);
    let generation = of::int(of::get(budget, "metadata"), "generation").unwrap_or(0);
    if count("observedGeneration") < generation {
        let message = format!("The disruption budget {name} is still being processed by the server.");
        return Err(too_many(message, RETRY_SECONDS));
    }
    let allowed = count("disruptionsAllowed");
    if allowed < 0 {
        return Err(Status::forbidden(&resource, &name, "pdb disruptions allowed is negative"));
    }
    if of::map(status, "disruptedPods").is_some_and(|pods| pods.len() > MOST_DISRUPTED) {
        let detail = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return Err(Status::forbidden(&resource, &name, detail));
    }
    if allowed == 0 {
        let (desired, healthy) = (count("desiredHealthy"), count("currentHealthy"));
        let message = format!("The disruption budget {name} needs {desired} healthy pods and has {healthy} currently");
        return Err(too_many(message, 0));
    }
    budget["status"]["disruptionsAllowed"] = (allowed - 1).into();
    budget["status"]["disruptedPods"][pod] = meta::time(now).into();
    if allowed == 1 {
        no_more(budget, generation, now);
    }
    Ok(())
}

/// Says in the budget's condition that it is used up.
fn no_more(budget: &mut Value, generation: i64, now: Timestamp) {
    let condition = json!({"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
        "observedGeneration": generation, "lastTransitionTime": meta::time(now)});
    match budget["status"]["conditions"].as_array_mut() {
        Some(conditions) => {
            conditions.retain(|condition| condition["type"] != "DisruptionAllowed");
            conditions.push(condition);
        }
        None => budget["status"]["conditions"] = json!([condition]),
    }
}

fn too_many(message: String, retry_after: u32) -> Status {
    let cause = Cause { reason: "DisruptionBudget".to_string(), message, field: String::new() };
    Status::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", retry_after)
        .with_cause(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(spec: Value, status: Value) -> Value {
        json!({"metadata": {"name": "b", "generation": 2}, "spec": spec, "status": status})
    }

    #[test]
    fn a_budget_gives_what_it_has_and_says_why_it_does_not() {
        let now = Timestamp::UNIX_EPOCH;
        let status = |allowed: i64, seen: i64| json!({"disruptionsAllowed": allowed, "observedGeneration": seen, "currentHealthy": 1, "desiredHealthy": 1});
        let mut one = budget(json!({}), status(1, 2));
        assert_eq!(take_one(&mut one, "p", now), Ok(()));
        assert_eq!(one["status"]["disruptionsAllowed"], 0);
        assert_eq!(one["status"]["disruptedPods"], json!({"p": "1970-01-01T00:00:00Z"}));
        assert_eq!(one["status"]["conditions"][0]["reason"], "InsufficientPods");
        for (mut budget, code, said) in [
            (one, 429, "The disruption budget b needs 1 healthy pods and has 1 currently"),
            (budget(json!({}), status(1, 1)), 429, "The disruption budget b is still being processed by the server."),
        ] {
            let refusal = take_one(&mut budget, "q", now).expect_err("is refused");
            assert_eq!((refusal.code, refusal.reason.as_str()), (code, "TooManyRequests"));
            assert_eq!(refusal.message, "Cannot evict pod as it would violate the pod's disruption budget.");
            assert!(serde_json::to_string(&refusal).expect("is JSON").contains(said), "{refusal:?}");
        }
        let negative = take_one(&mut budget(json!({}), status(-1, 2)), "q", now).expect_err("is refused");
        assert_eq!(negative.code, 403);
    }

    #[test]
    fn a_pod_that_is_not_ready_needs_no_room_while_enough_others_are() {
        let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let enough = json!({"currentHealthy": 2, "desiredHealthy": 2});
        let always = json!({"unhealthyPodEvictionPolicy": "AlwaysAllow"});
        for (spec, status, pod, expected) in [
            (json!({}), enough.clone(), &ready, true),
            (json!({}), enough, &json!({}), false),
            (json!({}), json!({"currentHealthy": 1, "desiredHealthy": 2}), &json!({}), true),
            (always.clone(), json!({}), &json!({}), false),
            (always, json!({}), &ready, true),
        ] {
            assert_eq!(needs_room(&budget(spec, status), pod), expected);
        }
    }

    #[test]
    fn no_selector_selects_nothing_and_an_empty_one_everything() {
        let pod = json!({"metadata": {"labels": {"app": "web"}}});
        for (spec, expected) in [
            (json!({}), false),
            (json!({"selector": {}}), true),
            (json!({"selector": {"matchLabels": {"app": "web"}}}), true),
            (json!({"selector": {"matchLabels": {"app": "db"}}}), false),
        ] {
            assert_eq!(selects(&budget(spec.clone(), json!({})), &pod), expected, "{spec}");
        }
    }
}
