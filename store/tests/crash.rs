//! Killed in the middle of writing, again and again: nothing that was acknowledged may be missing.

mod suite;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::Rng;
use suite::place::{Directory, Place};
use suite::{everything, until};
use timonier_store::{Condition, Key, Op, Options, Revision, Store, StoreUrl, Txn};

const KILLS: usize = 25;
const WRITERS: usize = 4;
const DIRECTORY: &str = "TIMONIER_CRASH_DIRECTORY";

/// Small files, so that kills also hit new log files, checkpoints and dropped history.
fn options() -> Options {
    Options { segment_bytes: 20_000, checkpoint_bytes: 30_000, history_bytes: 400_000, ..Options::default() }
}

/// The process that is killed: writes counters, and says what was acknowledged, one a line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the other test"]
async fn writer() {
    let Ok(dir) = std::env::var(DIRECTORY) else {
        return;
    };
    let store = Store::open(&StoreUrl::File(dir.into()), options()).await.expect("open");
    println!("ready");
    let tasks: Vec<_> = (0..WRITERS).map(|task| tokio::spawn(count(store.clone(), task))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn count(store: Store, task: usize) {
    let key = Key::new(format!("counters/{task}"));
    for round in 0.. {
        let snapshot = store.snapshot();
        let entry = snapshot.get(&key);
        let number = entry.map_or(0, |entry| number(&entry.value.to_bytes()));
        let condition = match entry {
            Some(entry) => Condition::At(key.clone(), entry.revision),
            None => Condition::Absent(key.clone()),
        };
        let put = |key: Key, value: String| Op::Put { key, value: value.into(), tag: None };
        let padding = "x".repeat(round % 300);
        let txn = Txn {
            conditions: vec![condition],
            ops: vec![
                put(key.clone(), format!("{} {padding}", number + 1)),
                put(Key::new(format!("twins/{task}")), (number + 1).to_string()),
            ],
        };
        let revision = store.commit(txn).await.expect("commit");
        println!("ack {task} {} {revision}", number + 1);
        if round % 20 == 19 {
            let before = Revision(revision.0.saturating_sub(100));
            store.compact(before).await.expect("compact");
        }
    }
}

fn number(value: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(value);
    text.split(' ').next().unwrap().parse().unwrap()
}

struct Writer(Child);

impl Writer {
    fn start(dir: &std::path::Path) -> Writer {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--ignored", "--nocapture"])
            .env(DIRECTORY, dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the writer");
        Writer(child)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_being_killed() {
    let place = Directory::new();
    let mut acknowledged: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut newest = 0;
    for kill in 0..KILLS {
        let mut writer = Writer::start(&place.path());
        let lines = BufReader::new(writer.0.stdout.take().unwrap()).lines();
        let quota = rand::rng().random_range(1..400);
        let mut acks = 0;
        for line in lines {
            let Ok(line) = line else { break };
            let words: Vec<&str> = line.split(' ').collect();
            let ["ack", task, number, revision] = words[..] else {
                continue;
            };
            let number_of = |word: &str| word.parse::<u64>().unwrap();
            let revision = number_of(revision);
            acknowledged.insert(number_of(task), (number_of(number), revision));
            newest = newest.max(revision);
            acks += 1;
            if acks == quota {
                // Not at the very moment of an answer, but anywhere.
                let moment = rand::rng().random_range(0..2000);
                std::thread::sleep(Duration::from_micros(moment));
                writer.0.kill().unwrap();
                // What was said before it died is read to the end.
            }
        }
        assert!(acks >= quota, "the writer ended by itself in round {kill}");
        drop(writer);
        check(&place, &acknowledged, newest).await;
    }
}

async fn check(place: &Directory, acknowledged: &BTreeMap<u64, (u64, u64)>, newest: u64) {
    let store = Store::open(&place.url(), options()).await.expect("open after a kill");
    let snapshot = store.snapshot();
    assert!(snapshot.revision().0 >= newest);
    for (task, (counted, revision)) in acknowledged {
        let entry = snapshot.get(&format!("counters/{task}")).expect("a counter");
        let found = number(&entry.value.to_bytes());
        // One more may have been written and not answered.
        assert!((*counted..=counted + 1).contains(&found), "{found}, not {counted}");
        assert!(entry.revision.0 >= *revision);
        let twin = snapshot.get(&format!("twins/{task}")).expect("its twin");
        assert_eq!((number(&twin.value.to_bytes()), twin.revision), (found, entry.revision));
    }
    // The history is whole too.
    let oldest = store.oldest();
    let mut watch = store.watch(oldest, everything()).unwrap();
    let mut seen = oldest;
    for pair in until(&mut watch, snapshot.revision()).await.chunks(2) {
        assert_eq!(pair[0].revision, pair[1].revision);
        assert_eq!(pair[0].revision.0, seen.0 + 1);
        seen = pair[0].revision;
    }
    assert_eq!(seen, snapshot.revision());
    let past = store.at(oldest).await.unwrap();
    assert_eq!(past.revision(), oldest);
    store.close().await;
}
