//! What all clients did and were told, and whether it fits together.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use timonier_tests::ledger::Ledger;
use timonier_tests::linear::{Operation, Stamp, Step, Value, check, stamps};
use timonier_tests::registers::Version;
use timonier_tests::wait::within;

/// All registers, as they were at a revision.
pub struct State {
    pub revision: u64,
    pub registers: BTreeMap<String, Version>,
}

/// A read that did not ask for the newest state.
struct Read {
    register: String,
    since: u64,
    found: Option<Version>,
}

#[derive(Default)]
struct Notes {
    operations: Vec<Operation>,
    stamps: Vec<Stamp>,
    states: Vec<State>,
    reads: Vec<Read>,
    written: Vec<(String, Version)>,
    /// Values that may stand somewhere.
    values: HashSet<String>,
    next: u64,
}

/// Shared by all clients.
#[derive(Clone)]
pub struct Record {
    start: Instant,
    notes: Arc<Mutex<Notes>>,
}

impl Default for Record {
    fn default() -> Record {
        Record { start: Instant::now(), notes: Arc::default() }
    }
}

/// How much was tried.
pub struct Report {
    swaps: usize,
    reads: usize,
    refused: usize,
    unknown: usize,
    states: usize,
    older: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { swaps, reads, refused, unknown, states, older } = self;
        write!(f, "{swaps} writes, {refused} refused, {unknown} unknown, {reads} fresh reads, ")?;
        write!(f, "{older} older ones, {states} lists")
    }
}

impl Record {
    /// Nanoseconds on the clock of all clients.
    pub fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A value that nobody wrote.
    pub fn value(&self) -> u64 {
        let mut notes = self.notes();
        notes.next += 1;
        let value = notes.next;
        notes.values.insert(value.to_string());
        value
    }

    /// An operation that just ended, or whose answer did not come.
    pub fn operation(&self, client: usize, register: &str, step: Step, called: u64, is_answered: bool) {
        let returned = is_answered.then(|| self.now());
        let register = register.to_owned();
        self.notes().operations.push(Operation { client, register, step, called, returned });
    }

    pub fn operations(&self) -> Vec<Operation> {
        self.notes().operations.clone()
    }

    /// The revision that an answer was at.
    pub fn stamp(&self, called: u64, revision: u64, is_write: bool) {
        let returned = self.now();
        self.notes().stamps.push(Stamp { called, returned, revision, is_write });
    }

    pub fn state(&self, state: State) {
        self.notes().states.push(state);
    }

    pub fn read(&self, register: &str, since: u64, found: Option<Version>) {
        self.notes().reads.push(Read { register: register.to_owned(), since, found });
    }

    pub fn written(&self, register: &str, version: Version) {
        self.notes().written.push((register.to_owned(), version));
    }

    /// Nothing was done: nobody may ever see the value.
    pub fn refused(&self, value: Value) {
        if let Some(value) = value {
            self.notes().values.remove(&value.to_string());
        }
    }

    /// Waits until so many more writes are acknowledged.
    pub async fn advances(&self, writes: usize) -> Result<()> {
        let goal = self.notes().written.len() + writes;
        within(Duration::from_secs(60), "clients get on", || async {
            let written = self.notes().written.len();
            ensure!(written >= goal, "{written} writes are acknowledged");
            Ok(())
        })
        .await
    }

    /// Everything that was answered, put together.
    pub fn check(&self, ledger: &Ledger) -> Result<Report> {
        let mut notes = self.notes();
        notes.values.insert("0".to_owned());
        let notes = &*notes;
        check(&notes.operations)?;
        stamps::check(&notes.stamps)?;
        ledger.check_values(&notes.values)?;
        for (register, version) in &notes.written {
            ledger.check_written(register, version)?;
        }
        for Read { register, since, found } in &notes.reads {
            ledger.check_read(register, *since, found.as_ref())?;
        }
        for State { revision, registers } in &notes.states {
            let expected = ledger.at(*revision);
            ensure!(*registers == expected, "at revision {revision} a list shows {registers:?}, it was {expected:?}");
        }
        let count = |kind: fn(&Operation) -> bool| notes.operations.iter().filter(|operation| kind(operation)).count();
        Ok(Report {
            swaps: count(|o| matches!(o.step, Step::Swap { .. }) && o.returned.is_some()),
            reads: count(|o| matches!(o.step, Step::See(_))),
            refused: count(|o| matches!(o.step, Step::Differ(_))),
            unknown: count(|o| o.returned.is_none()),
            states: notes.states.len(),
            older: notes.reads.len(),
        })
    }
}
