//! `make bench`: what the release binaries do on this machine, beside the reference's figures.
//!
//! One real `timonier-apiserver` with its embedded store, TLS and authentication on, every write on disk before it is
//! acknowledged; the load comes from this process, on the same cores. Pod start is measured against `docker run`.
//! `cargo bench -p timonier-tests --bench figures -- NAME…` measures only what matches.

mod burst;
mod fanout;
mod flood;
mod http;
mod pods;
mod podstart;
mod report;
mod requests;
mod server;

use anyhow::Result;
use report::Report;
use server::Server;

#[tokio::main]
async fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    let mut report = Report::default();

    if asked("server") || asked("requests") {
        let mut server = Server::start().await?;
        report.add("start to ready, empty", server.ready_after.as_secs_f64() * 1e3, "ms", None);
        report.add("memory, empty", server.memory_mb()?, "MB", None);
        requests::run(&mut server, &mut report).await?;
    }
    for writers in [8, 64] {
        if asked("fanout") {
            let server = Server::start().await?;
            fanout::run(&server, writers, &mut report).await?;
        }
    }
    if asked("flood") {
        flood::run(&mut report).await?;
    }
    if asked("podstart") {
        podstart::run(&mut report).await?;
    }
    if asked("burst") {
        burst::run(&mut report).await?;
    }
    report.print()
}
