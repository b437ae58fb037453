//! One client: reads and writes any register through any server, with what it last knew of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::Rng;
use rand::rngs::StdRng;
use timonier_tests::linear::{Step, Value};
use timonier_tests::registers::{Age, Outcome, Registers, Version};
use tokio::sync::watch;

use crate::record::{Record, State};

const REGISTERS: usize = 4;

pub struct Client {
    number: usize,
    routes: Vec<Registers>,
    known: BTreeMap<String, Option<Version>>,
    /// The newest revision that it heard of.
    newest: u64,
    rng: StdRng,
    record: Record,
}

impl Client {
    pub fn new(number: usize, routes: Vec<Registers>, rng: StdRng, record: Record) -> Client {
        Client { number, routes, known: BTreeMap::new(), newest: 0, rng, record }
    }

    pub async fn run(mut self, stop: watch::Receiver<bool>) -> Result<()> {
        while !*stop.borrow() {
            let name = format!("register-{}", self.rng.random_range(0..REGISTERS));
            let route = self.routes[self.rng.random_range(0..self.routes.len())].clone();
            let answered = match self.rng.random_range(0..100) {
                0..30 => self.read(&route, &name).await?,
                30..40 => self.read_older(&route, &name).await,
                40..48 => self.list(&route, None).await?,
                48..56 if self.newest > 0 => self.list(&route, Some(self.newest)).await?,
                56..65 => self.delete(&route, &name).await?,
                _ => self.write(&route, &name).await?,
            };
            if !answered {
                // Somebody else may be reached.
                tokio::time::sleep(Duration::from_millis(self.rng.random_range(5..40))).await;
            }
        }
        Ok(())
    }

    async fn read(&mut self, route: &Registers, name: &str) -> Result<bool> {
        let called = self.record.now();
        let Outcome::Done(found) = route.read(name, Age::Newest).await else { return Ok(false) };
        self.record.operation(self.number, name, Step::See(value(found.as_ref())?), called, true);
        self.learn(name, found);
        Ok(true)
    }

    /// Any state, or one that is not older than what is known.
    async fn read_older(&mut self, route: &Registers, name: &str) -> bool {
        let since = if self.rng.random() { self.newest } else { 0 };
        let age = if since == 0 { Age::Any } else { Age::NotOlderThan(since) };
        let Outcome::Done(found) = route.read(name, age).await else { return false };
        self.record.read(name, since, found.clone());
        self.learn(name, found);
        true
    }

    /// The newest state of all registers, or that at a revision.
    async fn list(&mut self, route: &Registers, at: Option<u64>) -> Result<bool> {
        let called = self.record.now();
        let Outcome::Done((revision, state)) = route.list(at).await else { return Ok(false) };
        if let Some(at) = at {
            anyhow::ensure!(at == revision, "asked for revision {at}, got {revision}");
        } else {
            self.record.stamp(called, revision, false);
            for name in (0..REGISTERS).map(|n| format!("register-{n}")) {
                let seen = Step::See(value(state.get(&name))?);
                self.record.operation(self.number, &name, seen, called, true);
                self.learn(&name, state.get(&name).cloned());
            }
        }
        self.newest = self.newest.max(revision);
        self.record.state(State { revision, registers: state });
        Ok(true)
    }

    async fn write(&mut self, route: &Registers, name: &str) -> Result<bool> {
        let (from, called, to) = (self.known.get(name).cloned().flatten(), self.record.now(), self.record.value());
        let outcome = match &from {
            None => route.create(name, &to.to_string()).await,
            Some(version) => route.replace(name, version.revision, &to.to_string()).await,
        };
        if let Outcome::Done(version) = &outcome {
            self.record.stamp(called, version.revision, true);
            self.record.written(name, version.clone());
        }
        self.conclude(name, from, Some(to), called, outcome.map(Some))
    }

    async fn delete(&mut self, route: &Registers, name: &str) -> Result<bool> {
        let Some(Some(from)) = self.known.get(name).cloned() else { return Ok(true) };
        let called = self.record.now();
        let outcome = route.delete(name, from.revision).await;
        self.conclude(name, Some(from), None, called, outcome.map(|()| None))
    }

    /// What the answer to a write tells about the register.
    fn conclude(
        &mut self,
        name: &str,
        from: Option<Version>,
        to: Value,
        called: u64,
        outcome: Outcome<Option<Version>>,
    ) -> Result<bool> {
        let from = value(from.as_ref())?;
        let (step, is_answered) = match outcome {
            Outcome::Done(version) => {
                self.learn(name, version);
                (Step::Swap { from, to }, true)
            }
            Outcome::Unknown(_) => (Step::Swap { from, to }, false),
            Outcome::Refused(refusal) => {
                self.record.refused(to);
                // What is known is wrong, or the server does nothing now.
                self.known.remove(name);
                match refusal.code {
                    409 => (Step::Differ(from), true),
                    404 => (Step::See(None), true),
                    _ => return Ok(false),
                }
            }
            Outcome::Unsent => {
                self.record.refused(to);
                return Ok(false);
            }
        };
        self.record.operation(self.number, name, step, called, is_answered);
        Ok(is_answered)
    }

    fn learn(&mut self, name: &str, found: Option<Version>) {
        self.newest = self.newest.max(found.as_ref().map_or(0, |version| version.revision));
        self.known.insert(name.to_owned(), found);
    }
}

fn value(version: Option<&Version>) -> Result<Value> {
    let parse = |version: &Version| version.value.parse::<u64>().with_context(|| format!("{version:?} is nobody's"));
    version.map(parse).transpose()
}
