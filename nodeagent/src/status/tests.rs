//! Worlds and the status that each is reported as.

use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition};
use serde_json::{Value, json};

use super::*;
use crate::{
    memory::{ImageState, Probes, Retry},
    observed::{Container, Exit, Sandbox, State},
};

const NOW: i64 = 10_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

struct World {
    pod: Pod,
    observed: ObservedPod,
    memory: Memory,
    previous: PodStatus,
}

fn world(spec: Value) -> World {
    let mut whole = json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "u", "generation": 2},
        "spec": {"containers": [{"name": "c", "image": "image:1"}]},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole["spec"][key] = value.clone();
    }
    let pod: Pod = serde_json::from_value(whole).expect("a pod");
    let (memory, previous) = (Memory::default(), PodStatus::default());
    let running = State::Running { started: at(NOW - 60) };
    let sandbox = Sandbox { id: "s".into(), attempt: 0, state: running, ip: Some([10, 0, 0, 2].into()) };
    World { pod, observed: ObservedPod { sandboxes: vec![sandbox], containers: vec![] }, memory, previous }
}

impl World {
    fn container(mut self, attempt: u32, state: State) -> Self {
        let spec_hash = desired::spec_hash(&desired::spec(&self.pod).containers[0]);
        let (name, sandbox) = ("c".to_owned(), "s".to_owned());
        let (image, image_id) = ("image:1".to_owned(), "docker://sha256:0".to_owned());
        let id = format!("c{attempt}");
        self.observed.containers.push(Container { id, name, attempt, spec_hash, image, image_id, state, sandbox });
        self
    }

    fn with(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self);
        self
    }

    fn status(&self, wish: Wish) -> PodStatus {
        status(&Input {
            pod: &self.pod,
            wish,
            observed: &self.observed,
            memory: &self.memory,
            previous: &self.previous,
            host_ip: [127, 1, 2, 3].into(),
            scheme: "docker",
            timings: &Timings::default(),
            now: at(NOW),
        })
    }

    fn run(&self) -> PodStatus {
        self.status(Wish::Run)
    }
}

fn only(status: &PodStatus) -> &ContainerStatus {
    &status.container_statuses.as_ref().expect("statuses")[0]
}

fn condition<'a>(status: &'a PodStatus, type_: &str) -> &'a PodCondition {
    let conditions = status.conditions.as_ref().expect("conditions");
    conditions.iter().find(|condition| condition.type_ == type_).expect("the condition")
}

/// `waiting REASON`, `running`, `terminated REASON CODE`
fn state(status: &Option<k8s_openapi::api::core::v1::ContainerState>) -> String {
    let Some(state) = status else { return String::new() };
    if let Some(waiting) = &state.waiting {
        return format!("waiting {}", waiting.reason.as_deref().unwrap_or_default());
    }
    if let Some(exit) = &state.terminated {
        return format!("terminated {} {}", exit.reason.as_deref().unwrap_or_default(), exit.exit_code);
    }
    if state.running.is_some() { "running".to_owned() } else { String::new() }
}

fn running() -> State {
    State::Running { started: at(NOW - 50) }
}

fn exited(code: i32, ago: i64) -> State {
    let (started, finished) = (Some(at(NOW - ago - 10)), at(NOW - ago));
    State::Exited(Exit { started, finished, code, oom_killed: false, error: String::new() })
}

#[test]
fn before_anything_runs_the_pod_is_pending() {
    let status = world(json!({})).with(|world| world.observed.sandboxes.clear()).run();
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    assert_eq!(state(&only(&status).state), "waiting ContainerCreating");
    assert_eq!(condition(&status, "PodReadyToStartContainers").status, "False");
    assert_eq!(condition(&status, "Initialized").status, "True");
    let ready = condition(&status, "Ready");
    assert_eq!((ready.status.as_str(), ready.reason.as_deref()), ("False", Some("ContainersNotReady")));
    assert_eq!(ready.message.as_deref(), Some("containers with unready status: [c]"));
    assert_eq!((status.pod_ip, status.host_ip.as_deref()), (None, Some("127.1.2.3")));
    assert_eq!(status.observed_generation, Some(2));
}

#[test]
fn a_running_pod_is_ready_and_says_where() {
    let status = world(json!({})).container(0, running()).run();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(status.pod_ip.as_deref(), Some("10.0.0.2"));
    assert_eq!(condition(&status, "Ready").status, "True");
    let container = only(&status);
    assert_eq!((container.ready, container.started, container.restart_count), (true, Some(true), 0));
    assert_eq!(container.container_id.as_deref(), Some("docker://c0"));
    assert_eq!(container.image_id, "docker://sha256:0");
}

#[test]
fn probes_decide_readiness() {
    let probed = |started, ready| {
        let probe = json!({"tcpSocket": {"port": 80}});
        let spec =
            json!({"containers": [{"name": "c", "image": "image:1", "readinessProbe": probe, "startupProbe": probe}]});
        let probes = Probes { id: "c0".into(), started, ready, failed: None };
        let world = world(spec).container(0, running());
        let status = world.with(|world| world.memory.container("c").probes = probes).run();
        (only(&status).started, only(&status).ready)
    };
    assert_eq!(probed(false, false), (Some(false), false));
    assert_eq!(probed(true, false), (Some(true), false));
    assert_eq!(probed(true, true), (Some(true), true));
}

#[test]
fn a_crashing_container_backs_off_in_kubernetes_words() {
    let status = world(json!({})).container(1, exited(1, 100)).container(2, exited(1, 5)).run();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    let container = only(&status);
    assert_eq!(state(&container.state), "waiting CrashLoopBackOff");
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    assert_eq!(
        waiting.and_then(|waiting| waiting.message.as_deref()),
        Some("back-off 20s restarting failed container=c pod=web_default(u)")
    );
    assert_eq!(state(&container.last_state), "terminated Error 1");
    assert_eq!((container.restart_count, container.ready), (2, false));
}

#[test]
fn the_last_end_stays_visible_after_a_restart() {
    let status = world(json!({})).container(0, exited(3, 70)).container(1, running()).run();
    assert_eq!(state(&only(&status).state), "running");
    assert_eq!(state(&only(&status).last_state), "terminated Error 3");
    assert_eq!(only(&status).restart_count, 1);
}

#[test]
fn exits_have_their_reasons() {
    let reason = |change: fn(&mut Exit)| {
        let mut exit = exited(1, 1);
        if let State::Exited(exit) = &mut exit {
            change(exit);
        }
        let status = world(json!({"restartPolicy": "Never"})).container(0, exit).run();
        state(&only(&status).state)
    };
    assert_eq!(reason(|exit| exit.code = 0), "terminated Completed 0");
    assert_eq!(reason(|_| {}), "terminated Error 1");
    assert_eq!(reason(|exit| exit.oom_killed = true), "terminated OOMKilled 1");
    assert_eq!(reason(|exit| exit.started = None), "terminated StartError 1");
}

#[test]
fn pods_that_end_say_how() {
    let ended = |policy: &str, code| world(json!({"restartPolicy": policy})).container(0, exited(code, 1)).run();
    let succeeded = ended("OnFailure", 0);
    assert_eq!(succeeded.phase.as_deref(), Some("Succeeded"));
    assert_eq!(condition(&succeeded, "Ready").reason.as_deref(), Some("PodCompleted"));
    assert_eq!(condition(&succeeded, "Initialized").reason.as_deref(), Some("PodCompleted"));
    let failed = ended("Never", 1);
    assert_eq!(failed.phase.as_deref(), Some("Failed"));
    assert_eq!(condition(&failed, "ContainersReady").reason.as_deref(), Some("PodFailed"));
    // What ended stays so, even when its containers are gone.
    let mut later = world(json!({"restartPolicy": "Never"}));
    later.previous = failed;
    later.observed = ObservedPod::default();
    let later = later.status(Wish::Halt { grace: 30 });
    assert_eq!(later.phase.as_deref(), Some("Failed"));
    assert_eq!(state(&only(&later).state), "terminated Error 1");
    assert_eq!(later.pod_ip.as_deref(), Some("10.0.0.2"));
}

#[test]
fn what_hinders_a_container_is_its_waiting_reason() {
    let retry = Retry {
        at: at(NOW + 5),
        delay: jiff::SignedDuration::from_secs(5),
        reason: "ErrImagePull".into(),
        message: "no such host".into(),
    };
    let hindered = world(json!({})).with(|world| world.memory.container("c").image = ImageState::Failed(retry.clone()));
    assert_eq!(state(&only(&hindered.run()).state), "waiting ErrImagePull");
    let config = Retry { reason: "CreateContainerConfigError".into(), ..retry };
    let after_exit = world(json!({})).container(0, exited(1, 1));
    let status = after_exit.with(|world| world.memory.container("c").trouble = Some(config)).run();
    assert_eq!(state(&only(&status).state), "waiting CreateContainerConfigError");
    assert_eq!(state(&only(&status).last_state), "terminated Error 1");
}

#[test]
fn times_of_transition_change_only_with_the_status() {
    let mut world = world(json!({})).container(0, running());
    world.previous = world.run();
    let since = |second: i64| Some(Time(at(second)));
    for condition in world.previous.conditions.iter_mut().flatten() {
        condition.last_transition_time = since(NOW - 500);
    }
    let mut same = world.run();
    assert_eq!(condition(&same, "Ready").last_transition_time, since(NOW - 500));
    assert_eq!(same, world.previous);
    world.observed.containers.clear();
    same = world.run();
    assert_eq!(condition(&same, "Ready").last_transition_time, since(NOW));
    assert_eq!(condition(&same, "Initialized").last_transition_time, since(NOW - 500));
}

#[test]
fn gates_and_foreign_conditions_are_respected() {
    let spec = json!({"readinessGates": [{"conditionType": "example.com/gate"}]});
    let mut world = world(spec).container(0, running());
    let closed = world.run();
    assert_eq!(condition(&closed, "Ready").reason.as_deref(), Some("ReadinessGatesNotReady"));
    assert_eq!(condition(&closed, "ContainersReady").status, "True");
    let open = |type_: &str| PodCondition { type_: type_.into(), status: "True".into(), ..PodCondition::default() };
    world.previous.conditions = Some(vec![open("example.com/gate"), open("PodScheduled")]);
    let opened = world.run();
    assert_eq!(condition(&opened, "Ready").status, "True");
    assert_eq!(condition(&opened, "example.com/gate"), &open("example.com/gate"));
}

#[test]
fn a_forgetful_runtime_is_told_what_was_reported() {
    let mut world = world(json!({})).container(0, exited(3, 70)).container(1, running());
    world.pod.status = Some(world.run());
    let recalled = recall(&world.pod);
    let container = recalled.container("c").expect("the container");
    assert_eq!((container.id.as_str(), container.attempt, &container.state), ("c1", 1, &running()));
    assert_eq!(recalled.sandbox().and_then(|sandbox| sandbox.ip), Some([10, 0, 0, 2].into()));
    assert!(recall(&Pod::default()).is_empty());
}
