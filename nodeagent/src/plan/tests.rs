//! Worlds and the step that each asks for.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::{
    config::Timings,
    desired::roster,
    memory::{Failing, ImageState, Instance, Stage, Stopping},
    observed::{Container, Exit, Sandbox, State},
};

pub const NOW: i64 = 10_000;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

/// One container `c` unless the spec says otherwise.
pub fn pod(spec: Value) -> Pod {
    let mut whole = json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "u"},
        "spec": {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
            "containers": [{"name": "c", "image": "image:1"}]},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole["spec"][key] = value.clone();
    }
    serde_json::from_value(whole).expect("a pod")
}

pub struct World {
    pub pod: Pod,
    pub wish: Wish,
    pub observed: ObservedPod,
    pub memory: Memory,
}

/// A pod whose volumes are ready and that has nothing yet.
pub fn world(spec: Value) -> World {
    let memory = Memory { volumes_ready: true, ..Memory::default() };
    World { pod: pod(spec), wish: Wish::Run, observed: ObservedPod::default(), memory }
}

pub fn running() -> State {
    State::Running { started: at(NOW - 100) }
}

/// One that ran for ten seconds and ended `ago` seconds ago.
pub fn exited(code: i32, ago: i64) -> State {
    let (started, finished) = (Some(at(NOW - ago - 10)), at(NOW - ago));
    State::Exited(Exit { started, finished, code, oom_killed: false, error: String::new() })
}

impl World {
    pub fn sandbox(mut self, id: &str, state: State) -> Self {
        let attempt = self.observed.sandboxes.len() as u32;
        self.observed.sandboxes.push(Sandbox { id: id.into(), attempt, state, ip: None });
        self
    }

    pub fn container(mut self, name: &str, attempt: u32, state: State) -> Self {
        let wanted = roster::member(&self.pod, name).map(|wanted| desired::spec_hash(&wanted));
        self.observed.containers.push(Container {
            id: format!("{name}{attempt}"),
            name: name.into(),
            attempt,
            spec_hash: wanted.unwrap_or_default(),
            image: String::new(),
            image_id: String::new(),
            state,
            sandbox: "s".into(),
        });
        self
    }

    pub fn image(mut self, name: &str, attempt: u32) -> Self {
        self.memory.container(name).image = ImageState::Present { attempt };
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self);
        self
    }

    fn step(&self) -> Step {
        plan(&Input {
            pod: Some(&self.pod),
            wish: self.wish,
            observed: &self.observed,
            memory: &self.memory,
            timings: &Timings::default(),
            now: at(NOW),
        })
    }

    #[track_caller]
    pub fn expect(self, step: Step) {
        assert_eq!(self.step(), step);
    }
}

pub fn retry(at_second: i64) -> Option<Retry> {
    let delay = SignedDuration::from_secs(1);
    Some(Retry { at: at(at_second), delay, reason: String::new(), message: String::new() })
}

pub fn create(container: &str, attempt: u32) -> Step {
    Step::CreateContainer { container: container.into(), attempt, sandbox: "s".into() }
}

pub fn wait_until(second: i64) -> Step {
    Step::Wait { until: Some(at(second)) }
}

pub const WAIT: Step = Step::Wait { until: None };

pub fn stop(ids: &[&str], grace: i64, why: Why) -> Step {
    Step::Stop { ids: ids.iter().map(|id| (*id).to_owned()).collect(), grace, why }
}

pub fn remove_ids(ids: &[&str]) -> Step {
    Step::Remove { ids: ids.iter().map(|id| (*id).to_owned()).collect() }
}

#[test]
fn from_nothing_to_running_is_one_step_at_a_time() {
    world(json!({})).with(|world| world.memory.volumes_ready = false).expect(Step::PrepareVolumes);
    world(json!({})).expect(Step::CreateSandbox { attempt: 0 });
    world(json!({})).sandbox("s", State::Created).expect(Step::StartSandbox { id: "s".into() });
    let with_sandbox = || world(json!({})).sandbox("s", running());
    with_sandbox().expect(Step::EnsureImage { container: "c".into(), attempt: 0 });
    with_sandbox().image("c", 0).expect(create("c", 0));
    with_sandbox()
        .container("c", 0, State::Created)
        .expect(Step::StartContainer { container: "c".into(), id: "c0".into() });
    with_sandbox().container("c", 0, running()).expect(WAIT);
}

#[test]
fn what_runs_is_left_alone_by_an_agent_that_just_started() {
    let adopted = || world(json!({})).with(|world| world.memory.volumes_ready = false).sandbox("s", running());
    adopted().container("c", 0, running()).expect(WAIT);
    adopted().container("c", 0, exited(1, 1)).expect(Step::PrepareVolumes);
}

#[test]
fn what_failed_is_tried_again_in_its_time() {
    let volumes = |second| {
        world(json!({})).with(|world| {
            world.memory.volumes_ready = false;
            world.memory.volumes = retry(second);
        })
    };
    volumes(NOW + 1).expect(wait_until(NOW + 1));
    volumes(NOW).expect(Step::PrepareVolumes);
    world(json!({})).with(|world| world.memory.sandbox = retry(NOW + 3)).expect(wait_until(NOW + 3));
    let trouble = |second| {
        let world = world(json!({})).sandbox("s", running()).image("c", 0);
        world.with(|world| world.memory.container("c").trouble = retry(second))
    };
    trouble(NOW + 5).expect(wait_until(NOW + 5));
    trouble(NOW).expect(create("c", 0));
    let pull = |second| {
        let failed = ImageState::Failed(retry(second).expect("a retry"));
        world(json!({})).sandbox("s", running()).with(|world| world.memory.container("c").image = failed)
    };
    pull(NOW + 7).expect(wait_until(NOW + 7));
    pull(NOW).expect(Step::EnsureImage { container: "c".into(), attempt: 0 });
}

#[test]
fn one_container_that_waits_holds_up_no_other() {
    world(json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}))
        .sandbox("s", running())
        .with(|world| world.memory.container("a").trouble = retry(NOW + 5))
        .expect(Step::EnsureImage { container: "b".into(), attempt: 0 });
}

#[test]
fn restart_policy_decides_what_follows_an_exit() {
    for (policy, code, restarts) in [
        ("Always", 0, true),
        ("Always", 1, true),
        ("OnFailure", 0, false),
        ("OnFailure", 1, true),
        ("Never", 0, false),
        ("Never", 1, false),
    ] {
        let world = world(json!({"restartPolicy": policy}));
        let world = world.sandbox("s", running()).container("c", 0, exited(code, 1)).image("c", 1);
        // With nothing left to run, the sandbox is of no use.
        world.expect(if restarts { create("c", 1) } else { remove_ids(&["s"]) });
    }
}

#[test]
fn crashes_rest_before_the_next_attempt() {
    let crashed = |attempt, ago| {
        world(json!({})).sandbox("s", running()).container("c", attempt, exited(1, ago)).image("c", attempt + 1)
    };
    crashed(0, 0).expect(create("c", 1));
    crashed(1, 4).expect(wait_until(NOW + 6));
    crashed(1, 10).expect(create("c", 2));
    crashed(3, 10).expect(wait_until(NOW + 30));
    crashed(9, 10).expect(wait_until(NOW + 290));
    crashed(1, 4)
        .with(|world| world.memory.container("c").next_delay = Some(SignedDuration::from_secs(40)))
        .expect(wait_until(NOW + 36));
}

#[test]
fn every_attempt_looks_for_its_image_again() {
    world(json!({}))
        .sandbox("s", running())
        .container("c", 0, exited(1, 1))
        .image("c", 0)
        .expect(Step::EnsureImage { container: "c".into(), attempt: 1 });
}

#[test]
fn the_last_dead_instance_stays_and_older_ones_go() {
    let two = world(json!({})).sandbox("s", running()).container("c", 1, exited(1, 99)).container("c", 2, running());
    two.expect(WAIT);
    world(json!({}))
        .sandbox("s", running())
        .container("c", 0, exited(1, 200))
        .container("c", 1, exited(1, 99))
        .container("c", 2, running())
        .expect(remove_ids(&["c0"]));
}

#[test]
fn a_new_image_replaces_the_container() {
    let changed = |state| {
        let world = world(json!({})).sandbox("s", running()).container("c", 0, state).image("c", 1);
        world.with(|world| world.observed.containers[0].spec_hash = "another".into())
    };
    changed(running()).expect(stop(&["c0"], 30, Why::Changed));
    changed(exited(0, 0)).expect(create("c", 1));
    changed(State::Created).expect(remove_ids(&["c0"]));
}

#[test]
fn what_fails_stops_its_own_instance_only() {
    let failing = |id: &str, failed| {
        let instance = Instance { id: id.into(), failed: Some(failed), ..Instance::default() };
        let probe = json!({"tcpSocket": {"port": 1}, "terminationGracePeriodSeconds": 7});
        let spec = json!({"containers": [{"name": "c", "image": "image:1", "livenessProbe": probe}]});
        let world = world(spec).sandbox("s", running()).container("c", 1, running());
        world.with(|world| world.memory.container("c").instance = instance)
    };
    failing("c1", Failing::Startup).expect(stop(&["c1"], 30, Why::Failing(Failing::Startup)));
    // The probe gives it a time of its own.
    failing("c1", Failing::Liveness).expect(stop(&["c1"], 7, Why::Failing(Failing::Liveness)));
    failing("c1", Failing::PostStart).expect(stop(&["c1"], 30, Why::Failing(Failing::PostStart)));
    failing("c0", Failing::Liveness).expect(WAIT);
}

#[test]
fn who_does_not_end_in_time_is_killed() {
    let ids = || vec!["c0".to_owned()];
    let stopping = |grace, stage| {
        let stopping = Stopping { since: at(NOW - 10), grace, ordered: true, stage };
        let world = world(json!({})).sandbox("s", running()).container("c", 0, running());
        world.with(|world| {
            world.wish = Wish::Remove { grace: 30, finalize: true };
            world.memory.stopping.insert("c0".into(), stopping);
        })
    };
    let signalled = |ago| Stage::Signalled(at(NOW - ago));
    stopping(30, signalled(10)).expect(wait_until(NOW + 20));
    stopping(10, signalled(10)).expect(Step::Kill { ids: ids() });
    stopping(10, Stage::Killed).expect(WAIT);
    // Somebody lost patience and asked again.
    stopping(30, signalled(10))
        .with(|world| world.wish = Wish::Remove { grace: 1, finalize: true })
        .expect(Step::Kill { ids: ids() });
    stopping(30, Stage::Turn).expect(Step::Signal { ids: ids() });
    stopping(30, Stage::PreStop).expect(wait_until(NOW + 20));
    // A hook that takes all the time leaves two seconds for the signal.
    stopping(10, Stage::PreStop).expect(Step::Signal { ids: ids() });
    stopping(10, signalled(1)).expect(wait_until(NOW + 1));
    stopping(10, signalled(2)).expect(Step::Kill { ids: ids() });
}

#[test]
fn a_deleted_pod_ends_in_order() {
    let deleted = |finalize| {
        let world = world(json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}));
        world.with(|world| world.wish = Wish::Remove { grace: 5, finalize })
    };
    deleted(true).sandbox("s", running()).container("a", 0, running()).container("b", 0, running()).expect(stop(
        &["a0", "b0"],
        5,
        Why::PodEnds,
    ));
    let ended = || deleted(true).sandbox("s", running()).container("a", 0, exited(0, 1));
    ended().expect(Step::ReportEnd);
    ended().with(|world| world.memory.end_reported = true).expect(remove_ids(&["a0", "s"]));
    let empty = |finalize, released, finalized| {
        deleted(finalize).with(|world| {
            world.memory.end_reported = true;
            world.memory.released = released;
            world.memory.finalized = finalized;
        })
    };
    empty(true, false, false).expect(Step::Release);
    empty(true, true, false).expect(Step::Finalize);
    // Its finalizers keep it in the API.
    empty(true, true, true).expect(WAIT);
    empty(false, true, false).expect(Step::Done);
}

#[test]
fn a_pod_that_the_server_forgot_ends_without_being_reported() {
    let orphan = world(json!({})).sandbox("s", running()).container("c", 0, exited(0, 1));
    orphan.with(|world| world.wish = Wish::Remove { grace: 5, finalize: false }).expect(remove_ids(&["c0", "s"]));
}

#[test]
fn containers_do_not_outlive_their_sandbox() {
    let lost = || world(json!({})).sandbox("s", exited(0, 1));
    lost().container("c", 0, running()).expect(stop(&["c0"], 30, Why::SandboxChanged));
    lost().container("c", 0, exited(137, 1)).expect(remove_ids(&["s"]));
    world(json!({})).container("c", 0, exited(137, 1)).expect(Step::CreateSandbox { attempt: 0 });
    // One made for the old sandbox can't join the new one.
    let mut world = world(json!({})).sandbox("new", running()).container("c", 0, State::Created);
    world.observed.containers[0].sandbox = "old".into();
    world.expect(remove_ids(&["c0"]));
}

#[test]
fn a_pod_that_completed_needs_no_new_sandbox() {
    world(json!({"restartPolicy": "Never"})).container("c", 0, exited(0, 1)).expect(WAIT);
}

#[test]
fn a_pod_that_failed_as_a_whole_is_stopped_and_its_dead_stay() {
    let halted = || world(json!({})).with(|world| world.wish = Wish::Halt { grace: 30 });
    halted().sandbox("s", running()).container("c", 0, running()).expect(stop(&["c0"], 30, Why::PodEnds));
    halted().sandbox("s", running()).container("c", 0, exited(1, 1)).expect(remove_ids(&["s"]));
    halted().container("c", 0, exited(1, 1)).expect(WAIT);
}

#[test]
fn what_is_wished_follows_the_api() {
    let wished = |extra: Value| {
        let mut whole = json!({"metadata": {"name": "web"}, "spec": {"containers": []}});
        whole["metadata"]["deletionTimestamp"] = extra["deleted"].clone();
        whole["metadata"]["deletionGracePeriodSeconds"] = extra["grace"].clone();
        whole["status"] = json!({"phase": extra["phase"]});
        let pod: Pod = serde_json::from_value(whole).expect("a pod");
        wish(&pod, &Memory::default())
    };
    assert_eq!(wished(json!({})), Wish::Run);
    assert_eq!(wished(json!({"phase": "Succeeded"})), Wish::Halt { grace: 30 });
    assert_eq!(
        wished(json!({"deleted": "2026-01-01T00:00:00Z", "grace": 5, "phase": "Failed"})),
        Wish::Remove { grace: 5, finalize: true }
    );
}

#[test]
fn restarts_that_only_the_api_remembers_are_counted_on() {
    world(json!({}))
        .sandbox("s", running())
        .image("c", 4)
        .with(|world| world.memory.container("c").restarts_before = Some(4))
        .expect(create("c", 4));
}
