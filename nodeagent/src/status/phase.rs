//! A pod's phase, from its containers' states, as the Kubernetes pod lifecycle defines it.

use k8s_openapi::api::core::v1::ContainerStatus;

use super::Input;
use crate::{desired, memory::Failure};

/// The phase, and why it failed as a whole, if it did. What ended stays so.
pub fn phase(input: &Input<'_>, containers: &[ContainerStatus]) -> (&'static str, Option<Failure>) {
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
    let policy = desired::spec(input.pod).restart_policy.as_deref().unwrap_or("Always");
    (of_containers(policy, containers), None)
}

fn of_containers(policy: &str, containers: &[ContainerStatus]) -> &'static str {
    let (mut never_ran, mut running, mut ended, mut succeeded) = (0, 0, 0, 0);
    for container in containers {
        let state = container.state.as_ref();
        let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        match (state.and_then(|state| state.running.as_ref()), state.and_then(|state| state.terminated.as_ref())) {
            (Some(_), _) => running += 1,
            (None, Some(exit)) => {
                ended += 1;
                succeeded += i32::from(exit.exit_code == 0);
            }
            (None, None) if last.is_some() => ended += 1,
            (None, None) => never_ran += 1,
        }
    }
    match policy {
        _ if never_ran > 0 => "Pending",
        _ if running > 0 => "Running",
        _ if ended == 0 => "Pending",
        "Always" => "Running",
        _ if ended == succeeded => "Succeeded",
        "Never" => "Failed",
        _ => "Running",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            let statuses: Vec<ContainerStatus> = states
                .into_iter()
                .map(|state| {
                    let mut state = state.clone();
                    for (key, value) in [("name", json!("c")), ("image", json!("")), ("imageID", json!(""))] {
                        state[key] = value;
                    }
                    state["ready"] = json!(false);
                    state["restartCount"] = json!(0);
                    serde_json::from_value(state).expect("a status")
                })
                .collect();
            assert_eq!(of_containers(policy, &statuses), expected, "{policy} {statuses:?}");
        }
    }
}
