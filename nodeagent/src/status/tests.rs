//! Worlds and the status that each is reported as.

use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition};
use serde_json::{Value, json};

use super::*;
use crate::{
    memory::{ImageState, Instance, Retry},
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
        let instance = Instance { id: "c0".into(), started, ready, ..Instance::default() };
        let world = world(spec).container(0, running());
        let status = world.with(|world| world.memory.container("c").instance = instance).run();
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

/// `name state`, one a container, of a list of statuses.
fn states(list: &Option<Vec<ContainerStatus>>) -> Vec<String> {
    list.iter().flatten().map(|status| format!("{} {}", status.name, state(&status.state))).collect()
}

#[test]
fn init_containers_hold_the_pod_pending_until_all_are_done() {
    let spec = json!({"initContainers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i", "restartPolicy": "Always"}]});
    let with = |world: World, name: &str, state: State| {
        world.container(0, state).with(|world| {
            if let Some(last) = world.observed.containers.last_mut() {
                (last.name, last.id) = (name.into(), format!("{name}0"));
            }
        })
    };
    let first = with(world(spec.clone()), "a", running()).run();
    assert_eq!(first.phase.as_deref(), Some("Pending"));
    assert_eq!(states(&first.init_container_statuses), ["a running", "b waiting PodInitializing"]);
    assert_eq!(states(&first.container_statuses), ["c waiting PodInitializing"]);
    let initialized = condition(&first, "Initialized");
    assert_eq!(
        (initialized.status.as_str(), initialized.reason.as_deref()),
        ("False", Some("ContainersNotInitialized"))
    );
    assert_eq!(initialized.message.as_deref(), Some("containers with incomplete status: [a b]"));
    assert_eq!(condition(&first, "Ready").message.as_deref(), Some("containers with unready status: [b c]"));

    let second = || with(with(world(spec.clone()), "a", exited(0, 9)), "b", running());
    let status = second().run();
    assert_eq!(states(&status.init_container_statuses), ["a terminated Completed 0", "b running"]);
    let ready: Vec<_> = status.init_container_statuses.iter().flatten().map(|one| (one.ready, one.started)).collect();
    assert_eq!(ready, [(true, Some(false)), (true, Some(true))]);
    assert_eq!(condition(&status, "Initialized").status, "True");
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    let whole = with(second(), "c", running()).run();
    assert_eq!((whole.phase.as_deref(), condition(&whole, "Ready").status.as_str()), (Some("Running"), "True"));
    // A sidecar that comes back leaves the pod initialized, and unready.
    let crashed = with(with(with(world(spec), "a", exited(0, 9)), "b", exited(1, 0)), "c", running()).run();
    assert_eq!(
        (crashed.phase.as_deref(), condition(&crashed, "Initialized").status.as_str()),
        (Some("Running"), "True")
    );
    assert_eq!(condition(&crashed, "Ready").message.as_deref(), Some("containers with unready status: [b]"));
}

#[test]
fn a_failed_init_container_fails_a_pod_that_never_restarts() {
    let failed = |policy: &str| {
        let spec = json!({"restartPolicy": policy, "initContainers": [{"name": "a", "image": "i"}]});
        let world = world(spec).container(1, exited(1, 1));
        let hash = desired::spec_hash(&desired::spec(&world.pod).init_containers.as_ref().expect("one")[0]);
        let container = |world: &mut World| {
            (world.observed.containers[0].name, world.observed.containers[0].spec_hash) = ("a".into(), hash);
        };
        world.with(container).run()
    };
    let never = failed("Never");
    assert_eq!(never.phase.as_deref(), Some("Failed"));
    assert_eq!(states(&never.init_container_statuses), ["a terminated Error 1"]);
    let always = failed("Always");
    assert_eq!(always.phase.as_deref(), Some("Pending"));
    assert_eq!(states(&always.init_container_statuses), ["a waiting CrashLoopBackOff"]);
}

#[test]
fn a_pod_has_completed_when_its_sidecars_have_ended_too() {
    let spec = json!({"restartPolicy": "Never", "initContainers": [{"name": "side", "image": "i", "restartPolicy": "Always"}]});
    let with = |side: State| {
        let world = world(spec.clone()).container(0, exited(0, 1)).container(1, side);
        world.with(|world| world.observed.containers[1].name = "side".into()).run()
    };
    assert_eq!(with(running()).phase.as_deref(), Some("Running"));
    let over = with(exited(137, 0));
    assert_eq!(over.phase.as_deref(), Some("Succeeded"));
    assert_eq!(states(&over.init_container_statuses), ["side terminated Error 137"]);
}

#[test]
fn one_whose_hook_is_not_done_does_not_run_yet() {
    use crate::memory::PostStart;
    let hooked = |post_start| {
        let spec = json!({"containers": [{"name": "c", "image": "image:1", "lifecycle": {"postStart": {"sleep": {"seconds": 1}}}}]});
        let instance = crate::memory::Instance { id: "c0".into(), post_start, ..Default::default() };
        world(spec).container(0, running()).with(|world| world.memory.container("c").instance = instance).run()
    };
    let during = hooked(PostStart::Running);
    assert_eq!(state(&only(&during).state), "waiting ContainerCreating");
    assert_eq!((only(&during).started, during.phase.as_deref()), (Some(false), Some("Pending")));
    assert_eq!(state(&only(&hooked(PostStart::Done)).state), "running");
}

#[test]
fn a_debugger_is_never_ready_and_counts_for_nothing() {
    let spec = json!({"ephemeralContainers": [{"name": "debug", "image": "i"}]});
    let world = world(spec).container(0, running());
    let status = world.run();
    assert_eq!(states(&status.ephemeral_container_statuses), ["debug waiting ContainerCreating"]);
    assert_eq!((status.phase.as_deref(), condition(&status, "Ready").status.as_str()), (Some("Running"), "True"));
    let debug = &status.ephemeral_container_statuses.as_ref().expect("statuses")[0];
    assert_eq!((debug.ready, debug.started), (false, None));
}
