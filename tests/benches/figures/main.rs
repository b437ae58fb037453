//! `make bench`: what the release binaries do on this machine, beside the reference's figures.
//!
//! One real `timonier-apiserver` with TLS and authentication on, every write on disk before it is acknowledged; the load
//! comes from this process, on the same cores. The embedded store is measured beside an etcd of the same run, pod start
//! beside `docker run`. A bench that can't run says so, and the others go on.
//! `make bench BENCH="NAME …"` runs only the benches whose names contain a NAME.

mod burst;
mod checkpoint;
mod definitions;
mod docker;
mod etcd;
mod fanout;
mod figures;
mod flood;
mod http;
mod idle;
mod plots;
mod pods;
mod podstart;
mod progress;
mod report;
mod requests;
mod scheduling;
mod server;
mod watchers;

use anyhow::{Result, bail};
use report::Report;

/// The benches by name, in the order in which they run.
const BENCHES: [&str; 10] =
    ["requests", "etcd", "checkpoint", "definitions", "fanout", "idle", "flood", "scheduling", "podstart", "burst"];

async fn run(name: &str, report: &mut Report) -> Result<()> {
    match name {
        "requests" => requests::run(report).await,
        "etcd" => etcd::run(report).await,
        "checkpoint" => checkpoint::run(report).await,
        "definitions" => definitions::run(report).await,
        "fanout" => fanout::run(report).await,
        "idle" => idle::run(report).await,
        "flood" => flood::run(report).await,
        "scheduling" => scheduling::run(report).await,
        "podstart" => podstart::run(report).await,
        "burst" => burst::run(report).await,
        other => bail!("no bench is named {other}"),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|want| !BENCHES.iter().any(|name| name.contains(want.as_str()))) {
        bail!("no bench is named {unknown}: there are {}", BENCHES.join(", "));
    }
    let asked = |name: &&str| wanted.is_empty() || wanted.iter().any(|want| name.contains(want.as_str()));
    let asked: Vec<&str> = BENCHES.into_iter().filter(asked).collect();

    server::raise_open_files();
    let mut report = Report::new(asked.len());
    for name in asked {
        report.begin(name);
        if let Err(error) = run(name, &mut report).await {
            report.failed(&error);
        }
    }
    report.finish()
}
