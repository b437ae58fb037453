//! Many watchers of one namespace while a few clients write: events delivered a second, how late, and what a delivered
//! event costs the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use hyper::Method;
use tokio::task::JoinHandle;

use super::figures::FanOut;
use super::http::Target;
use super::report::{Report, quantile};
use super::server::Server;
use super::watchers::{Protocol, Watchers};

const SPAN: Duration = Duration::from_secs(3);
const OBJECTS: &str = "/api/v1/namespaces/default/configmaps";
const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

pub async fn run(report: &mut Report) -> Result<()> {
    report.step("writes that nobody watches");
    let alone = measure(Protocol::Http1, 0, 8).await?;
    let write = alone.cpu.as_secs_f64() / alone.writes as f64;
    report.add("server CPU for a write, no watcher", write * 1e6, "µs", None);
    for protocol in PROTOCOLS {
        for watchers in [10, 100, 1000, 5000] {
            let name = match (watchers, protocol) {
                (1000, Protocol::Http1) => "1,000 watchers, 8 writers".to_owned(),
                _ => format!("{watchers} watchers, {}", short(protocol)),
            };
            report.step(&name);
            let mut run = measure(protocol, watchers, 8).await?;
            let rate = run.events as f64 / SPAN.as_secs_f64();
            report.add(&name, rate, "events/s", quantile(&mut run.late, 0.99));
            cut_off(report, &name, &run);
            let cpu = run.cpu.as_secs_f64() - write * run.writes as f64;
            let cpu = cpu.max(0.0) * 1e6 / run.events.max(1) as f64;
            report.add(&format!("{name}: server CPU an event"), cpu, "µs", None);
            report.fan_out(FanOut {
                protocol: protocol.name(),
                watchers,
                events_per_second: rate,
                cpu_microseconds_per_event: cpu,
            });
        }
    }
    for protocol in PROTOCOLS {
        let name = match protocol {
            Protocol::Http1 => "1,000 watchers, 64 writers".to_owned(),
            Protocol::Http2 => "1,000 watchers, 64 writers, HTTP/2".to_owned(),
        };
        report.step(&name);
        let mut run = measure(protocol, 1000, 64).await?;
        report.add(&name, run.events as f64 / SPAN.as_secs_f64(), "events/s", quantile(&mut run.late, 0.99));
        cut_off(report, &name, &run);
    }
    Ok(())
}

fn short(protocol: Protocol) -> &'static str {
    if protocol == Protocol::Http1 { "HTTP/1.1" } else { "HTTP/2" }
}

fn cut_off(report: &mut Report, name: &str, run: &Run) {
    if run.cut_off > 0 {
        report.add(&format!("{name}: cut off"), run.cut_off as f64, "watchers", None);
    }
}

struct Run {
    events: u64,
    writes: u64,
    late: Vec<Duration>,
    cut_off: u64,
    /// The server's, in the time in which the events were counted.
    cpu: Duration,
}

async fn measure(protocol: Protocol, watchers: usize, writers: usize) -> Result<Run> {
    let server = Server::start().await?;
    let epoch = Instant::now();
    let path = format!("{OBJECTS}?watch=true");
    let watchers = Watchers::start(&server.target, protocol, watchers, &path, epoch).await?;
    let writing = Writing::start(&server.target, writers, epoch);

    let (seen, written, cpu) = (&watchers.seen, &writing.written, server.cpu()?);
    tokio::time::sleep(SPAN).await;
    let (events, writes) = (seen.events.load(Ordering::Relaxed), written.load(Ordering::Relaxed));
    let cpu = server.cpu()? - cpu;
    writing.stop().await?;
    let late = watchers.drained().await;
    let cut_off = watchers.seen.cut_off.load(Ordering::Relaxed);
    Ok(Run { events, writes, late, cut_off, cpu })
}

/// Clients that each replace an object of their own again and again.
struct Writing {
    written: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Result<()>>>,
}

impl Writing {
    fn start(target: &Target, writers: usize, epoch: Instant) -> Writing {
        let (written, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let writers = (0..writers)
            .map(|writer| {
                let (target, written, stop) = (target.clone(), written.clone(), stop.clone());
                tokio::spawn(async move { write(&target, writer, &written, &stop, epoch).await })
            })
            .collect();
        Writing { written, stop, writers }
    }

    async fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await??;
        }
        Ok(())
    }
}

async fn write(target: &Target, writer: usize, written: &AtomicU64, stop: &AtomicBool, epoch: Instant) -> Result<()> {
    let mut connection = target.connect().await?;
    let text = "x".repeat(200);
    let body = || {
        let sent = epoch.elapsed().as_nanos();
        Bytes::from(format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"fan-{writer}"}},"data":{{"sent":"{sent}","text":"{text}"}}}}"#
        ))
    };
    connection.call(Method::POST, OBJECTS, "application/json", body()).await?;
    let path = format!("{OBJECTS}/fan-{writer}");
    while !stop.load(Ordering::Relaxed) {
        connection.call(Method::PUT, &path, "application/json", body()).await?;
        written.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
