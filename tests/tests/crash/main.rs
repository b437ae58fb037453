//! A server that is killed again and again while it is written to and watched: every acknowledged write is there, no refused
//! one is, revisions only grow, and each watcher that resumed saw each change once and in order.
//!
//! 25 kills; `make crash` does as many as KILLS says.

mod writer;

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use timonier_tests::cluster::{Settings, Store};
use timonier_tests::follower::Follower;
use timonier_tests::ledger::Ledger;
use timonier_tests::processes::{ApiServer, Ground};
use timonier_tests::registers::Registers;
use timonier_tests::setting;
use timonier_tests::wait::{PATIENCE, eventually};
use tokio::sync::watch;

use writer::{Counts, Writer};

const WRITERS: usize = 4;
const WATCHERS: usize = 3;
/// Small files, so that kills also hit new log files and checkpoints.
const SMALL_FILES: Settings =
    &[("TIMONIER_STORE_SEGMENT_BYTES", "40000"), ("TIMONIER_STORE_CHECKPOINT_BYTES", "60000")];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9() -> Result<()> {
    let (kills, seed) = (setting::number("KILLS", 25)?, setting::seed()?);
    let mut ground = Ground::new(Store::Embedded).await?;
    let store = ground.path("store");
    let mut server = ground.api_server_on("server", &store, SMALL_FILES).await?;
    let registers = async || Ok::<_, anyhow::Error>(Registers::new(server.client().await?, Duration::from_secs(20)));
    let looker = registers().await?;
    let (start, _) = looker.list(None).await.done().context("the first list")?;
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        watchers.push(Follower::start(vec![server.client().await?], start));
    }
    let (counts, counted) = watch::channel(Counts::default());
    let (stop, stopped) = watch::channel(false);
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let rng = StdRng::seed_from_u64(seed + 1 + number as u64);
        let writer = Writer::new(number, registers().await?, rng, counts.clone());
        writers.push(tokio::spawn(writer.run(stopped.clone())));
    }
    let mut rng = StdRng::seed_from_u64(seed);
    for kill in 1..=kills {
        kill_somewhere(&mut server, &mut rng, counted.clone()).await.with_context(|| format!("kill {kill}"))?;
        show(kill, kills, &counted.borrow());
    }
    stop.send_replace(true);
    let writers = try_join_all(writers).await?.into_iter().collect::<Result<Vec<_>>>()?;

    let end = looker.create("end", "end").await.done().context("the last write")?;
    let mut seen = Vec::new();
    for watcher in &watchers {
        seen.push(watcher.through(end.revision).await?);
        ensure!(watcher.resumed() as u64 >= kills / 2, "a watch was cut {} times only", watcher.resumed());
    }
    let ledger = Ledger::of(&seen, end.revision)?;
    for (name, expected) in writers.iter().flat_map(Writer::histories) {
        let found = ledger.of_register(name);
        ensure!(found == *expected, "{name} was written as {expected:#?}, watchers saw {found:#?}");
    }
    let (revision, state) = looker.list(None).await.done().context("the last list")?;
    ensure!(state == ledger.at(revision), "the state is not what the changes lead to");
    let counts = *counted.borrow();
    eprintln!("{kills} kills: {counts}; {} changes seen by {WATCHERS} watchers", ledger.len());
    ensure!(counts.acknowledged as u64 > kills && counts.refused > 0, "too little was tried: {counts}");
    Ok(())
}

/// Kills the server some writes later, sometimes once more while it starts, and waits until it answers again.
async fn kill_somewhere(server: &mut ApiServer, rng: &mut StdRng, mut counted: watch::Receiver<Counts>) -> Result<()> {
    let goal = counted.borrow().acknowledged + rng.random_range(1..120);
    let reached = counted.wait_for(|counts| counts.acknowledged >= goal || counts.failed);
    let reached = tokio::time::timeout(PATIENCE, reached).await.context("nothing is acknowledged")??;
    ensure!(!reached.failed, "a writer failed");
    drop(reached);
    // Not at the very moment of an answer, but anywhere.
    tokio::time::sleep(Duration::from_micros(rng.random_range(0..5000))).await;
    server.process.kill();
    if rng.random_bool(0.2) {
        server.process.again()?;
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..100))).await;
        server.process.kill();
    }
    server.process.again()?;
    server.ready().await?;
    eventually("writers go on", || {
        let counts = *counted.borrow();
        async move {
            ensure!(counts.acknowledged > goal || counts.failed, "{counts}");
            Ok(())
        }
    })
    .await
}

/// Progress, for whoever asked for many.
fn show(kill: u64, kills: u64, counts: &Counts) {
    if std::env::var_os("KILLS").is_none() {
        return;
    }
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let _closed = write!(terminal, "\r\x1b[Kkill {kill} of {kills}: {counts}");
    } else if kill.is_multiple_of(25) || kill == kills {
        let _closed = writeln!(terminal, "kill {kill} of {kills}: {counts}");
    }
}
