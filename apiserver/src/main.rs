//! `timonier-apiserver`: one API server. Any number may share one etcd.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use mimalloc::MiMalloc;
use timonier_apiserver::{Config, Limits, Patience, PkiPaths, Retention, Server};
use timonier_store::{Options, Store, StoreUrl};
use timonier_telemetry::Telemetry;
use tokio::signal::unix::{SignalKind, signal};

/// An object is hundreds of small allocations: with this allocator a write takes half the time that it takes with the C
/// library's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Serves the Kubernetes API over TLS from a store.
#[derive(Parser)]
#[command(name = "timonier-apiserver", version)]
struct Flags {
    /// Where objects are kept: a directory (file:///var/lib/timonier), an etcd cluster
    /// (etcd://host:2379,host:2379/CLUSTER), or memory: to keep nothing
    #[arg(long, env = "TIMONIER_STORE")]
    store: StoreUrl,

    /// Directory with the cluster's credentials, as `kctl pki init` makes it
    #[arg(long, env = "TIMONIER_PKI", value_name = "DIR")]
    pki: PathBuf,

    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "TIMONIER_BIND", value_name = "ADDRESS:PORT", default_value = "0.0.0.0:6443")]
    bind: SocketAddr,

    /// Address and port that discovery tells clients, when it is not the one above
    #[arg(long, env = "TIMONIER_ADVERTISE", value_name = "ADDRESS:PORT")]
    advertise: Option<SocketAddr>,

    #[command(flatten)]
    files: StoreFiles,

    #[command(flatten)]
    patience: Patience,

    #[command(flatten)]
    limits: Limits,

    #[command(flatten)]
    retention: Retention,

    #[command(flatten)]
    tracing: timonier_telemetry::Flags,

    /// What to log to standard error: error, warn, info, debug, trace, or a filter like timonier_store=debug
    #[arg(long, env = "TIMONIER_LOG", default_value = "info")]
    log: String,
}

/// Sizes of the embedded store's files, in bytes.
#[derive(clap::Args)]
struct StoreFiles {
    /// A new log file is begun at this size
    #[arg(long, env = "TIMONIER_STORE_SEGMENT_BYTES", hide = true, default_value_t = Options::default().segment_bytes)]
    store_segment_bytes: u64,

    /// A checkpoint is written when the log has grown by this much since the last one
    #[arg(long, env = "TIMONIER_STORE_CHECKPOINT_BYTES", hide = true, default_value_t = Options::default().checkpoint_bytes)]
    store_checkpoint_bytes: u64,
}

fn main() -> ExitCode {
    // A huge page is resident as a whole when one byte of it is used: an idle connection's buffers are mostly untouched. Where this
    // can't be said it only costs memory.
    let _said = rustix::thread::disable_transparent_huge_pages(true);
    let flags = Flags::parse();
    match start(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timonier-apiserver: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(flags: Flags) -> anyhow::Result<()> {
    let _telemetry = Telemetry::start("timonier-apiserver", &flags.log, &flags.tracing)?;
    run(flags)
}

fn run(flags: Flags) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let options = Options {
            segment_bytes: flags.files.store_segment_bytes,
            checkpoint_bytes: flags.files.store_checkpoint_bytes,
            ..flags.retention.options()
        };
        let store = Store::open(&flags.store, options).await.with_context(|| format!("--store {}", flags.store))?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let server = Server::start(Config {
            bind: flags.bind,
            pki: PkiPaths::in_dir(&flags.pki),
            store: store.clone(),
            advertise: flags.advertise,
            patience: flags.patience,
            limits: flags.limits,
        })
        .await?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("draining");
        server.shutdown().await;
        store.close().await;
        Ok(())
    })
}
