//! Debian's etcd on this machine, every write on its disk: what it takes from a bare client, and what our API server
//! on it takes of the same objects.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use etcd_client::{Client, Compare, CompareOp, Txn, TxnOp};
use timonier_tests::etcd::Etcd;

use super::report::{Report, quantile};
use super::requests::{Load, OBJECTS, PODS, create_pods};
use super::server::Server;

/// Requests in flight, as over the API.
const IN_FLIGHT: usize = 64;
/// Connections that they share: one would be the bound.
const CONNECTIONS: usize = 4;

pub async fn run(report: &mut Report) -> Result<()> {
    // One etcd after the other: what the first has stored slows nobody.
    report.step("the API server on etcd");
    let (mut ours, value) = {
        let etcd = Etcd::durable().await?;
        let server = Server::start_on(Some(etcd.store_url("bench"))).await?;
        let created = create_pods(&server.target).await?;
        (created, server.target.connect().await?.get(&format!("{PODS}/bench-0")).await?)
    };
    report.step("etcd and a bare client");
    let etcd = Etcd::durable().await?;
    let mut bare = create(etcd.endpoint(), &value).await?;

    report.add("etcd, a bare client", bare.rate, "/s", quantile(&mut bare.times, 0.99));
    report.latencies("etcd itself, the same pods", &mut bare.times);
    report.add("create pods on etcd", ours.rate, "/s", quantile(&mut ours.times, 0.99));
    report.latencies("creates of pods on etcd", &mut ours.times);
    report.add("create pods on etcd / etcd itself", ours.rate / bare.rate, "times", None);
    if let Some(embedded) = report.value("create pods, 64 connections") {
        report.add("create pods, embedded / etcd itself", embedded / bare.rate, "times", None);
    }
    Ok(())
}

/// Creates as many keys with that value as the API creates pods, each under the condition that it is not there.
async fn create(endpoint: &str, value: &[u8]) -> Result<Load> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect([endpoint], None).await?);
    }
    let start = Instant::now();
    let workers: Vec<_> = (0..IN_FLIGHT)
        .map(|worker| {
            let (client, next, value) = (clients[worker % CONNECTIONS].kv_client(), next.clone(), value.to_vec());
            tokio::spawn(async move {
                let (mut client, mut times) = (client, Vec::new());
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= OBJECTS {
                        return anyhow::Ok(times);
                    }
                    let key = format!("/bench/pods/default/bench-{i}");
                    let absent = Compare::mod_revision(key.clone(), CompareOp::Equal, 0);
                    let put = TxnOp::put(key, value.clone(), None);
                    let start = Instant::now();
                    let done = client.txn(Txn::new().when([absent]).and_then([put])).await?;
                    times.push(start.elapsed());
                    ensure!(done.succeeded(), "bench-{i} is there already");
                }
            })
        })
        .collect();
    let mut times = Vec::with_capacity(OBJECTS);
    for worker in workers {
        times.extend(worker.await??);
    }
    Ok(Load { rate: OBJECTS as f64 / start.elapsed().as_secs_f64(), times })
}
