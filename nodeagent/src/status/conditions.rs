//! A pod's conditions, in the kubelet's words.

use k8s_openapi::{
    api::core::v1::{ContainerState, ContainerStatus, PodCondition, PodStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{Input, whole_second};
use crate::desired::{
    self,
    roster::{self, Member, Sort},
};
use crate::plan::{Resize, resize};

/// The types that the agent writes; any other belongs to somebody else.
pub const OWN: [&str; 7] =
    ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled", RESIZE[0], RESIZE[1]];
/// Those that are there only while they are true.
pub const RESIZE: [&str; 2] = ["PodResizePending", "PodResizeInProgress"];

/// Said of a pod that its node takes away.
const DISRUPTION: &str = "DisruptionTarget";

/// A condition's status, reason and message.
type Verdict = (bool, Option<&'static str>, Option<String>);

/// Own conditions first, then everybody else's as they were.
pub fn conditions(input: &Input<'_>, phase: &str, statuses: &PodStatus) -> Vec<PodCondition> {
    let containers_ready = containers_ready(input, phase, statuses);
    let verdicts = [
        (OWN[0], (input.observed.sandbox().is_some(), None, None)),
        (OWN[1], initialized(input, phase, statuses)),
        (OWN[2], ready(input, &containers_ready)),
        (OWN[3], containers_ready),
    ];
    let mut conditions: Vec<_> =
        verdicts.into_iter().map(|(type_, verdict)| condition(input, type_, verdict)).collect();
    conditions.extend(resizing(input));
    let others = input.previous.conditions.iter().flatten();
    let kept = |type_: &str| !OWN[..4].contains(&type_) && !RESIZE.contains(&type_);
    conditions.extend(others.filter(|other| kept(&other.type_)).cloned());
    if !conditions.iter().any(|condition| condition.type_ == OWN[4]) {
        // It was bound without a scheduler.
        conditions.push(condition(input, OWN[4], (true, None, None)));
    }
    if let Some(why) = &input.memory.disrupted
        && !conditions.iter().any(|condition| condition.type_ == DISRUPTION)
    {
        conditions.push(condition(input, DISRUPTION, (true, Some("TerminationByKubelet"), Some(why.clone()))));
    }
    conditions
}

/// What became of a wish for other resources that is not fulfilled.
fn resizing(input: &Input<'_>) -> Option<PodCondition> {
    let instance = |member: &Member<'_>| input.memory.containers.get(&member.name).map(|memory| &memory.instance);
    let waits = |member: &Member<'_>| {
        let has = instance(member).and_then(|instance| instance.resources.as_ref());
        matches!(member.sort, Sort::Main | Sort::Sidecar) && resize(member, has) != Resize::No
    };
    let member = roster::all(input.pod).find(waits)?;
    if let Some(message) = &input.memory.infeasible {
        return Some(condition(input, RESIZE[0], (true, Some("Infeasible"), Some(message.clone()))));
    }
    let failed = input.memory.containers.get(&member.name).and_then(|memory| memory.resize.as_ref());
    let (reason, message) = (failed.map(|_| "Error"), failed.map(|retry| retry.message.clone()));
    Some(condition(input, RESIZE[1], (true, reason, message)))
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

/// Once a main container has run it stays so, whatever becomes of a sidecar.
fn initialized(input: &Input<'_>, phase: &str, statuses: &PodStatus) -> Verdict {
    if phase == "Succeeded" {
        return (true, Some("PodCompleted"), None);
    }
    if Sort::Main.statuses(statuses).iter().any(has_run) {
        return (true, None, None);
    }
    let incomplete = |member: &Member<'_>| {
        let status = member.sort.statuses(statuses).iter().find(|status| status.name == member.name);
        status.is_none_or(
            |status| if member.sort == Sort::Sidecar { status.started != Some(true) } else { !status.ready },
        )
    };
    match named(roster::init(input.pod).filter(incomplete)) {
        None => (true, None, None),
        Some(names) => {
            (false, Some("ContainersNotInitialized"), Some(format!("containers with incomplete status: {names}")))
        }
    }
}

/// Whether a container runs or has ever run.
pub fn has_run(status: &ContainerStatus) -> bool {
    let ran = |state: &Option<ContainerState>| {
        state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some())
    };
    ran(&status.state) || ran(&status.last_state)
}

fn containers_ready(input: &Input<'_>, phase: &str, statuses: &PodStatus) -> Verdict {
    match phase {
        "Failed" => return (false, Some("PodFailed"), None),
        "Succeeded" => return (false, Some("PodCompleted"), None),
        _ => {}
    }
    let sidecars = roster::init(input.pod).filter(|member| member.sort == Sort::Sidecar);
    let unready = |member: &Member<'_>| {
        let status = member.sort.statuses(statuses).iter().find(|status| status.name == member.name);
        status.is_none_or(|status| !status.ready)
    };
    match named(sidecars.chain(roster::main(input.pod)).filter(unready)) {
        None => (true, None, None),
        Some(names) => (false, Some("ContainersNotReady"), Some(format!("containers with unready status: {names}"))),
    }
}

/// `[a b]`, unless there are none.
fn named<'a>(members: impl Iterator<Item = Member<'a>>) -> Option<String> {
    let names: Vec<_> = members.map(|member| member.name.clone()).collect();
    (!names.is_empty()).then(|| format!("[{}]", names.join(" ")))
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
