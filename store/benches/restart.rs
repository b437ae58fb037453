//! How long a store with many objects takes to open, and the memory that it then holds.
//!
//!     OBJECTS=1000000 cargo bench -p timonier-store --bench restart
//!
//! Makes the store, through the store itself, in a temporary directory (or in `$DIRECTORY`, where it stays and is used
//! again), changes every tenth object, and opens it in a process of its own. `$BYTES` is the size of an object.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use futures::StreamExt;
use timonier_store::{Key, Op, Options, Store, StoreUrl, Txn};

/// Set for the process that opens the store.
const OPEN: &str = "TIMONIER_BENCH_OPEN";
/// Transactions under way at once.
const WRITERS: usize = 1024;

#[tokio::main]
async fn main() {
    if let Some(dir) = std::env::var_os(OPEN) {
        return open(Path::new(&dir)).await;
    }
    let objects = number("OBJECTS", 100_000);
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let dir = std::env::var_os("DIRECTORY").map_or_else(|| temporary.path().join("store"), PathBuf::from);
    if !dir.join("format").exists() {
        make(&dir, objects, number("BYTES", 2600)).await;
    }
    println!("{:.0} MB on disk", megabytes(&dir));
    let program = std::env::current_exe().expect("this program");
    let status = Command::new(program).env(OPEN, &dir).status().expect("this program runs again");
    assert!(status.success(), "the store could not be opened");
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

async fn make(dir: &Path, objects: usize, bytes: usize) {
    let started = Instant::now();
    let store = Store::open(&StoreUrl::File(dir.to_owned()), Options::default()).await.expect("open");
    let writes = (0..objects).map(|n| (n, 0)).chain((0..objects).step_by(10).map(|n| (n, 1)));
    let commits = futures::stream::iter(writes).map(|(number, round)| {
        let op = Op::Put {
            key: Key::new(format!("pods/namespace-{:04}/web-{number:07}-x7k2p", number % 1000)),
            value: value(number, round, bytes).into(),
            tag: Some(format!("node-{}", number % 5000).into()),
        };
        store.commit(Txn { conditions: vec![], ops: vec![op] })
    });
    let mut done = commits.buffer_unordered(WRITERS);
    while let Some(committed) = done.next().await {
        committed.expect("commit");
    }
    drop(done);
    store.close().await;
    println!("{objects} objects written in {:.1} s", started.elapsed().as_secs_f64());
}

/// Something like an object: much of it is the same in all, some of it is not.
fn value(number: usize, round: usize, bytes: usize) -> Vec<u8> {
    let mut value = Vec::with_capacity(bytes + 64);
    let mut line = 0usize;
    while value.len() < bytes {
        let word = (number * 31 + line * 7 + round * line).wrapping_mul(0x9e37_79b9);
        value.extend_from_slice(format!("{{\"name\":\"field-{line}\",\"value\":\"{word:08x}\"}},").as_bytes());
        line += 1;
    }
    value.truncate(bytes);
    value
}

async fn open(dir: &Path) {
    let started = Instant::now();
    let store = Store::open(&StoreUrl::File(dir.to_owned()), Options::default()).await.expect("open");
    let took = started.elapsed().as_secs_f64();
    let snapshot = store.snapshot();
    let data: usize = snapshot.range("", None).map(|entry| entry.value.len()).sum();
    let memory = resident();
    println!(
        "{} objects open in {took:.2} s; {memory:.0} MB resident, {:.0} of them values ({:.0} bytes an object beside its value)",
        snapshot.len(),
        data as f64 / 1e6,
        (memory * 1e6 - data as f64) / snapshot.len().max(1) as f64
    );
    store.close().await;
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) * 1024.0 / 1e6
}

fn megabytes(dir: &Path) -> f64 {
    let files = std::fs::read_dir(dir).expect("the store's directory").flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len() as f64).sum::<f64>() / 1e6
}
