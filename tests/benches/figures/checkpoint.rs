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
/// Several times the size of log after which a checkpoint is written.
const WRITES: usize = 24_000;
const BYTES: usize = 20_000;
const OBJECTS: &str = "/api/v1/namespaces/default/configmaps";

pub async fn run(report: &mut Report) -> Result<()> {
    let server = Server::start().await?;
    report.step("writing 480 MB");
    let (busy, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let looking = {
        let (folder, busy, done) = (server.store().to_owned(), busy.clone(), done.clone());
        std::thread::spawn(move || look(&folder, &busy, &done))
    };
    let written = write(&server.target, &busy).await;
    done.store(true, Ordering::Relaxed);
    let checkpoints = looking.join().unwrap_or(0);
    let (mut meanwhile, mut otherwise) = written?;
    ensure!(checkpoints > 0, "no checkpoint was written in {WRITES} writes");
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
async fn write(target: &Target, busy: &Arc<AtomicBool>) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let (mut connection, next, busy) = (target.connect().await?, next.clone(), busy.clone());
        workers.push(tokio::spawn(async move {
            let (mut meanwhile, mut otherwise) = (Vec::new(), Vec::new());
            let text = "x".repeat(BYTES);
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                if i >= WRITES {
                    return anyhow::Ok((meanwhile, otherwise));
                }
                let body = format!(r#"{{"metadata":{{"name":"large-{i}"}},"data":{{"text":"{text}"}}}}"#);
                let (start, before) = (Instant::now(), busy.load(Ordering::Relaxed));
                connection.call(Method::POST, OBJECTS, "application/json", Bytes::from(body)).await?;
                let met = before || busy.load(Ordering::Relaxed);
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

/// Says in `busy` whether a checkpoint is being written, which is when its unfinished file is there; how many there were.
fn look(folder: &Path, busy: &AtomicBool, done: &AtomicBool) -> usize {
    let mut checkpoints = 0;
    while !done.load(Ordering::Relaxed) {
        let unfinished = std::fs::read_dir(folder).is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().ends_with(".tmp")))
        });
        if unfinished && !busy.swap(unfinished, Ordering::Relaxed) {
            checkpoints += 1;
        } else if !unfinished {
            busy.store(false, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    checkpoints
}
