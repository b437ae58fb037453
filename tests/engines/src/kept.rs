//! Opens what a killed writer left, brings all objects into memory, and compares them with what was acknowledged.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::engine;
use crate::load::{Load, Values, name};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Until every object was in memory.
    pub seconds: f64,
    /// Objects that are not there.
    pub missing: u64,
    /// Objects with a value that is not their newest one.
    pub wrong: u64,
    /// Objects that nobody wrote.
    pub foreign: u64,
    /// Records of the history that are not there; an engine that verifies its history when it opens counts none.
    pub history_missing: u64,
}

impl Kept {
    pub fn whole(&self) -> bool {
        self.missing + self.wrong + self.foreign + self.history_missing == 0
    }
}

pub fn read(engine: &str, dir: &Path, load: Load) -> Result<Kept> {
    let start = Instant::now();
    let mut opened = engine::open(engine, dir, load.window)?;
    let mut objects: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    let (mut records, mut numbered) = (0u64, false);
    opened.read(&mut |number, key, value| {
        records += 1;
        numbered |= number.is_some();
        match objects.get_mut(key) {
            Some(object) => value.clone_into(object),
            None => drop(objects.insert(key.to_vec(), value.to_vec())),
        }
    })?;
    let seconds = start.elapsed().as_secs_f64();

    let mut newest = vec![0; load.keys as usize];
    for operation in 0..load.operations {
        newest[load.key(operation) as usize] = operation;
    }
    let (values, mut expected) = (Values::new(), Vec::new());
    let (mut missing, mut wrong) = (0, 0);
    for (key, operation) in newest.into_iter().enumerate() {
        values.make(key as u64, operation, &mut expected);
        match objects.remove(name(key as u64).as_bytes()) {
            None => missing += 1,
            Some(object) => wrong += u64::from(object != expected),
        }
    }
    // What the last commit removed follows from its own size: a window's worth of history is there at least.
    let history = load.window.min(load.operations - load.keys);
    let history_missing = if numbered { (load.keys + history).saturating_sub(records) } else { 0 };
    Ok(Kept { seconds, missing, wrong, foreign: objects.len() as u64, history_missing })
}
