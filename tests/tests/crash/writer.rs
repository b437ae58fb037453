//! One writer of a few registers that nobody else writes: so it knows what each of them holds, or which two things it may.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rand::Rng;
use rand::rngs::StdRng;
use timonier_tests::registers::{Age, Outcome, Registers, Version};
use tokio::sync::watch;

const REGISTERS: usize = 3;

/// What all writers were told so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub acknowledged: usize,
    pub refused: usize,
    pub unknown: usize,
    /// One of them found what may not be.
    pub failed: bool,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { acknowledged, refused, unknown, .. } = self;
        write!(f, "{acknowledged} writes acknowledged, {refused} refused, {unknown} unknown")
    }
}

/// A register as its writer knows it.
#[derive(Default)]
struct Register {
    current: Option<Version>,
    /// A write whose outcome is unknown would have made it this.
    doubt: Option<Option<String>>,
    /// All values that it had.
    history: Vec<Option<String>>,
}

pub struct Writer {
    registers: Registers,
    known: BTreeMap<String, Register>,
    /// Registers to look at before they are written: the server was away.
    unsure: BTreeSet<String>,
    rng: StdRng,
    written: usize,
    newest: u64,
    counts: watch::Sender<Counts>,
}

impl Writer {
    pub fn new(number: usize, registers: Registers, rng: StdRng, counts: watch::Sender<Counts>) -> Writer {
        let names = (0..REGISTERS).map(|n| (format!("register-{number}-{n}"), Register::default()));
        let (known, unsure) = (names.collect(), BTreeSet::new());
        Writer { registers, known, unsure, rng, written: 0, newest: 0, counts }
    }

    /// Writes until it is told to stop, and then until it knows what its registers hold.
    pub async fn run(mut self, stop: watch::Receiver<bool>) -> Result<Writer> {
        let done = self.write_until(stop).await;
        if done.is_err() {
            self.counts.send_modify(|counts| counts.failed = true);
        }
        done.map(|()| self)
    }

    /// Each register's values, one after another.
    pub fn histories(&self) -> impl Iterator<Item = (&String, &Vec<Option<String>>)> {
        self.known.iter().map(|(name, register)| (name, &register.history))
    }

    async fn write_until(&mut self, stop: watch::Receiver<bool>) -> Result<()> {
        let names: Vec<String> = self.known.keys().cloned().collect();
        while !*stop.borrow() {
            let name = &names[self.rng.random_range(0..names.len())];
            if !self.unsure.contains(name) || self.look(name).await? {
                self.write(name).await?;
            }
        }
        for name in &names {
            while !self.look(name).await? {}
        }
        Ok(())
    }

    /// Looks what a register holds. `false`: the server does not answer.
    async fn look(&mut self, name: &str) -> Result<bool> {
        let Outcome::Done(found) = self.registers.read(name, Age::Newest).await else {
            self.away().await;
            return Ok(false);
        };
        let register = self.known.entry(name.to_owned()).or_default();
        let value = found.as_ref().map(|version| version.value.clone());
        if found == register.current {
            register.doubt = None;
        } else if register.doubt.take() == Some(value.clone()) {
            register.history.push(value);
        } else {
            bail!("{name} is {found:?}, it should be {:?}; its values: {:#?}", register.current, register.history);
        }
        register.current = found;
        self.unsure.remove(name);
        Ok(true)
    }

    async fn write(&mut self, name: &str) -> Result<()> {
        self.written += 1;
        let value = format!("{name} {} {}", self.written, "x".repeat(self.rng.random_range(0..300)));
        let at = self.known.get(name).and_then(|register| register.current.as_ref()).map(|version| version.revision);
        let outcome = match (at, self.rng.random_range(0..100)) {
            (None, 0..90) => self.registers.create(name, &value).await.map(Some),
            (Some(at), 0..65) => self.registers.replace(name, at, &value).await.map(Some),
            (Some(at), 65..80) => return self.delete(name, at).await,
            // These must be refused: the value may never be seen.
            (Some(at), 80..90) => {
                let outcome = self.registers.replace(name, at - 1, &value).await;
                return self.forbidden(outcome, 409);
            }
            (Some(_), _) => {
                let outcome = self.registers.create(name, &value).await;
                return self.forbidden(outcome, 409);
            }
            (None, _) => {
                let outcome = self.registers.replace(name, 1, &value).await;
                return self.forbidden(outcome, 404);
            }
        };
        self.answered(name, Some(value), outcome).await
    }

    async fn delete(&mut self, name: &str, at: u64) -> Result<()> {
        let outcome = self.registers.delete(name, at).await.map(|()| None);
        self.answered(name, None, outcome).await
    }

    async fn answered(&mut self, name: &str, value: Option<String>, outcome: Outcome<Option<Version>>) -> Result<()> {
        match outcome {
            Outcome::Done(version) => {
                if let Some(version) = &version {
                    ensure!(version.revision > self.newest, "{version:?} after revision {}", self.newest);
                    ensure!(Some(&version.value) == value.as_ref(), "{version:?} is not what was written");
                    self.newest = version.revision;
                }
                let register = self.known.entry(name.to_owned()).or_default();
                register.current = version;
                register.history.push(value);
                self.counts.send_modify(|counts| counts.acknowledged += 1);
            }
            Outcome::Unknown(_) => {
                self.known.entry(name.to_owned()).or_default().doubt = Some(value);
                self.counts.send_modify(|counts| counts.unknown += 1);
                self.away().await;
            }
            Outcome::Unsent => self.away().await,
            // A server that ends or begins may refuse; then nothing was done.
            Outcome::Refused(refusal) if refusal.code == 503 => self.away().await,
            Outcome::Refused(refusal) => bail!("writing {name}: {refusal:?}"),
        }
        Ok(())
    }

    fn forbidden<T: fmt::Debug>(&mut self, outcome: Outcome<T>, code: u16) -> Result<()> {
        match outcome {
            Outcome::Refused(refusal) if refusal.code == code => {
                self.counts.send_modify(|counts| counts.refused += 1);
            }
            Outcome::Refused(refusal) if refusal.code == 503 => self.doubt_all(),
            Outcome::Unknown(_) | Outcome::Unsent => self.doubt_all(),
            other => bail!("this should have been refused with {code}: {other:?}"),
        }
        Ok(())
    }

    /// The server does not answer: when it does again, every register is looked at.
    async fn away(&mut self) {
        self.doubt_all();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    fn doubt_all(&mut self) {
        self.unsure = self.known.keys().cloned().collect();
    }
}
