//! Docker's answers in our terms.

use std::collections::HashMap;

use bollard::{
    errors::Error as DockerError,
    models::{ContainerInspectResponse, ContainerState, ContainerStateStatusEnum},
};
use jiff::Timestamp;

use crate::{
    labels,
    observed::{Container, Exit, ObservedPod, Sandbox, State},
    runtime::RuntimeError,
};

pub fn is_missing(error: &DockerError) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code: 404, .. })
}

pub fn error(error: DockerError) -> RuntimeError {
    match error {
        DockerError::DockerResponseServerError { status_code, message } => refusal(status_code, message),
        DockerError::DockerStreamError { error } => RuntimeError::Failed(error),
        DockerError::SocketNotFoundError(path) => RuntimeError::Unavailable(format!("no Docker socket at {path}")),
        other => RuntimeError::Unavailable(other.to_string()),
    }
}

pub fn refusal(status_code: u16, message: String) -> RuntimeError {
    match status_code {
        404 => RuntimeError::NotFound(message),
        304 | 409 => RuntimeError::Conflict(message),
        _ => RuntimeError::Failed(message),
    }
}

/// Adds one inspected container to what its pod has.
pub fn add(pod: &mut ObservedPod, inspected: ContainerInspectResponse) {
    let config = inspected.config.unwrap_or_default();
    let labels = config.labels.unwrap_or_default();
    let created = inspected.created.as_deref().and_then(timestamp).unwrap_or(Timestamp::UNIX_EPOCH);
    let state = state(inspected.state.unwrap_or_default(), created);
    let id = inspected.id.unwrap_or_default();
    let attempt = attempt(&labels);
    match labels.get(labels::SANDBOX_ID) {
        None => {
            let networks = inspected.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
            let ip = networks.into_values().find_map(|endpoint| {
                let live = endpoint.ip_address.filter(|address| !address.is_empty());
                live.or(endpoint.ipam_config?.ipv4_address)?.parse().ok()
            });
            pod.sandboxes.push(Sandbox { id, attempt, state, ip });
        }
        Some(sandbox) => pod.containers.push(Container {
            id,
            name: label(&labels, labels::CONTAINER),
            attempt,
            spec_hash: label(&labels, labels::SPEC_HASH),
            image: config.image.unwrap_or_default(),
            image_id: inspected.image.map(|id| format!("docker://{id}")).unwrap_or_default(),
            state,
            sandbox: sandbox.clone(),
        }),
    }
}

fn attempt(labels: &HashMap<String, String>) -> u32 {
    labels.get(labels::ATTEMPT).and_then(|attempt| attempt.parse().ok()).unwrap_or(0)
}

pub fn label(labels: &HashMap<String, String>, key: &str) -> String {
    labels.get(key).cloned().unwrap_or_default()
}

fn state(state: ContainerState, created: Timestamp) -> State {
    let started = state.started_at.as_deref().and_then(timestamp);
    let error = state.error.unwrap_or_default();
    let exit = |started: Option<Timestamp>| {
        let finished = state.finished_at.as_deref().and_then(timestamp).unwrap_or(created);
        // Docker notes the end of a short life before its beginning.
        let finished = started.map_or(finished, |started| started.max(finished));
        State::Exited(Exit {
            started,
            finished,
            code: state.exit_code.unwrap_or(0) as i32,
            oom_killed: state.oom_killed.unwrap_or(false),
            error: error.clone(),
        })
    };
    match state.status {
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::PAUSED) => {
            State::Running { started: started.unwrap_or(created) }
        }
        Some(
            ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD | ContainerStateStatusEnum::REMOVING,
        ) => exit(started),
        // One that could not be started stays `created`, with the reason in `Error`.
        _ if !error.is_empty() => exit(None),
        _ => State::Created,
    }
}

/// Docker writes the year 1 for «never».
fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().filter(|time| *time > Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docker(status: ContainerStateStatusEnum, error: &str) -> ContainerState {
        ContainerState {
            status: Some(status),
            error: Some(error.into()),
            exit_code: Some(7),
            started_at: Some("0001-01-01T00:00:00Z".into()),
            finished_at: Some("2026-01-01T00:00:00.5Z".into()),
            ..Default::default()
        }
    }

    #[test]
    fn one_that_could_not_start_counts_as_exited_and_says_why() {
        let seen = state(docker(ContainerStateStatusEnum::CREATED, "no such file"), Timestamp::UNIX_EPOCH);
        let exit = seen.exit().expect("exited");
        assert_eq!((exit.code, exit.started, exit.error.as_str()), (7, None, "no such file"));
    }

    #[test]
    fn created_without_an_error_still_waits_for_its_start() {
        assert_eq!(state(docker(ContainerStateStatusEnum::CREATED, ""), Timestamp::UNIX_EPOCH), State::Created);
    }

    #[test]
    fn a_refusal_is_told_from_an_absence() {
        let refused = DockerError::DockerResponseServerError { status_code: 500, message: "full".into() };
        assert!(matches!(error(refused), RuntimeError::Failed(message) if message == "full"));
        assert!(matches!(error(DockerError::RequestTimeoutError), RuntimeError::Unavailable(_)));
    }
}
