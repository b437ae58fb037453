//! Writes the load and times each commit.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Record};
use crate::load::{BATCHES, Load, Values, name};

/// How one size of batch went: over the whole run, flushes, compactions and checkpoints included.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batches {
    pub commits: usize,
    pub puts_a_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Written {
    pub batches: BTreeMap<usize, Batches>,
    pub seconds: f64,
    /// Processor time of the engine's process for each put, making the values included.
    pub cpu_us_a_put: f64,
    /// What the process gave to the disk, for each byte of values.
    pub write_amplification: f64,
    /// The most memory that the process had of its own, mapped files left out.
    pub memory_mb: f64,
}

/// After the keys exist, the sizes of batches take turns: each meets what the others have set off.
const TURNS: [(usize, u64); 3] = [(1, 250), (16, 100), (256, 25)];

pub fn write(engine: &mut dyn Engine, load: Load) -> Result<Written> {
    let mut writer = Writer {
        engine,
        load,
        values: Values::new(),
        next: 0,
        newest: vec![0; load.keys as usize],
        superseded: VecDeque::new(),
        times: BTreeMap::new(),
        memory_mb: 0.0,
    };
    let (start, before) = (Instant::now(), written_bytes()?);
    while writer.next < load.keys {
        writer.commit((load.keys - writer.next).min(256))?;
    }
    'all: loop {
        for (size, commits) in TURNS {
            for _ in 0..commits {
                if writer.next == load.operations {
                    break 'all;
                }
                writer.commit((size as u64).min(load.operations - writer.next))?;
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let bytes = load.operations as f64 * crate::load::VALUE as f64;
    let write_amplification = (written_bytes()? - before) as f64 / bytes;
    let batches = writer.times.into_iter().map(|(size, times)| (size, summary(size, times))).collect();
    let cpu_us_a_put = cpu_seconds()? * 1e6 / load.operations as f64;
    Ok(Written { batches, seconds, cpu_us_a_put, write_amplification, memory_mb: writer.memory_mb })
}

struct Writer<'a> {
    engine: &'a mut dyn Engine,
    load: Load,
    values: Values,
    next: u64,
    /// The newest record of each key.
    newest: Vec<u64>,
    /// Records that are history, oldest first, with the one that superseded each.
    superseded: VecDeque<(u64, u64)>,
    times: BTreeMap<usize, Vec<Duration>>,
    memory_mb: f64,
}

impl Writer<'_> {
    /// One batch; all that it takes is made before the clock runs.
    fn commit(&mut self, count: u64) -> Result<()> {
        let numbers = self.next..self.next + count;
        let mut seen = std::collections::HashSet::new();
        let mut made = Vec::with_capacity(count as usize);
        for number in numbers {
            let key = self.load.key(number);
            // A key occurs once in a transaction: the rest waits for the next one.
            if !seen.insert(key) {
                break;
            }
            let mut value = Vec::new();
            self.values.make(key, number, &mut value);
            made.push((number, name(key), value));
            if number >= self.load.keys {
                self.superseded.push_back((number, self.newest[key as usize]));
            }
            self.newest[key as usize] = number;
        }
        self.next += made.len() as u64;
        let horizon = self.next.saturating_sub(self.load.window);
        let leaving = self.superseded.iter().take_while(|(by, _)| *by < horizon).count();
        let removed: Vec<u64> = self.superseded.drain(..leaving).map(|(_, old)| old).collect();
        let records: Vec<Record> =
            made.iter().map(|(number, key, value)| Record { number: *number, key, value }).collect();

        let start = Instant::now();
        self.engine.commit(&records, &removed)?;
        let took = start.elapsed();
        // A batch that a repeated key cut short counts as no other size.
        if BATCHES.contains(&records.len()) {
            self.times.entry(records.len()).or_default().push(took);
        }
        if self.next % 1024 < count {
            self.memory_mb = self.memory_mb.max(own_memory_mb()?);
        }
        Ok(())
    }
}

fn summary(size: usize, mut times: Vec<Duration>) -> Batches {
    times.sort_unstable();
    let total: Duration = times.iter().sum();
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize].as_secs_f64() * 1e3;
    Batches {
        commits: times.len(),
        puts_a_second: (size * times.len()) as f64 / total.as_secs_f64(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        max_ms: at(1.0),
    }
}

/// Bytes that this process has given to the disk.
fn written_bytes() -> Result<u64> {
    field("/proc/self/io", "write_bytes:")
}

/// Processor time of this process and its threads so far.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(") ").context("/proc/self/stat has no name")?.1;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
    // Linux shows programs a hundred ticks a second, whatever its own clock is.
    Ok(ticks.sum::<Result<u64, _>>()? as f64 / 100.0)
}

/// Memory of this process that belongs to no file.
pub fn own_memory_mb() -> Result<f64> {
    Ok(field("/proc/self/status", "RssAnon:")? as f64 / 1024.0)
}

fn field(file: &str, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.with_context(|| format!("{file} has no {name}"))?.parse().with_context(|| file.to_owned())
}
