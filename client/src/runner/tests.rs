use std::{collections::HashSet, convert::Infallible};

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use super::*;
use crate::{object::Meta, watch::Step};

#[derive(Clone, Deserialize)]
struct Thing {
    metadata: Meta,
}
impl Object for Thing {
    const KIND: &'static str = "Thing";
    const RESOURCE: Resource = Resource::of("", "v1", "things");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

fn changed(name: &str, revision: u64) -> Step<Thing> {
    let metadata = json!({"name": name, "namespace": "ns", "resourceVersion": revision.to_string()});
    let object = serde_json::from_value(json!({"metadata": metadata})).expect("a thing");
    Step::Changed { object, revision: Revision(revision) }
}

/// Runs are held until the test lets them go.
struct Held {
    inside: Mutex<HashSet<String>>,
    runs: Mutex<Vec<String>>,
    entered: Notify,
    gate: Semaphore,
    panics: Mutex<u32>,
}
impl Default for Held {
    fn default() -> Self {
        Held {
            inside: Mutex::default(),
            runs: Mutex::default(),
            entered: Notify::new(),
            gate: Semaphore::new(0),
            panics: Mutex::new(0),
        }
    }
}

impl Reconcile for Held {
    type Key = String;
    type Error = Infallible;
    async fn reconcile(&self, key: &String, _writer: &Writer) -> Result<Next, Infallible> {
        assert!(self.inside.lock().insert(key.clone()), "{key} runs twice at once");
        self.runs.lock().push(key.clone());
        self.entered.notify_one();
        self.gate.acquire().await.expect("open").forget();
        self.inside.lock().remove(key);
        let planted = std::mem::replace(&mut *self.panics.lock(), 0);
        assert_eq!(planted, 0, "planted");
        Ok(Next::Settled)
    }
}

/// No test here writes, so nobody ever calls this client.
fn no_server() -> Client {
    crate::local(tower::service_fn(|_| async {
        Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("there is no server"))
    }))
}

struct Bench {
    reconciler: Arc<Held>,
    informer: Informer<Thing>,
    queue: Enqueue<String>,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn bench() -> Bench {
    let reconciler = Arc::new(Held::default());
    let informer = Informer::new();
    let runner = Runner::new("test", no_server(), reconciler.clone())
        .primary(&informer, |thing: &Thing| Some(thing.meta().name.to_string()));
    let (queue, shutdown) = (runner.queue(), CancellationToken::new());
    let task = tokio::spawn(runner.run(shutdown.clone()));
    Bench { reconciler, informer, queue, shutdown, task }
}

impl Bench {
    async fn runs(&self, count: usize) {
        while self.reconciler.runs.lock().len() < count {
            self.reconciler.entered.notified().await;
        }
    }
}

#[tokio::test]
async fn runner_never_runs_a_key_twice_at_once() {
    let bench = bench();
    bench.informer.apply(changed("a", 1));
    bench.runs(1).await;
    bench.queue.add("a".into());
    bench.informer.apply(changed("a", 2));
    // Another key proves that the wish for the first was taken in.
    bench.queue.add("b".into());
    bench.runs(2).await;
    assert_eq!(*bench.reconciler.runs.lock(), ["a", "b"]);
    bench.reconciler.gate.add_permits(3);
    bench.runs(3).await;
    assert_eq!(*bench.reconciler.runs.lock(), ["a", "b", "a"]);
}

#[tokio::test]
async fn nothing_runs_before_all_watches_have_listed() {
    let bench = bench();
    bench.queue.add("a".into());
    tokio::task::yield_now().await;
    assert!(bench.reconciler.runs.lock().is_empty());
    bench.informer.apply(Step::Reset { objects: Vec::new(), revision: Revision(1) });
    bench.runs(1).await;
}

#[tokio::test]
async fn a_run_that_panics_is_a_failure_and_comes_back() {
    let bench = bench();
    *bench.reconciler.panics.lock() = 1;
    bench.reconciler.gate.add_permits(2);
    bench.informer.apply(changed("a", 1));
    bench.runs(2).await;
    assert_eq!(*bench.reconciler.runs.lock(), ["a", "a"]);
}

#[tokio::test]
async fn shutdown_lets_what_runs_end_and_starts_nothing() {
    let bench = bench();
    bench.informer.apply(changed("a", 1));
    bench.runs(1).await;
    bench.shutdown.cancel();
    bench.queue.add("b".into());
    bench.reconciler.gate.add_permits(9);
    bench.task.await.expect("ends");
    assert_eq!(*bench.reconciler.runs.lock(), ["a"]);
    assert!(bench.reconciler.inside.lock().is_empty());
}

/// Creates at its first run, and notes at each how far the informer was.
struct Creates {
    informer: Informer<Thing>,
    reached: Mutex<Vec<u64>>,
    entered: Notify,
}

impl Reconcile for Creates {
    type Key = String;
    type Error = kube::Error;
    async fn reconcile(&self, _key: &String, writer: &Writer) -> Result<Next, kube::Error> {
        let reached = self.informer.reached().borrow().unwrap_or_default();
        self.reached.lock().push(reached.0);
        self.entered.notify_one();
        if self.reached.lock().len() == 1 {
            writer.create::<Thing>(Some("ns"), &json!({})).await?;
        }
        Ok(Next::Settled)
    }
}

#[tokio::test]
async fn a_key_waits_to_see_what_became_of_a_creation_without_an_answer() {
    let informer = Informer::<Thing>::new();
    informer.apply(changed("a", 1));
    let shown = informer.clone();
    // The connection breaks during the creation, which was carried out at revision 9.
    let client = crate::local(tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let shown = shown.clone();
        async move {
            if request.method() == http::Method::POST {
                return Err(std::io::Error::other("the connection broke"));
            }
            let list = json!({"metadata": {"resourceVersion": "30"},
                "items": [{"metadata": {"name": "b", "resourceVersion": "9"}}]});
            tokio::spawn(async move { shown.apply(changed("b", 9)) });
            Ok(http::Response::new(kube::client::Body::from(list.to_string().into_bytes())))
        }
    }));
    let reconciler =
        Arc::new(Creates { informer: informer.clone(), reached: Mutex::default(), entered: Notify::new() });
    let runner = Runner::new("test", client, reconciler.clone())
        .primary(&informer, |thing: &Thing| (&*thing.meta().name == "a").then(|| "a".to_string()));
    tokio::spawn(runner.run(CancellationToken::new()));
    while reconciler.reached.lock().len() < 2 {
        reconciler.entered.notified().await;
    }
    assert_eq!(*reconciler.reached.lock(), [1, 9]);
}
