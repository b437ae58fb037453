//! A pod's conditions, in the kubelet's words.

use k8s_openapi::{
    api::core::v1::{ContainerStatus, PodCondition},
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{Input, whole_second};
use crate::desired;

/// The types that the agent writes; any other belongs to somebody else.
pub const OWN: [&str; 5] = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// A condition's status, reason and message.
type Verdict = (bool, Option<&'static str>, Option<String>);

/// Own conditions first, then everybody else's as they were.
pub fn conditions(input: &Input<'_>, phase: &str, containers: &[ContainerStatus]) -> Vec<PodCondition> {
    let containers_ready = containers_ready(phase, containers);
    let verdicts = [
        (OWN[0], (input.observed.sandbox().is_some(), None, None)),
        (OWN[1], (true, (phase == "Succeeded").then_some("PodCompleted"), None)),
        (OWN[2], ready(input, &containers_ready)),
        (OWN[3], containers_ready),
    ];
    let mut conditions: Vec<_> =
        verdicts.into_iter().map(|(type_, verdict)| condition(input, type_, verdict)).collect();
    let others = input.previous.conditions.iter().flatten();
    conditions.extend(others.filter(|other| !OWN[..4].contains(&other.type_.as_str())).cloned());
    if !conditions.iter().any(|condition| condition.type_ == OWN[4]) {
        // It was bound without a scheduler.
        conditions.push(condition(input, OWN[4], (true, None, None)));
    }
    conditions
}

fn condition(input: &Input<'_>, type_: &str, (status, reason, message): Verdict) -> PodCondition {
    let status = if status { "True" } else { "False" };
    let previous = input.previous.conditions.iter().flatten().find(|condition| condition.type_ == type_);
    let unchanged = previous.filter(|previous| previous.status == status);
    let since = unchanged.and_then(|previous| previous.last_transition_time.clone());
    PodCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        message,
        last_transition_time: Some(since.unwrap_or_else(|| Time(whole_second(input.now)))),
        last_probe_time: None,
        observed_generation: input.pod.metadata.generation,
    }
}

fn containers_ready(phase: &str, containers: &[ContainerStatus]) -> Verdict {
    match phase {
        "Failed" => return (false, Some("PodFailed"), None),
        "Succeeded" => return (false, Some("PodCompleted"), None),
        _ => {}
    }
    let unready: Vec<_> = containers.iter().filter(|status| !status.ready).map(|status| status.name.as_str()).collect();
    if unready.is_empty() {
        return (true, None, None);
    }
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    (false, Some("ContainersNotReady"), Some(message))
}

/// All containers, and all gates that the spec names.
fn ready(input: &Input<'_>, containers: &Verdict) -> Verdict {
    if !containers.0 {
        return containers.clone();
    }
    let gates = desired::spec(input.pod).readiness_gates.iter().flatten().map(|gate| gate.condition_type.as_str());
    let closed: Vec<_> = gates
        .filter_map(|gate| {
            let found = input.previous.conditions.iter().flatten().find(|condition| condition.type_ == gate);
            match found {
                None => Some(format!("corresponding condition of pod readiness gate {gate:?} does not exist.")),
                Some(found) if found.status != "True" => {
                    Some(format!("the status of pod readiness gate {gate:?} is not \"True\", but {}", found.status))
                }
                Some(_) => None,
            }
        })
        .collect();
    if closed.is_empty() {
        return (true, None, None);
    }
    (false, Some("ReadinessGatesNotReady"), Some(closed.join(", ")))
}
