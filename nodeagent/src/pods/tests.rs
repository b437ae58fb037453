//! Workers against an API server that keeps books, on a runtime that only pretends.

#[path = "fake_api.rs"]
mod fake_api;

use std::time::Duration;

use fake_api::FakeApi;
use serde_json::{Value, json};
use timonier_client::events::Recorder;
use tokio::{sync::Semaphore, task::JoinHandle};

use super::*;
use crate::{
    config::Timings,
    node::leftovers,
    observed::ObservedPod,
    runtime::{HostFacts, Network, hollow::HollowRuntime, suite},
};

struct Agent {
    runtime: Arc<HollowRuntime>,
    shutdown: CancellationToken,
    following: JoinHandle<()>,
}

impl Agent {
    async fn start(api: &FakeApi) -> Agent {
        let runtime = Arc::new(HollowRuntime::new([127, 1, 2, 3].into()));
        Agent::start_on(api, runtime).await
    }

    async fn start_on(api: &FakeApi, runtime: Arc<HollowRuntime>) -> Agent {
        let network = Network { subnet: "10.1.0.0/16".into(), pod_cidr: "10.1.2.0/24".into() };
        runtime.prepare(&network).await.expect("prepared");
        let shutdown = CancellationToken::new();
        let (rulings, ruled) = crate::rulings::Rulings::new();
        let shared = Arc::new(Shared {
            runtime: runtime.clone(),
            client: api.client(),
            recorder: Recorder::new(api.client(), "kubelet", None, shutdown.clone()),
            node_name: "n1".into(),
            state_dir: "/nonexistent".into(),
            facts: HostFacts::default(),
            timings: Timings { backoff_base: Duration::from_millis(10), ..Timings::default() },
            hosting: Default::default(),
            services: Default::default(),
            rulings: rulings.clone(),
            pulls: Semaphore::new(4),
            images: Arc::new(crate::images::Records::load("/nonexistent/images.json".into())),
            reports: Arc::new(Semaphore::new(4)),
            watches: crate::followed::Watches::new(api.client()),
        });
        let gate = Gate {
            admission: Admission::new(crate::capacity::Room::default()),
            pressures: watch::channel(BTreeSet::new()).1,
            labels: BTreeMap::new(),
        };
        let back = watch::channel(0).1;
        let following = tokio::spawn(follow(shared, Directory::default(), back, gate, None, ruled, shutdown.clone()));
        Agent { runtime, shutdown, following }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.following.await.expect("ended");
    }

    async fn observe(&self, name: &str) -> ObservedPod {
        self.runtime.observe(&format!("uid-of-{name}")).await.expect("observed")
    }
}

fn is_ready(pod: Option<&Value>) -> bool {
    let conditions = pod.and_then(|pod| pod["status"]["conditions"].as_array());
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn is_gone(pod: Option<&Value>) -> bool {
    pod.is_none()
}

#[tokio::test]
async fn a_bound_pod_runs_and_is_reported_once() {
    let api = FakeApi::new();
    let agent = Agent::start(&api).await;
    api.create("web", json!({}));
    api.until("web", "ready", is_ready).await;
    let pod = api.pod("web").expect("the pod");
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(pod["status"]["podIP"], "10.1.2.2");
    assert_eq!(pod["status"]["hostIP"], "127.1.2.3");
    // What changed in the blink of an eye is one change.
    assert_eq!(api.status_writes(), 1);
    agent.stop().await;
}

#[tokio::test]
async fn a_deleted_pod_is_reported_ended_before_it_goes() {
    let api = FakeApi::new();
    let agent = Agent::start(&api).await;
    api.create("web", json!({}));
    api.until("web", "ready", is_ready).await;
    let writes = api.status_writes();
    api.change("web", |pod| {
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:30Z");
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    });
    api.until("web", "gone", is_gone).await;
    assert_eq!(api.finalized(), ["web"]);
    assert!(api.status_writes() > writes);
    assert!(agent.observe("web").await.is_empty());
    agent.stop().await;
}

#[tokio::test]
async fn what_was_deleted_meanwhile_is_left_over_until_an_agent_has_ended_it() {
    let api = FakeApi::new();
    let agent = Agent::start(&api).await;
    let runtime = agent.runtime.clone();
    for name in ["forgotten", "ending", "staying"] {
        api.create(name, json!({}));
        api.until(name, "ready", is_ready).await;
    }
    agent.stop().await;
    api.forget("forgotten");
    api.change("ending", |pod| {
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:30Z");
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    });
    let mut found = leftovers(&*runtime, &api.client(), "n1", &Directory::default()).await.expect("an answer");
    found.sort();
    assert_eq!(found, ["default/ending", "default/forgotten"]);
    api.set_down(true);
    assert!(leftovers(&*runtime, &api.client(), "n1", &Directory::default()).await.is_err(), "nobody knows");
    api.set_down(false);

    let agent = Agent::start_on(&api, runtime.clone()).await;
    api.until("ending", "gone", is_gone).await;
    suite::observe_until(&*runtime, "uid-of-forgotten", "gone", |observed| observed.is_empty()).await;
    assert_eq!(leftovers(&*runtime, &api.client(), "n1", &Directory::default()).await, Ok(vec![]));
    assert!(agent.observe("staying").await.running().next().is_some());
    agent.stop().await;
}

#[tokio::test]
async fn a_new_image_restarts_the_container_and_is_counted() {
    let api = FakeApi::new();
    let agent = Agent::start(&api).await;
    api.create("web", json!({}));
    api.until("web", "ready", is_ready).await;
    api.change("web", |pod| pod["spec"]["containers"][0]["image"] = json!("image:2"));
    let restarted = |pod: Option<&Value>| {
        let status = pod.map(|pod| pod["status"]["containerStatuses"][0].clone()).unwrap_or_default();
        status["restartCount"] == 1 && status["image"] == "image:2" && status["ready"] == true
    };
    api.until("web", "restarted", restarted).await;
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_that_starts_anew_changes_nothing() {
    let api = FakeApi::new();
    let first = Agent::start(&api).await;
    api.create("web", json!({}));
    api.until("web", "ready", is_ready).await;
    let before = (api.pod("web"), first.observe("web").await);
    first.stop().await;

    // Its runtime has forgotten everything; the API has not.
    let second = Agent::start(&api).await;
    api.create("other", json!({}));
    api.until("other", "ready", is_ready).await;
    let after = second.observe("web").await;
    assert_eq!(before.0, api.pod("web"));
    assert_eq!(before.1.container("c").map(|c| &c.id), after.container("c").map(|c| &c.id));
    assert_ne!(api.pod("other").map(|pod| pod["status"]["podIP"].clone()), Some(json!("10.1.2.2")));
    second.stop().await;
}

#[tokio::test]
async fn nothing_is_removed_before_the_first_complete_list() {
    let api = FakeApi::new();
    api.create("kept", json!({}));
    let runtime = Arc::new(HollowRuntime::new([127, 1, 2, 3].into()));
    let network = Network { subnet: "10.1.0.0/16".into(), pod_cidr: "10.1.2.0/24".into() };
    runtime.prepare(&network).await.expect("prepared");
    let orphan = suite::pod("orphan-uid");
    let sandbox = suite::start_sandbox(&*runtime, &suite::sandbox(&orphan)).await;
    suite::start(&*runtime, &suite::container(&orphan, &sandbox, "image:1", "true")).await;

    api.set_down(true);
    let agent = Agent::start_on(&api, runtime).await;
    // Long enough for an agent that guesses: it has asked in vain at least once.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let running = agent.runtime.observe(&orphan.uid).await.expect("observed");
    assert!(running.container("main").is_some_and(|container| container.state.is_running()));

    api.set_down(false);
    api.until("kept", "ready", is_ready).await;
    let gone = |observed: &ObservedPod| observed.is_empty();
    suite::observe_until(&*agent.runtime, &orphan.uid, "gone", gone).await;
    assert!(api.finalized().is_empty());
    agent.stop().await;
}

#[tokio::test]
async fn a_pod_that_vanished_from_the_api_ends_unreported() {
    let api = FakeApi::new();
    let agent = Agent::start(&api).await;
    api.create("web", json!({}));
    api.until("web", "ready", is_ready).await;
    let writes = api.status_writes();
    api.forget("web");
    suite::observe_until(&*agent.runtime, "uid-of-web", "gone", |observed: &ObservedPod| observed.is_empty()).await;
    assert_eq!((api.status_writes(), api.finalized()), (writes, vec![]));
    agent.stop().await;
}

#[tokio::test]
async fn what_the_server_missed_while_away_is_said_when_it_is_back() {
    let api = FakeApi::new();
    let agent = Agent::start(&api).await;
    api.create("first", json!({}));
    api.until("first", "ready", is_ready).await;
    api.set_down(true);
    // Ends behind the server's back.
    let id = agent.observe("first").await.container("c").map(|container| container.id.clone()).expect("running");
    agent.runtime.signal(&id, crate::runtime::Signal::Kill).await.expect("killed");
    api.change("first", |pod| pod["metadata"]["labels"] = json!({"touched": "yes"}));
    api.set_down(false);
    let restarted = |pod: Option<&Value>| {
        pod.is_some_and(|pod| pod["status"]["containerStatuses"][0]["restartCount"] == 1 && is_ready(Some(pod)))
    };
    api.until("first", "restarted", restarted).await;
    agent.stop().await;
}

#[tokio::test]
async fn hundreds_of_pods_are_ready_at_once() {
    let api = FakeApi::new();
    let agent = Agent::start(&api).await;
    let names: Vec<String> = (0..200).map(|number| format!("web-{number}")).collect();
    names.iter().for_each(|name| api.create(name, json!({})));
    for name in &names {
        api.until(name, "ready", is_ready).await;
    }
    let addresses: HashSet<_> =
        names.iter().filter_map(|name| api.pod(name)).map(|pod| pod["status"]["podIP"].to_string()).collect();
    assert_eq!(addresses.len(), names.len());
    agent.stop().await;
}
