//! What every runtime must do, whatever runs the containers. Each runtime's own tests call these.

pub mod streams;

use std::time::Duration;

use futures::StreamExt;

use super::{ContainerSpec, LogQuery, Network, Resources, Runtime, RuntimeError, SandboxSpec, Security, Signal};
use crate::observed::{Container, ObservedPod, PodIdentity, State};

pub fn pod(uid: &str) -> PodIdentity {
    PodIdentity { uid: uid.to_owned(), name: format!("pod-{}", &uid[..4]), namespace: "default".to_owned() }
}

pub fn sandbox(pod: &PodIdentity) -> SandboxSpec {
    SandboxSpec {
        pod: pod.clone(),
        attempt: 0,
        hostname: pod.name.clone(),
        host_network: false,
        host_pid: false,
        host_ipc: false,
        ports: vec![],
        memory_volumes: vec![],
        sysctls: vec![],
        grace: 7,
    }
}

pub fn container(pod: &PodIdentity, sandbox: &str, image: &str, script: &str) -> ContainerSpec {
    ContainerSpec {
        pod: pod.clone(),
        name: "main".to_owned(),
        attempt: 0,
        spec_hash: "hash".to_owned(),
        sandbox: sandbox.to_owned(),
        image: image.to_owned(),
        command: Some(vec!["/bin/busybox".to_owned(), "sh".to_owned(), "-c".to_owned()]),
        args: Some(vec![script.to_owned()]),
        env: vec![],
        working_dir: None,
        mounts: vec![],
        tty: false,
        stdin: false,
        stdin_once: false,
        resources: Resources::default(),
        security: Security::default(),
        host_ipc: false,
        host_pid: false,
        share_process_namespace: false,
        target: None,
        pretence: None,
        stop_signal: None,
        grace: 7,
    }
}

/// Makes and starts a pod's sandbox.
pub async fn start_sandbox<R: Runtime>(runtime: &R, spec: &SandboxSpec) -> String {
    let id = runtime.create_sandbox(spec).await.expect("a sandbox");
    runtime.start(&id).await.expect("started");
    id
}

/// Makes and starts a container.
pub async fn start<R: Runtime>(runtime: &R, spec: &ContainerSpec) -> String {
    let id = runtime.create_container(spec).await.expect("a container");
    runtime.start(&id).await.expect("started");
    id
}

/// Looks until the pod is as wanted.
pub async fn observe_until<R: Runtime>(
    runtime: &R,
    uid: &str,
    what: &str,
    wanted: impl Fn(&ObservedPod) -> bool,
) -> ObservedPod {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let observed = runtime.observe(uid).await.expect("observed");
        if wanted(&observed) {
            return observed;
        }
        assert!(tokio::time::Instant::now() < deadline, "never {what}: {observed:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn logs<R: Runtime>(runtime: &R, id: &str, query: LogQuery) -> String {
    let mut stream = runtime.logs(id, &query).await.expect("a log");
    let mut text = Vec::new();
    while let Some(chunk) = stream.next().await {
        text.extend_from_slice(&chunk.expect("a chunk"));
    }
    String::from_utf8(text).expect("text")
}

fn main_container(observed: &ObservedPod) -> &Container {
    observed.container("main").expect("the container")
}

/// Runs the whole suite on a runtime that was made for it alone. `image` holds a busybox.
pub async fn all<R: Runtime>(runtime: &R, network: &Network, image: &str) {
    nothing_is_there_before_it_is_made(runtime).await;
    preparing_twice_is_harmless(runtime, network).await;
    a_pod_goes_from_nothing_to_running_and_back(runtime, image).await;
    two_pods_have_two_addresses(runtime).await;
    what_is_gone_can_be_ended_again(runtime).await;
    a_container_needs_a_sandbox(runtime, image).await;
}

async fn nothing_is_there_before_it_is_made<R: Runtime>(runtime: &R) {
    assert!(runtime.inventory().await.expect("an inventory").is_empty());
    assert!(runtime.observe("none").await.expect("observed").is_empty());
}

async fn preparing_twice_is_harmless<R: Runtime>(runtime: &R, network: &Network) {
    let (first, second) = tokio::join!(runtime.prepare(network), runtime.prepare(network));
    first.expect("prepared");
    second.expect("prepared");
}

async fn a_pod_goes_from_nothing_to_running_and_back<R: Runtime>(runtime: &R, image: &str) {
    let pod = pod("aaaa0000-1111");
    let sandbox_id = runtime.create_sandbox(&sandbox(&pod)).await.expect("a sandbox");
    let observed = runtime.observe(&pod.uid).await.expect("observed");
    assert_eq!(observed.sandboxes.len(), 1);
    assert_eq!(observed.sandboxes[0].state, State::Created);
    runtime.start(&sandbox_id).await.expect("started");

    let spec = container(&pod, &sandbox_id, image, "trap 'exit 0' TERM; while :; do sleep 0.05; done");
    let id = runtime.create_container(&spec).await.expect("a container");
    let observed = runtime.observe(&pod.uid).await.expect("observed");
    assert!(observed.sandbox().is_some_and(|sandbox| sandbox.id == sandbox_id && sandbox.ip.is_some()));
    assert_eq!(main_container(&observed).state, State::Created);
    assert_eq!(main_container(&observed).sandbox, sandbox_id);
    assert_eq!(main_container(&observed).spec_hash, "hash");
    runtime.start(&id).await.expect("started");
    let observed = runtime.observe(&pod.uid).await.expect("observed");
    assert!(main_container(&observed).state.is_running());
    let found = runtime.inventory().await.expect("an inventory");
    assert!(found.iter().any(|found| found.pod == pod && found.grace == 7), "{found:?}");

    runtime.signal(&id, Signal::Term).await.expect("signalled");
    let ended = |observed: &ObservedPod| main_container(observed).state.exit().is_some();
    let observed = observe_until(runtime, &pod.uid, "ended", ended).await;
    assert_eq!(main_container(&observed).state.exit().map(|exit| exit.code), Some(0));

    // A restart is another container beside the dead one.
    let second = start(runtime, &ContainerSpec { attempt: 1, ..spec }).await;
    let observed = runtime.observe(&pod.uid).await.expect("observed");
    assert_eq!(observed.instances("main").map(|instance| instance.attempt).collect::<Vec<_>>(), [1, 0]);
    runtime.signal(&second, Signal::Kill).await.expect("killed");
    let observed = observe_until(runtime, &pod.uid, "killed", ended).await;
    assert_eq!(main_container(&observed).state.exit().map(|exit| exit.code), Some(137));

    for id in [&id, &second, &sandbox_id] {
        runtime.remove(id).await.expect("removed");
    }
    assert!(runtime.observe(&pod.uid).await.expect("observed").is_empty());
}

async fn two_pods_have_two_addresses<R: Runtime>(runtime: &R) {
    let (a, b) = (pod("bbbb0000-1111"), pod("cccc0000-1111"));
    let (first, second) = (sandbox(&a), sandbox(&b));
    let ids = tokio::join!(start_sandbox(runtime, &first), start_sandbox(runtime, &second));
    let mut addresses = Vec::new();
    for uid in [&a.uid, &b.uid] {
        let observed = runtime.observe(uid).await.expect("observed");
        addresses.extend(observed.sandbox().and_then(|sandbox| sandbox.ip));
    }
    assert_eq!(addresses.len(), 2);
    assert_ne!(addresses[0], addresses[1]);
    for id in [&ids.0, &ids.1] {
        runtime.remove(id).await.expect("removed");
    }
}

async fn what_is_gone_can_be_ended_again<R: Runtime>(runtime: &R) {
    runtime.signal("no-such-container", Signal::Kill).await.expect("gone is ended");
    runtime.remove("no-such-container").await.expect("gone is removed");
    let started = runtime.start("no-such-container").await;
    assert!(matches!(started, Err(RuntimeError::NotFound(_))), "{started:?}");
}

async fn a_container_needs_a_sandbox<R: Runtime>(runtime: &R, image: &str) {
    let pod = pod("dddd0000-1111");
    let made = runtime.create_container(&container(&pod, "no-such-sandbox", image, "true")).await;
    let started = match made {
        Ok(id) => {
            let started = runtime.start(&id).await;
            runtime.remove(&id).await.expect("removed");
            started
        }
        Err(error) => Err(error),
    };
    assert!(started.is_err());
}
