//! A pod's phase, from its containers' states, as the Kubernetes pod lifecycle defines it.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};

use super::{Input, conditions::has_run};
use crate::{
    desired::roster::{self, Member, Sort},
    memory::Failure,
    observed::Exit,
    plan::restarts,
};

/// The phase, and why it failed as a whole, if it did. What ended stays so.
pub fn phase(input: &Input<'_>, statuses: &PodStatus) -> (&'static str, Option<Failure>) {
    if let Some(failure) = &input.memory.failed {
        return ("Failed", Some(failure.clone()));
    }
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let kept = input
        .previous
        .reason
        .as_ref()
        .map(|reason| Failure { reason: reason.clone(), message: said(&input.previous.message) });
    match input.previous.phase.as_deref() {
        Some("Succeeded") => return ("Succeeded", kept),
        Some("Failed") => return ("Failed", kept),
        _ => {}
    }
    (of_containers(input.pod, statuses), None)
}

/// What the statuses come to: how many main containers (and sidecars, where they count) are in which state.
#[derive(Default)]
struct Count {
    waiting: usize,
    running: usize,
    stopped: usize,
    succeeded: usize,
    /// Stopped, and will be started again.
    returning: usize,
    initializing: usize,
    init_failed: bool,
}

fn of_containers(pod: &Pod, statuses: &PodStatus) -> &'static str {
    let mut count = Count::default();
    let members: Vec<_> = roster::init(pod).chain(roster::main(pod)).collect();
    for member in &members {
        let status = member.sort.statuses(statuses).iter().find(|status| status.name == member.name);
        match (member.sort, status) {
            (Sort::Init, Some(status)) => count.add_init(pod, member, status),
            (Sort::Sidecar, Some(status)) => count.add_sidecar(member, status),
            (Sort::Main, Some(status)) => count.add_main(pod, member, status),
            (Sort::Init, None) => count.initializing += 1,
            _ => count.waiting += 1,
        }
    }
    // Sidecars that come back do not make a pod uninitialized.
    let initialized = Sort::Main.statuses(statuses).iter().any(has_run);
    match count {
        Count { init_failed: true, .. } => "Failed",
        Count { initializing, .. } if initializing > 0 && !initialized => "Pending",
        Count { waiting, .. } if waiting > 0 => "Pending",
        Count { running, .. } if running > 0 => "Running",
        Count { stopped: 0, .. } => "Pending",
        Count { returning, .. } if returning > 0 => "Running",
        Count { stopped, succeeded, .. } if stopped == succeeded => "Succeeded",
        _ => "Failed",
    }
}

/// What ended, now or before the container began to wait for its restart.
fn ended(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let now = status.state.as_ref().and_then(|state| state.terminated.as_ref());
    now.or_else(|| status.last_state.as_ref()?.terminated.as_ref())
}

fn is_running(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|state| state.running.is_some())
}

fn returns(pod: &Pod, member: &Member<'_>, ended: &ContainerStateTerminated) -> bool {
    let time = |time: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| time.as_ref().map(|time| time.0);
    let exit = Exit {
        started: time(&ended.started_at),
        finished: time(&ended.finished_at).unwrap_or_default(),
        code: ended.exit_code,
        oom_killed: false,
        error: String::new(),
    };
    restarts(pod, member, &exit)
}

impl Count {
    fn add_init(&mut self, pod: &Pod, member: &Member<'_>, status: &ContainerStatus) {
        match ended(status) {
            _ if is_running(status) => self.initializing += 1,
            Some(exit) if exit.exit_code != 0 => {
                self.initializing += 1;
                self.init_failed |= !returns(pod, member, exit);
            }
            Some(_) => {}
            None => self.initializing += 1,
        }
    }

    fn add_sidecar(&mut self, member: &Member<'_>, status: &ContainerStatus) {
        if is_running(status) {
            self.running += 1;
            let started = member.startup_probe.is_none() || status.started == Some(true);
            self.initializing += usize::from(!started);
        } else if ended(status).is_none() {
            self.initializing += 1;
            self.waiting += 1;
        }
    }

    fn add_main(&mut self, pod: &Pod, member: &Member<'_>, status: &ContainerStatus) {
        match ended(status) {
            _ if is_running(status) => self.running += 1,
            Some(exit) => {
                self.stopped += 1;
                self.succeeded += usize::from(exit.exit_code == 0);
                self.returning += usize::from(returns(pod, member, exit));
            }
            None => self.waiting += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn containers_decide_the_phase() {
        let waiting = json!({"state":{"waiting":{}}});
        let running = json!({"state":{"running":{}}});
        let ok = json!({"state":{"terminated":{"exitCode":0}}});
        let failed = json!({"state":{"terminated":{"exitCode":1}}});
        let crashing = json!({"state":{"waiting":{}},"lastState":{"terminated":{"exitCode":1}}});
        for (policy, states, expected) in [
            ("Always", vec![&waiting], "Pending"),
            ("Always", vec![&running, &waiting], "Pending"),
            ("Always", vec![&running, &crashing], "Running"),
            ("Always", vec![&crashing], "Running"),
            ("Always", vec![&ok], "Running"),
            ("OnFailure", vec![&ok], "Succeeded"),
            ("OnFailure", vec![&ok, &failed], "Running"),
            ("OnFailure", vec![&ok, &running], "Running"),
            ("Never", vec![&ok, &ok], "Succeeded"),
            ("Never", vec![&ok, &failed], "Failed"),
            ("Never", vec![&failed, &running], "Running"),
            ("Never", vec![], "Pending"),
        ] {
            let status = |(index, state): (usize, &Value)| {
                let mut state = state.clone();
                for (key, value) in [("image", json!("")), ("imageID", json!("")), ("ready", json!(false))] {
                    state[key] = value;
                }
                if let Some(exit) = state.pointer_mut("/state/terminated") {
                    exit["startedAt"] = json!("2026-01-01T00:00:00Z");
                }
                state["name"] = format!("c{index}").into();
                state["restartCount"] = json!(0);
                state
            };
            let statuses: Vec<Value> = states.iter().copied().enumerate().map(status).collect();
            let containers: Vec<Value> =
                (0..states.len().max(1)).map(|index| json!({"name": format!("c{index}")})).collect();
            let pod: Pod = serde_json::from_value(json!({"spec": {"restartPolicy": policy, "containers": containers},
                "status": {"containerStatuses": statuses}}))
            .expect("a pod");
            let status = pod.status.clone().unwrap_or_default();
            assert_eq!(of_containers(&pod, &status), expected, "{policy} {statuses:?}");
        }
    }
}
