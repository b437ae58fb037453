//! The loop with a gauge that the test sets.

use futures::{FutureExt, future::BoxFuture};
use parking_lot::Mutex;
use serde_json::json;

use super::*;
use crate::{
    eviction::{Observation, thresholds},
    runtime::hollow::HollowRuntime,
};

/// Bytes of memory available, of a thousand; tells who waits for it that it was read.
struct Told(Mutex<i64>, channel::Sender<u64>);

impl Gauge for Told {
    fn read(&self) -> BoxFuture<'_, Observations> {
        self.1.send_modify(|reads| *reads += 1);
        let seen = Observation { available: *self.0.lock(), capacity: 1000 };
        std::future::ready(Observations::from([(Signal::MemoryAvailable, seen)])).boxed()
    }
}

fn pod(name: &str, priority: i32) -> Arc<Pod> {
    let pod = json!({"metadata": {"name": name, "namespace": "default", "uid": name},
        "spec": {"priority": priority, "containers": []}, "status": {"phase": "Running"}});
    Arc::new(serde_json::from_value(pod).expect("a pod"))
}

fn client() -> kube::Client {
    let nobody = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        let answer = http::Response::builder().status(404).body(kube::client::Body::empty());
        Ok::<_, std::convert::Infallible>(answer.expect("an answer"))
    });
    kube::Client::new(nobody, "default")
}

#[tokio::test]
async fn one_after_the_other_goes_until_there_is_enough() {
    let (read, mut reads) = channel::channel(0);
    let gauge = Arc::new(Told(Mutex::new(500), read));
    let runtime = Arc::new(HollowRuntime::new([127, 0, 0, 1].into()));
    let directory = Directory::default();
    for (name, priority) in [("first", 0), ("second", 10), ("third", 20), ("node", 2_000_000_000)] {
        directory.put(&pod(name, priority));
    }
    let (rulings, mut ruled) = Rulings::new();
    let (pressures, mut pressed) = channel::channel(BTreeSet::new());
    let shutdown = CancellationToken::new();
    let nowhere = std::path::PathBuf::from("/nonexistent");
    let evictor = Evictor {
        stats: Arc::new(Stats::new(runtime.clone(), nowhere.clone(), nowhere, 1000)),
        runtime,
        gauge: gauge.clone(),
        reclaims: vec![],
        directory,
        rulings: rulings.clone(),
        recorder: Recorder::new(client(), "kubelet", None, shutdown.clone()),
        node_name: "n1".into(),
        pressures,
    };
    let texts = thresholds::Texts { hard: "memory.available<100", soft: "", soft_grace: "", minimum_reclaim: "" };
    let settings = Settings {
        thresholds: thresholds::parse(&texts).expect("thresholds"),
        transition: Duration::ZERO,
        longest_grace: 0,
        every: Duration::from_millis(5),
    };
    let looking = tokio::spawn(evictor.run(settings, shutdown.clone()));
    assert!(reads.wait_for(|reads| *reads >= 2).await.is_ok());
    assert!(ruled.try_recv().is_err(), "there is enough");

    *gauge.0.lock() = 50;
    assert_eq!(ruled.recv().await.as_deref(), Some("first"));
    assert!(pressed.wait_for(|said| said.contains(&Pressure::Memory)).await.is_ok());
    let ruling = rulings.take("first").expect("a ruling");
    assert_eq!((ruling.failure.reason.as_str(), ruling.grace, ruling.disrupts), ("Evicted", Some(1), true));
    assert_eq!(ruled.recv().await.as_deref(), Some("second"), "still too little");
    *gauge.0.lock() = 200;
    assert!(pressed.wait_for(BTreeSet::is_empty).await.is_ok());
    assert!(!rulings.is_ruled("third") && !rulings.is_ruled("node"));

    *gauge.0.lock() = 50;
    assert_eq!(ruled.recv().await.as_deref(), Some("third"));
    let now = *reads.borrow();
    assert!(reads.wait_for(|reads| *reads >= now + 3).await.is_ok());
    assert!(!rulings.is_ruled("node"), "what the node itself needs stays");
    shutdown.cancel();
    looking.await.expect("ended");
}
