//! A change wakes those whom it concerns, however much else exists.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use timonier_store::{Filter, Key, Op, Options, Store, StoreUrl, Txn, Watch};

const NODES: usize = 5_000;
const PODS: usize = 100_000;

/// A watcher that counts how often it is woken.
struct Watcher {
    watch: Watch,
    woken: Arc<Count>,
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Watcher {
    fn new(store: &Store, filter: Filter) -> Watcher {
        let watch = store.watch(store.snapshot().revision(), filter).unwrap();
        let mut watcher = Watcher { watch, woken: Arc::default() };
        assert_eq!(watcher.take(), None);
        watcher
    }

    /// How many events wait; `None`: nothing does, and something will wake it.
    fn take(&mut self) -> Option<usize> {
        let waker = Waker::from(self.woken.clone());
        match self.watch.poll_next(&mut Context::from_waker(&waker)) {
            Poll::Ready(batch) => Some(batch.unwrap().events.len()),
            Poll::Pending => None,
        }
    }

    fn woken(&self) -> usize {
        self.woken.0.load(Ordering::SeqCst)
    }
}

fn node(i: usize) -> String {
    format!("node-{}", i % NODES)
}

fn pod(i: usize, status: &str) -> Op {
    let key = Key::new(format!("pods/default/pod-{i}"));
    Op::Put { key, value: status.to_owned().into(), tag: Some(node(i).into()) }
}

async fn write(store: &Store, ops: Vec<Op>) {
    store.commit(Txn { conditions: vec![], ops }).await.unwrap();
}

/// Waits until all of them were woken; what was woken in slices takes its turns.
async fn until_woken(watchers: &[Watcher], times: usize) {
    let all = async {
        while watchers.iter().any(|watcher| watcher.woken() < times) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("all are woken");
}

#[tokio::test]
async fn a_status_update_wakes_one_agent_and_those_who_watch_all() {
    let store = Store::open(&StoreUrl::Memory, Options::default()).await.unwrap();
    for from in (0..PODS).step_by(1000) {
        write(&store, (from..from + 1000).map(|i| pod(i, "Pending")).collect()).await;
    }
    let agents = (0..NODES).map(|i| Filter::prefix("pods/").tagged(node(i)));
    let mut agents: Vec<_> = agents.map(|filter| Watcher::new(&store, filter)).collect();
    let elsewhere = ["nodes/", "pods/other/", "po/", "leases.coordination.k8s.io/"];
    let elsewhere: Vec<_> = elsewhere.map(|prefix| Watcher::new(&store, Filter::prefix(prefix))).into();
    // More than are woken at once.
    let mut all: Vec<_> = (0..300).map(|_| Watcher::new(&store, Filter::prefix("pods/"))).collect();

    for turn in 1..=20 {
        let of = turn * 4_321 % PODS;
        write(&store, vec![pod(of, "Running")]).await;
        until_woken(&all, turn).await;
        for watcher in &mut all {
            assert_eq!((watcher.woken(), watcher.take(), watcher.take()), (turn, Some(1), None));
        }
        let agent = &mut agents[of % NODES];
        assert_eq!((agent.woken.0.swap(0, Ordering::SeqCst), agent.take(), agent.take()), (1, Some(1), None));
        assert_eq!(agents.iter().map(Watcher::woken).sum::<usize>(), 0, "agents of other nodes");
    }
    assert_eq!(elsewhere.iter().map(Watcher::woken).sum::<usize>(), 0, "watchers of something else");
}

#[tokio::test]
async fn watchers_at_the_same_place_share_a_batch_and_what_was_made_of_it() {
    let store = Store::open(&StoreUrl::Memory, Options::default()).await.unwrap();
    let start = store.snapshot().revision();
    let mut watches: Vec<_> = (0..3).map(|_| store.watch(start, Filter::prefix("pods/")).unwrap()).collect();
    write(&store, vec![pod(1, "Pending"), pod(2, "Pending")]).await;
    let mut made = 0;
    let mut batches = vec![];
    for watch in &mut watches {
        let batch = watch.next().await.unwrap();
        let count = batch.view(|batch| {
            made += 1;
            batch.events.len()
        });
        assert_eq!(*count, 2);
        batches.push(batch);
    }
    assert!(batches.iter().all(|batch| Arc::ptr_eq(batch, &batches[0])));
    assert_eq!(made, 1);
}
