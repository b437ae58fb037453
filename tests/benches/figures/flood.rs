//! Heartbeats of a node, without and with somebody who floods the server with writes and lists.

use super::http::Target;
use super::report::{Report, quantile};
use super::server::{Server, binary};
use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::{Method, StatusCode};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use timonier_tests::cluster::connect;

const BEATS: usize = 300;
/// A node with 10,000 siblings beats as often as all of them together would here.
const PAUSE: Duration = Duration::from_millis(10);
/// Each of these connections sends the next request as soon as it has the answer to the one before.
const FLOOD: usize = 512;

pub async fn run(report: &mut Report) -> Result<()> {
    report.step("heartbeats alone");
    let server = Server::start().await?;
    let leases = node(&server).await?;
    let quiet = beat(&leases).await?;
    report.add("node heartbeat", BEATS as f64, "", Some(quiet));

    report.step("heartbeats in a flood");
    let flood = Flood::start(&server.target).await?;
    let start = Instant::now();
    let flooded = beat(&leases).await;
    let (served, refused) = flood.stop(start).await;
    report.add("node heartbeat, server flooded", BEATS as f64, "", Some(flooded?));
    report.add("flood: answered", served, "/s", None);
    report.add("flood: refused with 429", refused, "/s", None);
    Ok(())
}

/// The Lease of a node, as its agent has it: with a certificate of its own.
async fn node(server: &Server) -> Result<Api<Lease>> {
    let pki = server.pki();
    let url = format!("https://{}", server.target.address);
    let mut command = Command::new(binary("kctl")?);
    command.args(["pki", "node"]).arg(&pki).args(["flooded", "--address", "127.0.0.9", "--server", &url]);
    anyhow::ensure!(command.stdout(Stdio::null()).status()?.success(), "kctl pki node failed");
    let client = connect(&pki.join("nodes/flooded.kubeconfig")).await?;
    let leases: Api<Lease> = Api::namespaced(client, "kube-node-lease");
    let lease = json!({"metadata": {"name": "flooded"}, "spec": {"holderIdentity": "flooded"}});
    leases.create(&PostParams::default(), &serde_json::from_value(lease)?).await?;
    Ok(leases)
}

/// The p99 of a heartbeat.
async fn beat(leases: &Api<Lease>) -> Result<Duration> {
    let mut times = Vec::with_capacity(BEATS);
    for turn in 0..BEATS {
        let start = Instant::now();
        let patch = json!({"spec": {"leaseTransitions": turn}});
        leases.patch("flooded", &PatchParams::default(), &Patch::Merge(patch)).await.context("a heartbeat")?;
        times.push(start.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(quantile(&mut times, 0.99).unwrap_or_default())
}

struct Flood {
    stop: Arc<AtomicBool>,
    /// Answers that were no refusal, and those that were.
    answers: Arc<[AtomicUsize; 2]>,
    workers: Vec<tokio::task::JoinHandle<Result<()>>>,
}

impl Flood {
    async fn start(target: &Target) -> Result<Flood> {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new([0, 0].map(AtomicUsize::new)));
        let mut connections = Vec::with_capacity(FLOOD);
        for _ in 0..FLOOD {
            connections.push(target.connect().await?);
        }
        let mut workers = Vec::with_capacity(FLOOD);
        for (worker, mut connection) in connections.into_iter().enumerate() {
            let (stop, answers) = (stop.clone(), answers.clone());
            workers.push(tokio::spawn(async move {
                let path = "/api/v1/namespaces/default/configmaps";
                for turn in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let write = (worker + turn) % 4 != 0;
                    let (method, body) = match write {
                        true => {
                            let name = format!("flood-{worker}-{turn}");
                            let map = json!({"metadata": {"name": name}, "data": {"a": "x".repeat(500)}});
                            (Method::POST, Bytes::from(map.to_string()))
                        }
                        false => (Method::GET, Bytes::new()),
                    };
                    let path = if write { path.to_string() } else { format!("{path}?limit=100") };
                    let code = connection.answer(method, &path, "application/json", body).await?;
                    let refused = code == StatusCode::TOO_MANY_REQUESTS;
                    anyhow::ensure!(refused || code.is_success(), "{path}: {code}");
                    answers[usize::from(refused)].fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }));
        }
        // Until it is a flood.
        while answers[0].load(Ordering::Relaxed) < FLOOD {
            anyhow::ensure!(workers.iter().all(|worker| !worker.is_finished()), "the flood ended before it was one");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        answers.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        Ok(Flood { stop, answers, workers })
    }

    /// Answers and refusals a second since `start`.
    async fn stop(self, start: Instant) -> (f64, f64) {
        let seconds = start.elapsed().as_secs_f64();
        let [served, refused] = [0, 1].map(|i| self.answers[i].load(Ordering::Relaxed) as f64 / seconds);
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            if let Ok(Err(error)) = worker.await {
                eprintln!("  flood: {error:#}");
            }
        }
        (served, refused)
    }
}
