//! Write latency while the store writes a checkpoint and drops history, beside the latency when it does not.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use hyper::Method;

use super::http::Target;
use super::report::{Report, quantile};
use super::server::Server;

const CONNECTIONS: usize = 64;
/// Several times the size of log after which a checkpoint is written. The store looks for that every few seconds, so writes go
/// on until it was seen, but not for ever.
const WRITES: usize = 24_000;
const MOST_WRITES: usize = 4 * WRITES;
const BYTES: usize = 20_000;
const OBJECTS: &str = "/api/v1/namespaces/default/configmaps";

pub async fn run(report: &mut Report) -> Result<()> {
    let server = Server::start().await?;
    report.step("writing 480 MB and more");
    let seen = Arc::new(Seen::default());
    let looking = {
        let (folder, seen) = (server.store().to_owned(), seen.clone());
        std::thread::spawn(move || seen.look(&folder))
    };
    let written = write(&server.target, &seen).await;
    seen.done.store(true, Ordering::Relaxed);
    let looked = looking.join().is_ok();
    let (mut meanwhile, mut otherwise) = written?;
    let checkpoints = seen.checkpoints.load(Ordering::Relaxed);
    ensure!(looked && checkpoints > 0, "no checkpoint was written in {MOST_WRITES} writes");
    let mut add = |name: &str, times: &mut Vec<Duration>| {
        report.add(name, times.len() as f64, "writes", quantile(times, 0.99));
        if let Some(longest) = times.last() {
            report.add(&format!("{name}: the slowest"), longest.as_secs_f64() * 1e3, "ms", None);
        }
    };
    add("20 KB writes without a checkpoint", &mut otherwise);
    add("20 KB writes during a checkpoint", &mut meanwhile);
    report.add("checkpoints", checkpoints as f64, "", None);
    Ok(())
}

/// Creates objects; what writes took that met a checkpoint, and what others took.
async fn write(target: &Target, seen: &Arc<Seen>) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let (mut connection, next, seen) = (target.connect().await?, next.clone(), seen.clone());
        workers.push(tokio::spawn(async move {
            let (mut meanwhile, mut otherwise) = (Vec::new(), Vec::new());
            let text = "x".repeat(BYTES);
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                if i >= MOST_WRITES || (i >= WRITES && seen.one_ended()) {
                    return anyhow::Ok((meanwhile, otherwise));
                }
                let body = format!(r#"{{"metadata":{{"name":"large-{i}"}},"data":{{"text":"{text}"}}}}"#);
                let (start, before) = (Instant::now(), seen.is_busy());
                connection.call(Method::POST, OBJECTS, "application/json", Bytes::from(body)).await?;
                let met = before || seen.is_busy();
                if met { &mut meanwhile } else { &mut otherwise }.push(start.elapsed());
            }
        }));
    }
    let (mut meanwhile, mut otherwise) = (Vec::new(), Vec::new());
    for worker in workers {
        let (more, others) = worker.await??;
        meanwhile.extend(more);
        otherwise.extend(others);
    }
    Ok((meanwhile, otherwise))
}

/// What is seen of checkpoints from outside: while one is being written, its unfinished file is there.
#[derive(Default)]
struct Seen {
    busy: AtomicBool,
    checkpoints: AtomicUsize,
    done: AtomicBool,
}

impl Seen {
    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    fn one_ended(&self) -> bool {
        self.checkpoints.load(Ordering::Relaxed) > 0 && !self.is_busy()
    }

    fn look(&self, folder: &Path) {
        while !self.done.load(Ordering::Relaxed) {
            let unfinished = std::fs::read_dir(folder).is_ok_and(|mut files| {
                files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().ends_with(".tmp")))
            });
            if unfinished && !self.busy.swap(unfinished, Ordering::Relaxed) {
                self.checkpoints.fetch_add(1, Ordering::Relaxed);
            } else if !unfinished {
                self.busy.store(false, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
