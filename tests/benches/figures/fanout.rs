//! Many watchers of one namespace while a few clients write: events delivered a second, and how late.

use super::http::Target;
use super::report::{Report, quantile};
use super::server::Server;
use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

const WATCHERS: usize = 1_000;
const SPAN: Duration = Duration::from_secs(5);
const OBJECTS: &str = "/api/v1/namespaces/default/configmaps";
/// The write's time in nanoseconds since the bench began follows this in every object.
const MARK: &[u8] = br#""sent":""#;

#[derive(Default)]
struct Delivered {
    events: AtomicU64,
    cut_off: AtomicU64,
    done: AtomicBool,
}

pub async fn run(server: &Server, writers: usize, report: &mut Report) -> Result<()> {
    let epoch = Instant::now();
    let delivered = Arc::new(Delivered::default());
    let watching = Arc::new(Semaphore::new(0));
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        let (target, delivered, watching) = (server.target.clone(), delivered.clone(), watching.clone());
        watchers.push(tokio::spawn(async move { watch(&target, &delivered, &watching, epoch).await }));
    }
    watching.acquire_many(WATCHERS as u32).await?.forget();

    let writing: Vec<_> = (0..writers)
        .map(|writer| {
            let (target, delivered) = (server.target.clone(), delivered.clone());
            tokio::spawn(async move { write(&target, writer, &delivered, epoch).await })
        })
        .collect();
    tokio::time::sleep(SPAN).await;
    let events = delivered.events.load(Ordering::Relaxed);
    let rate = events as f64 / SPAN.as_secs_f64();
    delivered.done.store(true, Ordering::Relaxed);
    for writer in writing {
        writer.await??;
    }
    let mut late = Vec::new();
    for watcher in &mut watchers {
        if let Ok(times) = tokio::time::timeout(Duration::from_secs(10), watcher).await {
            late.extend(times??);
        }
    }
    let p99 = quantile(&mut late, 0.99);
    report.add(&format!("1,000 watchers, {writers} writers"), rate, "events/s", p99);
    let cut_off = delivered.cut_off.load(Ordering::Relaxed);
    if cut_off > 0 {
        eprintln!("  {cut_off} of {WATCHERS} watchers were cut off");
    }
    Ok(())
}

async fn write(target: &Target, writer: usize, delivered: &Delivered, epoch: Instant) -> Result<()> {
    let mut connection = target.connect().await?;
    let body = |sent: u128| {
        Bytes::from(format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"fan-{writer}"}},"data":{{"sent":"{sent}","text":"{}"}}}}"#,
            "x".repeat(200)
        ))
    };
    connection.call(Method::POST, OBJECTS, "application/json", body(epoch.elapsed().as_nanos())).await?;
    let path = format!("{OBJECTS}/fan-{writer}");
    while !delivered.done.load(Ordering::Relaxed) {
        let body = body(epoch.elapsed().as_nanos());
        connection.call(Method::PUT, &path, "application/json", body).await?;
    }
    Ok(())
}

/// Watches until the bench is over and nothing more comes; the delays of the events it saw, one in a hundred.
async fn watch(target: &Target, delivered: &Delivered, watching: &Semaphore, epoch: Instant) -> Result<Vec<Duration>> {
    let mut connection = target.connect().await?;
    let path = format!("{OBJECTS}?watch=true");
    let response = connection.send(Method::GET, &path, "application/json", Bytes::new()).await?;
    anyhow::ensure!(response.status().is_success(), "watch: {}", response.status());
    watching.add_permits(1);
    let mut body = response.into_body();
    let mut late = Vec::new();
    let mut seen = 0u64;
    loop {
        let frame = match tokio::time::timeout(Duration::from_millis(500), body.frame()).await {
            Ok(Some(frame)) => frame?,
            Ok(None) => {
                delivered.cut_off.fetch_add(1, Ordering::Relaxed);
                return Ok(late);
            }
            Err(_) if delivered.done.load(Ordering::Relaxed) => return Ok(late),
            Err(_) => continue,
        };
        let Some(data) = frame.data_ref() else { continue };
        let events = data.iter().filter(|b| **b == b'\n').count() as u64;
        delivered.events.fetch_add(events, Ordering::Relaxed);
        seen += events;
        if seen >= 100 {
            seen = 0;
            if let Some(sent) = sent(data) {
                late.push(epoch.elapsed().saturating_sub(sent));
            }
        }
    }
}

/// When the last object in some bytes was sent.
fn sent(data: &[u8]) -> Option<Duration> {
    let at = data.windows(MARK.len()).rposition(|window| window == MARK)? + MARK.len();
    let digits = data[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    let text = std::str::from_utf8(&data[at..at + digits]).ok()?;
    text.parse().context("sent").ok().map(Duration::from_nanos)
}
