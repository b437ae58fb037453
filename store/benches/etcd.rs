//! Writes that an etcd takes from a bare client, and those that it takes through the store, with the same values, so many at
//! once. Their ratio is what the store costs.
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
use futures::StreamExt;
use place::Place;
use timonier_store::{Key, Txn};

const TOGETHER: usize = 64;
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
    let client = etcd.client().await;
    let started = Instant::now();
    let puts = futures::stream::iter(0..WRITES).map(|number| {
        let mut kv = client.kv_client();
        async move { kv.put(format!("/bare/pods/default/{number}"), value(number), None).await.map(drop) }
    });
    puts.buffer_unordered(TOGETHER).for_each(|put| async { put.expect("a put") }).await;
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
