//! Init containers, sidecars, hooks and debuggers: worlds and the step that each asks for.

use serde_json::json;

use super::tests::*;
use crate::{
    memory::{Instance, PostStart, Stage, Stopping},
    observed::State,
    plan::{Step, Why, Wish},
};

const START: State = State::Created;

/// `a` runs to its end, `s` runs beside, `b` runs to its end, then comes `c`.
fn initialized_by_three() -> World {
    world(json!({"initContainers": [
        {"name": "a", "image": "x"},
        {"name": "side", "image": "x", "restartPolicy": "Always", "startupProbe": {"tcpSocket": {"port": 1}}},
        {"name": "b", "image": "x"},
    ]}))
    .sandbox("s", running())
}

fn ensure(container: &str, attempt: u32) -> Step {
    Step::EnsureImage { container: container.into(), attempt }
}

fn started(world: World, name: &str, id: &str) -> World {
    let instance = Instance { id: id.into(), started: true, post_start: PostStart::Done, ..Instance::default() };
    world.with(|world| world.memory.container(name).instance = instance)
}

#[test]
fn init_containers_run_one_after_the_other_before_the_rest() {
    let one = || initialized_by_three();
    one().expect(ensure("a", 0));
    one().container("a", 0, running()).expect(WAIT);
    let two = || one().container("a", 0, exited(0, 9));
    two().expect(ensure("side", 0));
    // Its startup probe lets the next start.
    let probed = || two().container("side", 0, running());
    probed().expect(WAIT);
    let three = || started(probed(), "side", "side0");
    three().expect(ensure("b", 0));
    three().container("b", 0, running()).expect(WAIT);
    three().container("b", 0, exited(0, 1)).expect(ensure("c", 0));
    let all = || three().container("b", 0, exited(0, 1)).container("c", 0, running());
    all().expect(WAIT);
}

#[test]
fn an_init_container_that_fails_is_tried_again_or_ends_the_pod() {
    let failed = |policy: &str| {
        let spec = json!({"restartPolicy": policy, "initContainers": [{"name": "a", "image": "x"}]});
        world(spec).sandbox("s", running())
    };
    for policy in ["Always", "OnFailure"] {
        failed(policy).container("a", 0, exited(1, 1)).expect(ensure("a", 1));
        failed(policy).container("a", 1, exited(1, 1)).expect(wait_until(NOW + 9));
    }
    failed("Never").container("a", 0, exited(1, 1)).expect(remove_ids(&["s"]));
    // It ended well: neither policy runs it again.
    failed("Always").container("a", 0, exited(0, 1)).container("c", 0, running()).expect(WAIT);
}

#[test]
fn sidecars_come_back_whatever_the_policy_is() {
    let spec = json!({"restartPolicy": "Never",
        "initContainers": [{"name": "side", "image": "x", "restartPolicy": "Always"}, {"name": "a", "image": "x"}]});
    let world = || world(spec.clone()).sandbox("s", running()).container("side", 0, exited(0, 1));
    world().container("a", 0, running()).expect(ensure("side", 1));
    world().container("a", 0, exited(0, 5)).container("c", 0, running()).expect(ensure("side", 1));
}

#[test]
fn an_agent_that_just_started_reruns_no_init_container() {
    let adopted = || initialized_by_three().with(|world| world.memory.volumes_ready = false);
    // One was lost to somebody's cleaning: the pod is initialized all the same.
    adopted().container("side", 0, running()).container("c", 0, running()).expect(WAIT);
    adopted().container("a", 0, exited(0, 9)).container("side", 0, running()).expect(WAIT);
}

#[test]
fn a_new_sandbox_is_initialized_anew() {
    let old = |world: World| {
        world.with(|world| world.observed.containers.iter_mut().for_each(|container| container.sandbox = "old".into()))
    };
    let spec = || json!({"initContainers": [{"name": "a", "image": "x"}]});
    let lost = || old(world(spec()).container("a", 0, exited(0, 99)).container("c", 0, exited(137, 50)));
    lost().expect(Step::CreateSandbox { attempt: 0 });
    lost().sandbox("s", running()).expect(ensure("a", 1));
    let again = || lost().sandbox("s", running()).container("a", 1, exited(0, 5));
    again().expect(ensure("c", 1));
    // Nothing is to run any more: nothing is initialized.
    let done = json!({"restartPolicy": "OnFailure", "initContainers": [{"name": "a", "image": "x"}]});
    old(world(done).container("a", 0, exited(0, 99)).container("c", 0, exited(0, 50))).expect(WAIT);
}

#[test]
fn a_pod_whose_main_containers_completed_ends_its_sidecars() {
    let spec = json!({"restartPolicy": "OnFailure", "initContainers": [{"name": "side", "image": "x", "restartPolicy": "Always"}]});
    let world = world(spec).sandbox("s", running()).container("side", 0, running()).container("c", 0, exited(0, 1));
    world.expect(stop(&["side0"], 30, Why::PodEnds));
}

#[test]
fn sidecars_end_last_and_in_reverse() {
    let sidecars = json!({"initContainers": [
        {"name": "x", "image": "i", "restartPolicy": "Always"}, {"name": "y", "image": "i", "restartPolicy": "Always"}]});
    let ending = |states: [State; 3]| {
        let mut world = world(sidecars.clone()).sandbox("s", running());
        for (name, state) in ["x", "y", "c"].into_iter().zip(states) {
            world = world.container(name, 0, state);
        }
        world.with(|world| {
            world.wish = Wish::Remove { grace: 30, finalize: true };
            for container in world.observed.running() {
                let stage = if container.name == "c" { Stage::Signalled(at(NOW - 1)) } else { Stage::Turn };
                let stopping = Stopping { since: at(NOW - 1), grace: 30, ordered: true, stage };
                world.memory.stopping.insert(container.id.clone(), stopping);
            }
        })
    };
    let signal = |id: &str| Step::Signal { ids: vec![id.into()] };
    ending([running(), running(), running()]).expect(wait_until(NOW + 29));
    ending([running(), running(), exited(0, 0)]).expect(signal("y0"));
    ending([running(), exited(0, 0), exited(0, 0)]).expect(signal("x0"));
    // Grace is the pod's: when it is over nobody waits for a turn any more.
    ending([running(), exited(0, 0), running()])
        .with(|world| world.memory.stopping.values_mut().for_each(|stopping| stopping.since = at(NOW - 30)))
        .expect(signal("x0"));
}

#[test]
fn a_hook_holds_up_those_after_it() {
    let hooked = json!({"containers": [
        {"name": "c", "image": "i", "lifecycle": {"postStart": {"sleep": {"seconds": 1}}}}, {"name": "d", "image": "i"}]});
    let with = |post_start| {
        let instance = Instance { id: "c0".into(), post_start, ..Instance::default() };
        let world = world(hooked.clone()).sandbox("s", running()).container("c", 0, running());
        world.with(|world| world.memory.container("c").instance = instance)
    };
    with(PostStart::Due).expect(Step::PostStart { container: "c".into(), id: "c0".into() });
    with(PostStart::Running).expect(WAIT);
    with(PostStart::Done).expect(ensure("d", 0));
}

#[test]
fn a_debugger_starts_at_once_and_only_once() {
    let spec = json!({"initContainers": [{"name": "a", "image": "x"}],
        "ephemeralContainers": [{"name": "debug", "image": "x", "targetContainerName": "c"}]});
    let world = || world(spec.clone()).sandbox("s", running()).container("a", 0, running());
    world().expect(ensure("debug", 0));
    world().image("debug", 0).expect(create("debug", 0));
    world()
        .container("debug", 0, START)
        .expect(Step::StartContainer { container: "debug".into(), id: "debug0".into() });
    world().container("debug", 0, exited(1, 1)).expect(WAIT);
}
