//! Creates, patches, gets and lists against one server.

use super::http::{Connection, Target};
use super::pods::pod;
use super::report::{Report, quantile};
use super::server::Server;
use anyhow::Result;
use bytes::Bytes;
use hyper::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const PODS: &str = "/api/v1/namespaces/default/pods";
const OBJECTS: usize = 20_000;

pub async fn run(server: &mut Server, report: &mut Report) -> Result<()> {
    let target = server.target.clone();
    let (rate, p99) = load(&target, 64, OBJECTS, |connection, i| {
        let body = Bytes::from(pod(&format!("bench-{i}")).to_string());
        Box::pin(async move { connection.call(Method::POST, PODS, "application/json", body).await.map(drop) })
    })
    .await?;
    report.add("create pods, 64 connections", rate, "/s", p99);

    let (rate, p99) = load(&target, 64, OBJECTS / 2, |connection, i| {
        let path = format!("{PODS}/bench-{i}");
        let body = Bytes::from(format!(r#"{{"metadata":{{"annotations":{{"bench.timonier.io/turn":"{i}"}}}}}}"#));
        Box::pin(
            async move { connection.call(Method::PATCH, &path, "application/merge-patch+json", body).await.map(drop) },
        )
    })
    .await?;
    report.add("merge-patch pods, 64 connections", rate, "/s", p99);
    report.add("memory after 20,000 objects", server.memory_mb()?, "MB", None);

    let (rate, p99) = load(&target, 32, 100_000, |connection, i| {
        let path = format!("{PODS}/bench-{}", i % OBJECTS);
        Box::pin(async move { connection.get(&path).await.map(drop) })
    })
    .await?;
    report.add("get one pod, 32 connections", rate, "/s", p99);

    // The list that is measured has 10,000 pods: the other half goes.
    load(&target, 64, OBJECTS / 2, |connection, i| {
        let path = format!("{PODS}/bench-{}?gracePeriodSeconds=0", OBJECTS / 2 + i);
        Box::pin(
            async move { connection.call(Method::DELETE, &path, "application/json", Bytes::new()).await.map(drop) },
        )
    })
    .await?;
    let mut connection = target.connect().await?;
    let mut times = Vec::new();
    for _ in 0..11 {
        let start = Instant::now();
        connection.get(PODS).await?;
        times.push(start.elapsed());
    }
    let median = quantile(&mut times, 0.5).unwrap_or_default();
    report.add("list 10,000 pods", median.as_secs_f64() * 1e3, "ms", None);
    let mut times = Vec::new();
    for _ in 0..21 {
        let start = Instant::now();
        connection.get(&format!("{PODS}?limit=500")).await?;
        times.push(start.elapsed());
    }
    let median = quantile(&mut times, 0.5).unwrap_or_default();
    report.add("a page of 500 pods", median.as_secs_f64() * 1e3, "ms", None);
    Ok(())
}

type Call<'a> = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Runs `total` requests over `connections` connections; requests per second, and the latency's p99.
async fn load(
    target: &Target,
    connections: usize,
    total: usize,
    request: impl for<'a> Fn(&'a mut Connection, usize) -> Call<'a> + Send + Sync + Clone + 'static,
) -> Result<(f64, Option<Duration>)> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(target.connect().await?);
    }
    let start = Instant::now();
    let workers: Vec<_> = open
        .into_iter()
        .map(|mut connection| {
            let (next, request) = (next.clone(), request.clone());
            tokio::spawn(async move {
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
            })
        })
        .collect();
    let mut times = Vec::with_capacity(total);
    for worker in workers {
        times.extend(worker.await??);
    }
    let rate = total as f64 / start.elapsed().as_secs_f64();
    Ok((rate, quantile(&mut times, 0.99)))
}
