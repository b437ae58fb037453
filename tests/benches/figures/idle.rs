//! What a server costs that has nothing to do: alone, and with 10,000 watchers to whom nothing happens.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::report::Report;
use super::server::Server;
use super::watchers::{Protocol, Watchers};

const WATCHERS: usize = 10_000;
const SPAN: Duration = Duration::from_secs(10);

pub async fn run(report: &mut Report) -> Result<()> {
    let server = Server::start().await?;
    report.step("doing nothing");
    // What a start leaves to do is not idleness.
    tokio::time::sleep(Duration::from_secs(2)).await;
    report.add("idle, empty: of one core", idle(&server).await?, "%", None);
    let path = "/api/v1/pods?watch=true";
    for protocol in [Protocol::Http1, Protocol::Http2] {
        report.step("10,000 watchers");
        let server = Server::start().await?;
        let before = server.memory_mb()?;
        let watchers = Watchers::start(&server.target, protocol, WATCHERS, path, Instant::now()).await?;
        // Until the server has let go of what connecting took.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let name = format!("10,000 idle watchers, {}", protocol.name());
        report.add(&name, server.memory_mb()? - before, "MB", None);
        if protocol == Protocol::Http1 {
            report.add("the same: of one core", idle(&server).await?, "%", None);
        }
        drop(watchers);
    }
    Ok(())
}

/// Percent of one core.
async fn idle(server: &Server) -> Result<f64> {
    let (before, start) = (server.cpu()?, Instant::now());
    tokio::time::sleep(SPAN).await;
    Ok((server.cpu()? - before).as_secs_f64() * 100.0 / start.elapsed().as_secs_f64())
}
