//! Linearizable, while servers are killed and paused and networks cut: clients read and compare-and-set the same registers
//! through one embedded store, or through two servers on one etcd. Afterwards a search looks for an order of all operations
//! that explains every answer, and everything else that was answered is put beside what the watchers saw.
//!
//! `TIMONIER_ROUNDS` asks for more trouble.

mod client;
mod place;
mod record;
mod trouble;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use timonier_tests::cluster::Store;
use timonier_tests::follower::Follower;
use timonier_tests::ledger::Ledger;
use timonier_tests::linear::{Step, check};
use timonier_tests::registers::{Age, Outcome, Version};
use timonier_tests::setting;
use timonier_tests::wait::eventually;
use tokio::sync::watch;

use client::Client;
use place::Place;
use record::Record;

const CLIENTS: usize = 6;

async fn in_trouble(store: Store) -> Result<()> {
    let (rounds, seed) = (setting::number("TIMONIER_ROUNDS", 1)?, setting::seed()?);
    let mut place = Place::new(store).await?;
    let looker = place.servers[0].straight().await?;
    let (start, _) = looker.list(None).await.done().context("the first list")?;
    let watchers = watchers(&place, start).await?;
    let record = Record::default();
    let (stop, stopped) = watch::channel(false);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let rng = StdRng::seed_from_u64(seed + 1 + number as u64);
        let client = Client::new(number, place.routes().await?, rng, record.clone());
        clients.push(tokio::spawn(client.run(stopped.clone())));
    }
    let mut rng = StdRng::seed_from_u64(seed);
    let mut troubles = 0;
    for _ in 0..rounds {
        let mut plan = place.troubles();
        plan.shuffle(&mut rng);
        for (server, trouble) in plan {
            record.advances(20).await?;
            trouble.make(&mut place.servers[server], Duration::from_millis(rng.random_range(50..600))).await?;
            troubles += 1;
        }
    }
    record.advances(50).await?;
    stop.send_replace(true);
    try_join_all(clients).await?.into_iter().collect::<Result<Vec<_>>>()?;

    let end = looker.create("end", "0").await.done().context("the last write")?;
    let mut seen = Vec::new();
    for watcher in &watchers {
        seen.push(watcher.through(end.revision).await?);
    }
    let ledger = Ledger::of(&seen, end.revision)?;
    let report = record.check(&ledger)?;
    eprintln!("{store:?}: {troubles} troubles; {report}; {} changes seen by {} watchers", ledger.len(), watchers.len());
    Ok(())
}

/// One watcher of each server, and one that takes turns.
async fn watchers(place: &Place, from: u64) -> Result<Vec<Follower>> {
    let mut clients = Vec::new();
    for server in &place.servers {
        clients.push(server.client().await?);
    }
    let mut watchers: Vec<Follower> = clients.iter().map(|one| Follower::start(vec![one.clone()], from)).collect();
    watchers.push(Follower::start(clients, from));
    Ok(watchers)
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded() -> Result<()> {
    in_trouble(Store::Embedded).await
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_with_two_servers() -> Result<()> {
    in_trouble(Store::Etcd).await
}

/// The fault that the checker has to find, made with real servers: one that is cut off from etcd is asked for any state, and
/// what it says is passed off as the newest.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_read_passed_off_as_a_fresh_one_is_found() -> Result<()> {
    let place = Place::new(Store::Etcd).await?;
    let (writer, reader) = (place.servers[0].registers().await?, place.servers[1].registers().await?);
    let record = Record::default();
    let write = |from: Option<Version>, to: u64| {
        let (writer, record) = (writer.clone(), record.clone());
        async move {
            let called = record.now();
            let written = match &from {
                None => writer.create("a", &to.to_string()).await,
                Some(from) => writer.replace("a", from.revision, &to.to_string()).await,
            };
            let Outcome::Done(version) = written else { anyhow::bail!("{written:?}") };
            let from = from.map(|version| version.value.parse::<u64>()).transpose()?;
            record.operation(0, "a", Step::Swap { from, to: Some(to) }, called, true);
            Ok(version)
        }
    };
    let read = |age: Age| {
        let (reader, record) = (reader.clone(), record.clone());
        async move {
            let called = record.now();
            let found = reader.read("a", age).await;
            let Outcome::Done(Some(version)) = found else { anyhow::bail!("{found:?}") };
            let value = version.value.parse::<u64>()?;
            record.operation(1, "a", Step::See(Some(value)), called, true);
            Ok(value)
        }
    };
    let first = write(None, 1).await?;
    eventually("the other server knows of it", || read(Age::Newest)).await?;
    let [_, second] = &place.servers[..] else { anyhow::bail!("there are two servers") };
    second.cut_off()?;
    write(Some(first), 2).await?;
    check(&record.operations()).context("so far nobody lied")?;
    ensure!(read(Age::Any).await? == 1, "a server that is cut off knows nothing new");
    let violation = check(&record.operations()).err().context("the stale read was not found")?;
    ensure!(violation.register == "a" && violation.stuck.step == Step::See(Some(1)), "{violation}");
    Ok(())
}
