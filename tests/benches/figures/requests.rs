//! Creates, patches, gets and lists against one server with an embedded store, and its restart.

use super::http::{Connection, Target};
use super::pods::pod;
use super::report::{Report, quantile};
use super::server::Server;
use anyhow::{Result, bail};
use bytes::Bytes;
use hyper::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub const PODS: &str = "/api/v1/namespaces/default/pods";
pub const OBJECTS: usize = 20_000;
const GETS: usize = 100_000;
const LISTS: usize = 11;

pub async fn run(report: &mut Report) -> Result<()> {
    let mut server = Server::start().await?;
    report.add("start to ready, empty", server.ready_after.as_secs_f64() * 1e3, "ms", None);
    report.add("memory, empty", server.memory_mb()?, "MB", None);

    let target = server.target.clone();
    report.step("creating 20,000 pods");
    let mut cpu = server.cpu()?;
    let mut created = create_pods(&target).await?;
    report.add("create pods, 64 connections", created.rate, "/s", quantile(&mut created.times, 0.99));
    report.latencies("creates of pods", &mut created.times);
    report.add("server CPU for a create", each(&server, &mut cpu, OBJECTS)?, "µs", None);

    report.step("patching 10,000 pods");
    let mut patched = load(&target, 64, OBJECTS / 2, |connection, i| {
        let path = format!("{PODS}/bench-{i}");
        let body = Bytes::from(format!(r#"{{"metadata":{{"annotations":{{"bench.timonier.io/turn":"{i}"}}}}}}"#));
        Box::pin(
            async move { connection.pass(Method::PATCH, &path, "application/merge-patch+json", body).await.map(drop) },
        )
    })
    .await?;
    report.add("merge-patch pods, 64 connections", patched.rate, "/s", quantile(&mut patched.times, 0.99));
    report.latencies("merge patches of pods", &mut patched.times);
    report.add("server CPU for a patch", each(&server, &mut cpu, OBJECTS / 2)?, "µs", None);
    report.add("memory after 20,000 objects", server.memory_mb()?, "MB", None);

    report.step("getting pods");
    let mut got = load(&target, 32, GETS, |connection, i| {
        let path = format!("{PODS}/bench-{}", i % OBJECTS);
        Box::pin(async move { connection.read(&path).await.map(drop) })
    })
    .await?;
    report.add("get one pod, 32 connections", got.rate, "/s", quantile(&mut got.times, 0.99));
    report.add("server CPU for a get", each(&server, &mut cpu, GETS)?, "µs", None);

    // The list that is measured has 10,000 pods: the other half goes.
    report.step("deleting 10,000 pods");
    load(&target, 64, OBJECTS / 2, |connection, i| {
        let path = format!("{PODS}/bench-{}?gracePeriodSeconds=0", OBJECTS / 2 + i);
        Box::pin(
            async move { connection.pass(Method::DELETE, &path, "application/json", Bytes::new()).await.map(drop) },
        )
    })
    .await?;
    report.step("listing pods");
    cpu = server.cpu()?;
    let whole = reads(&target, PODS, LISTS).await?;
    report.add("list 10,000 pods", whole.as_secs_f64() * 1e3, "ms", None);
    report.add("server CPU for that list", each(&server, &mut cpu, LISTS)? / 1e3, "ms", None);
    let page = reads(&target, &format!("{PODS}?limit=500"), 21).await?;
    report.add("a page of 500 pods", page.as_secs_f64() * 1e3, "ms", None);

    report.step("restarting after kill -9");
    server.restart().await?;
    report.add("restart to ready, 40,000 writes", server.ready_after.as_secs_f64() * 1e3, "ms", None);
    report.add("memory after that restart, 10,000 pods", server.memory_mb()?, "MB", None);
    Ok(())
}

/// The server's processor time since `before` for each of so many requests, in microseconds; `before` becomes now.
fn each(server: &Server, before: &mut Duration, requests: usize) -> Result<f64> {
    let now = server.cpu()?;
    let used = now.saturating_sub(std::mem::replace(before, now));
    Ok(used.as_secs_f64() * 1e6 / requests as f64)
}

/// Creates 20,000 pods over 64 connections.
pub async fn create_pods(target: &Target) -> Result<Load> {
    let pods: Arc<[Bytes]> = (0..OBJECTS).map(|i| pod(&format!("bench-{i}")).to_string().into()).collect();
    load(target, 64, OBJECTS, move |connection, i| {
        let body = pods[i].clone();
        Box::pin(async move { connection.pass(Method::POST, PODS, "application/json", body).await.map(drop) })
    })
    .await
}

/// The median of reading `path` so many times over one connection.
async fn reads(target: &Target, path: &str, times: usize) -> Result<Duration> {
    let (mut connection, drive) = target.connect_driven().await?;
    let reads = async {
        let mut taken = Vec::with_capacity(times);
        for _ in 0..times {
            let start = Instant::now();
            connection.read(path).await?;
            taken.push(start.elapsed());
        }
        anyhow::Ok(quantile(&mut taken, 0.5).unwrap_or_default())
    };
    tokio::select! {
        median = reads => median,
        ended = drive => bail!("the server ended a connection: {ended:?}"),
    }
}

pub type Call<'a> = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// How a load went.
pub struct Load {
    /// Requests a second.
    pub rate: f64,
    /// What each took.
    pub times: Vec<Duration>,
}

/// Runs `total` requests over `connections` connections.
pub async fn load(
    target: &Target,
    connections: usize,
    total: usize,
    request: impl for<'a> Fn(&'a mut Connection, usize) -> Call<'a> + Send + Sync + Clone + 'static,
) -> Result<Load> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(target.connect_driven().await?);
    }
    let start = Instant::now();
    let workers: Vec<_> = open
        .into_iter()
        .map(|(mut connection, drive)| {
            let (next, request) = (next.clone(), request.clone());
            tokio::spawn(async move {
                let requests = async {
                    let mut times = Vec::new();
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        if i >= total {
                            return anyhow::Ok(times);
                        }
                        let start = Instant::now();
                        request(&mut connection, i).await?;
                        times.push(start.elapsed());
                    }
                };
                tokio::select! {
                    times = requests => times,
                    ended = drive => bail!("the server ended a connection: {ended:?}"),
                }
            })
        })
        .collect();
    let mut times = Vec::with_capacity(total);
    for worker in workers {
        times.extend(worker.await??);
    }
    let rate = total as f64 / start.elapsed().as_secs_f64();
    Ok(Load { rate, times })
}
