//! Writes that an etcd takes from a bare client, and those that it takes through the store, with the same values under the
//! same conditions, so many at once. Their ratio is what the store costs.
//!
//!     cargo bench -p timonier-store --bench etcd

// The tests' own, of which this uses a part.
#[allow(dead_code)]
#[path = "../tests/suite/etcd.rs"]
mod etcd;
#[allow(dead_code)]
#[path = "../tests/suite/place.rs"]
mod place;

use std::time::{Duration, Instant};

use etcd::Etcd;
use etcd_client::{Compare, CompareOp, Txn as EtcdTxn, TxnOp};
use futures::StreamExt;
use place::Place;
use timonier_store::{Key, Txn};

const TOGETHER: usize = 64;
/// Of the bare client: one would be the bound.
const CONNECTIONS: usize = 4;
const WRITES: usize = 20_000;
const BYTES: usize = 2600;

#[tokio::main]
async fn main() {
    // Alternately, so that what else the machine does meets both.
    let (mut bare, mut stored) = (Duration::ZERO, Duration::ZERO);
    const ROUNDS: u32 = 2;
    for _ in 0..ROUNDS {
        bare += through_client().await;
        stored += through_store().await;
    }
    let rate = |took: Duration| WRITES as f64 * f64::from(ROUNDS) / took.as_secs_f64();
    println!("bare client  {:6.0} writes/s", rate(bare));
    println!("store        {:6.0} writes/s, {:.0} %", rate(stored), 100.0 * rate(stored) / rate(bare));
}

fn value(number: usize) -> Vec<u8> {
    format!("{number:08} ").bytes().cycle().take(BYTES).collect()
}

async fn through_client() -> Duration {
    let etcd = Etcd::start_with(&["--quota-backend-bytes", "4000000000"]);
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(etcd.client().await);
    }
    let started = Instant::now();
    let puts = futures::stream::iter(0..WRITES).map(|number| {
        let mut kv = clients[number % CONNECTIONS].kv_client();
        let key = format!("/bare/pods/default/{number}");
        let absent = Compare::create_revision(key.clone(), CompareOp::Equal, 0);
        let put = TxnOp::put(key, value(number), None);
        async move { kv.txn(EtcdTxn::new().when([absent]).and_then([put])).await.map(|done| done.succeeded()) }
    });
    puts.buffer_unordered(TOGETHER).for_each(|put| async { assert!(put.expect("a put")) }).await;
    started.elapsed()
}

async fn through_store() -> Duration {
    let etcd = Etcd::start_with(&["--quota-backend-bytes", "4000000000"]);
    let store = etcd.open().await;
    let started = Instant::now();
    let commits = futures::stream::iter(0..WRITES).map(|number| {
        let key = Key::new(format!("pods/default/{number}"));
        store.commit(Txn::create(key, value(number).into(), None))
    });
    commits
        .buffer_unordered(TOGETHER)
        .for_each(|commit| async {
            commit.expect("a commit");
        })
        .await;
    started.elapsed()
}
