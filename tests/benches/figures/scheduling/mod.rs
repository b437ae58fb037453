//! Pods that a scheduler process binds in a second: 5,000 nodes, 30,000 pods waiting, all through an API server whose
//! writes are on disk. The nodes are objects alone: what is measured ends with the binding.

mod cases;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use cases::{CASES, Case};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::handshake;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use timonier_tests::etcd::free_port;
use tokio::net::TcpStream;

use super::http::Target;
use super::report::Report;
use super::requests::{PODS, load};
use super::server::{Server, binary, cpu, memory_mb};

pub const NODES: usize = 5_000;
/// A case ends when all its pods are bound, or after so long: its rate is known by then.
const LONGEST: Duration = Duration::from_secs(15);
/// Nothing was bound for so long: nothing more will be.
const STALLED: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

pub async fn run(report: &mut Report) -> Result<()> {
    for case in &CASES {
        // One case that can't run does not take the others along.
        if let Err(error) = measure(report, case).await {
            report.say(&format!("  {}: {error:#}", case.name));
        }
    }
    Ok(())
}

async fn measure(report: &mut Report, case: &Case) -> Result<()> {
    report.step(&format!("{}: making {NODES} nodes and {} pods", case.name, case.waiting));
    let server = Server::start().await?;
    create(&server.target, "/api/v1/nodes", NODES, cases::node).await?;
    create(&server.target, PODS, case.running, case.runs).await?;
    create(&server.target, PODS, case.waiting, case.waits).await?;

    report.step(&format!("{}: binding", case.name));
    let before = server.cpu()?;
    let scheduler = Scheduler::start(&server)?;
    let (first, began) = scheduler.until(1, STALLED).await?;
    let (bound, ended) = scheduler.until(case.waiting, LONGEST).await?;
    let took = ended.duration_since(began).as_secs_f64();
    ensure!(bound > first, "only {bound} pods were bound");
    let each = |used: Duration| used.as_secs_f64() * 1e6 / bound as f64;
    let [theirs, ours] = [server.cpu()? - before, cpu(scheduler.process.id())?].map(each);
    let memory = memory_mb(scheduler.process.id())?;
    drop(scheduler);
    let pods = bound_pods(&server.target).await?;
    // What was under way in the end is bound, and not counted.
    ensure!(pods.len() >= bound, "{bound} pods were said to be bound, and {} are", pods.len());
    (case.holds)(&pods)?;
    report.add(&format!("bound pods, {}", case.name), (bound - first) as f64 / took, "/s", None);
    report.say(&format!(
        "    each took {theirs:.0} µs of the server's processor time and {ours:.0} µs of the scheduler's, which has {memory:.0} MB"
    ));
    Ok(())
}

async fn create(target: &Target, path: &'static str, total: usize, object: fn(usize) -> Value) -> Result<()> {
    let created = load(target, 32, total, move |connection, i| {
        let body = Bytes::from(object(i).to_string());
        Box::pin(async move { connection.call(Method::POST, path, "application/json", body).await.map(drop) })
    });
    created.await.map(drop)
}

/// A pod that has a node.
pub struct Bound {
    pub app: String,
    pub node: String,
}

async fn bound_pods(target: &Target) -> Result<Vec<Bound>> {
    #[derive(Deserialize)]
    struct List {
        items: Vec<Pod>,
    }
    #[derive(Deserialize)]
    struct Pod {
        metadata: Metadata,
        spec: Spec,
    }
    #[derive(Deserialize)]
    struct Metadata {
        labels: HashMap<String, String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        node_name: Option<String>,
    }
    let list = target.connect().await?.get(PODS).await?;
    let pods = serde_json::from_slice::<List>(&list)?.items.into_iter();
    let bound = pods.filter_map(|mut pod| {
        let app = pod.metadata.labels.remove("app").unwrap_or_default();
        Some(Bound { app, node: pod.spec.node_name? })
    });
    Ok(bound.collect())
}

/// A scheduler as a process of its own, ended with this value.
struct Scheduler {
    process: Child,
    metrics: SocketAddr,
}

impl Scheduler {
    fn start(server: &Server) -> Result<Scheduler> {
        let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = Command::new(binary("timonier-controllers")?);
        command.args(["--only", "scheduler", "--log", "warn", "--metrics-bind", &metrics.to_string(), "--kubeconfig"]);
        command.arg(server.kubeconfig("scheduler")?).stdin(Stdio::null());
        Ok(Scheduler { process: command.spawn()?, metrics })
    }

    /// Waits until so many pods are bound, for so long at most. How many there are then, and when it was seen.
    async fn until(&self, pods: usize, within: Duration) -> Result<(usize, Instant)> {
        let start = Instant::now();
        loop {
            let bound = self.bound().await.unwrap_or(0);
            let now = Instant::now();
            if bound >= pods || (bound > 0 && now.duration_since(start) > within) {
                return Ok((bound, now));
            }
            if now.duration_since(start) > STALLED {
                bail!("no pod was bound within {} s", STALLED.as_secs());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Bindings that were written, as the scheduler counts them.
    async fn bound(&self) -> Result<usize> {
        let stream = TokioIo::new(TcpStream::connect(self.metrics).await?);
        let (mut sender, connection) = handshake(stream).await?;
        tokio::spawn(connection);
        let request = Request::get("/metrics").header("host", "scheduler").body(Empty::<Bytes>::new())?;
        let text = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&text);
        let scheduled = text.lines().filter(|line| {
            line.starts_with("scheduler_schedule_attempts_total") && line.contains("result=\"scheduled\"")
        });
        let counts = scheduled.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
        Ok(counts.sum())
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
