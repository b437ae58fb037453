//! Kills, power cuts and failures at any moment: nothing that was acknowledged or shown is lost, nothing that was refused
//! appears, and the store opens.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::disk::SimDisk;
use super::model::{Model, Value};
use crate::embedded::Embedded;
use crate::engine::Engine;
use crate::hub::Hub;
use crate::{Key, Op, OpenError, Options, Revision, Txn};

/// Stores, each of which lives through a few ends. `TIMONIER_POWER_CUTS` asks for more or fewer.
const STORES: u64 = 60;
/// The first one's seed; each further one has the next. Threads still take turns as they come, so that a story that failed may have
/// to be told some times until it fails again. `TIMONIER_SEED` asks for another one, `random` for any.
const SEED: u64 = 1;
const LIVES: usize = 5;

/// Of keys below it no more history is kept than must be.
const BEATS: &str = "beats/";

fn options() -> Options {
    let shorter = vec![(BEATS.into(), std::time::Duration::ZERO)];
    Options { segment_bytes: 2_000, checkpoint_bytes: 3_000, history_bytes: 20_000, shorter, ..Options::default() }
}

fn key(n: usize) -> String {
    if n.is_multiple_of(2) { format!("key-{n}") } else { format!("{BEATS}{n}") }
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}: {text:?} is no number")),
        Err(_) => default,
    }
}

fn seed() -> u64 {
    match std::env::var("TIMONIER_SEED").as_deref() {
        Ok("random") => rand::rng().random_range(0..1 << 40),
        _ => setting("TIMONIER_SEED", SEED),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_whenever_the_power_goes() {
    let first = seed();
    let mut thinned = 0;
    for seed in first..first + setting("TIMONIER_POWER_CUTS", STORES) {
        eprintln!("TIMONIER_SEED={seed}");
        let mut story = Story::new(seed);
        story.tell().await;
        thinned += usize::from(story.thinned);
    }
    assert!(thinned > 0, "no log file was ever written anew without the history that need not be kept");
}

struct Story {
    rng: StdRng,
    root: tempfile::TempDir,
    model: Model,
    written: usize,
    /// A log file without some of its history was found at a start.
    thinned: bool,
}

impl Story {
    fn new(seed: u64) -> Story {
        let root = tempfile::tempdir().unwrap();
        Story { rng: StdRng::seed_from_u64(seed), root, model: Model::new(), written: 0, thinned: false }
    }

    async fn tell(&mut self) {
        let mut dir = self.root.path().join("0");
        std::fs::create_dir(&dir).unwrap();
        let mut disk = SimDisk::over(&dir, self.rng.random());
        for life in 1..=LIVES {
            self.live(&disk, &dir).await;
            if self.rng.random_bool(0.7) {
                dir = self.power_cut(&disk, life);
                disk = SimDisk::over(&dir, self.rng.random());
            } else {
                disk.revive();
            }
        }
        let (hub, engine) = open(&disk, &dir).await.unwrap_or_else(|error| panic!("the end: {error}"));
        self.model.check(&hub, &engine).await;
        engine.close().await;
    }

    fn power_cut(&self, disk: &SimDisk, life: usize) -> PathBuf {
        let next = self.root.path().join(life.to_string());
        disk.power_cut(&next);
        next
    }

    /// Opens the store, and writes until its end.
    async fn live(&mut self, disk: &SimDisk, dir: &Path) {
        let rate = [0.0, 0.0, 0.03, 0.2][self.rng.random_range(0..4)];
        disk.fail_at_random(rate);
        if self.rng.random_bool(0.2) {
            // It ends while it starts.
            disk.stop_after(self.rng.random_range(0..10));
        }
        let (hub, engine) = match open(disk, dir).await {
            Ok(opened) => opened,
            Err(OpenError::Io { .. }) if rate > 0.0 || disk.is_stopped() => return,
            Err(error) => panic!("{error}"),
        };
        self.model.check(&hub, &engine).await;
        self.thinned |= hub.oldest_of(BEATS) > hub.oldest();
        disk.stop_after(self.rng.random_range(1..400));
        while !disk.is_stopped() {
            self.write(&engine).await;
            if self.rng.random_bool(0.1) {
                let before = hub.revision().0.saturating_sub(self.rng.random_range(0..60));
                // Refused when the disk fails. Below the oldest revision it does nothing.
                let _ = engine.compact(Revision(before.max(hub.oldest().0))).await;
            }
        }
        engine.close().await;
    }

    /// A few writes at once, so that some share a sync.
    async fn write(&mut self, engine: &Embedded) {
        let first = self.rng.random_range(0..8);
        let writes: Vec<(String, Value)> = (0..self.rng.random_range(1..4))
            .map(|n| {
                self.written += 1;
                let padding = "x".repeat(self.rng.random_range(0..200));
                let value = self.rng.random_bool(0.9).then(|| format!("{} {padding}", self.written));
                (key((first + n) % 8), value)
            })
            .collect();
        let outcomes = join_all(writes.iter().map(|(key, value)| {
            let key = Key::new(key.as_str());
            let op = match value.clone() {
                Some(value) => Op::Put { key, value: value.into(), tag: None },
                None => Op::Delete { key },
            };
            engine.commit(Txn { conditions: vec![], ops: vec![op] })
        }))
        .await;
        for ((key, value), outcome) in writes.into_iter().zip(outcomes) {
            self.model.answered(&key, value, outcome);
        }
    }
}

async fn open(disk: &SimDisk, dir: &Path) -> Result<(Arc<Hub>, Embedded), OpenError> {
    Embedded::open_on(Arc::new(disk.clone()), dir.to_owned(), options()).await
}
