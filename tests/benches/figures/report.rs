//! Collects the figures, shows each at once, and at the end all of them beside the reference's; writes JSON and plots.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::figures::{FanOut, Figure, Figures, Reference, busy, machine, quantiles};
use super::plots;
use super::progress::Progress;

const REFERENCE: &str = include_str!("reference.json");

#[derive(Deserialize)]
struct References {
    name: String,
    figures: BTreeMap<String, Reference>,
}

pub struct Report {
    progress: Progress,
    bench: String,
    figures: Figures,
}

impl Report {
    /// The report of so many benches.
    pub fn new(benches: usize) -> Report {
        let figures = Figures {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            machine: machine(),
            busy: busy(),
            reference: String::new(),
            figures: Vec::new(),
            fan_out: Vec::new(),
            write_latency: BTreeMap::new(),
            not_run: BTreeMap::new(),
        };
        Report { progress: Progress::new(benches), bench: String::new(), figures }
    }

    pub fn begin(&mut self, bench: &str) {
        self.progress.begin(bench);
        self.bench = bench.to_owned();
    }

    pub fn step(&self, doing: &str) {
        self.progress.step(doing);
    }

    /// A line beside the figures.
    pub fn say(&self, line: &str) {
        self.progress.say(line);
    }

    /// The bench can't run, or not to its end.
    pub fn failed(&mut self, error: &anyhow::Error) {
        let bench = self.bench.clone();
        self.progress.say(&format!("  {bench} did not run to its end: {error:#}"));
        self.figures.not_run.insert(bench, format!("{error:#}"));
    }

    /// Adds a figure and shows it at once; `p99` is the latency that 99 of 100 requests or events stayed below.
    pub fn add(&mut self, name: &str, value: f64, unit: &'static str, p99: Option<Duration>) {
        let p99_milliseconds = p99.map(|time| time.as_secs_f64() * 1e3);
        self.progress.say(&format!("  {name}: {}", text(value, unit, p99_milliseconds)));
        let bench = self.bench.clone();
        self.figures.figures.push(Figure { bench, name: name.into(), value, unit, p99_milliseconds, reference: None });
    }

    /// A figure that was added before in this run.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figures.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    /// A line of the plot of write latencies.
    pub fn latencies(&mut self, name: &str, times: &mut [Duration]) {
        self.figures.write_latency.insert(name.into(), quantiles(times));
    }

    /// A point of the plot of watchers.
    pub fn fan_out(&mut self, point: FanOut) {
        self.figures.fan_out.push(point);
    }

    /// Prints the table, and writes the rest to `target/bench`.
    pub fn finish(mut self) -> Result<()> {
        self.progress.finish();
        let References { name, mut figures } = serde_json::from_str(REFERENCE).context("reference.json")?;
        self.figures.reference = name;
        for figure in &mut self.figures.figures {
            figure.reference = figures.remove(&figure.name);
        }
        self.print();

        let dir = output()?;
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
            println!("written: {}", path.display());
            anyhow::Ok(())
        };
        write("figures.json", &(serde_json::to_string_pretty(&self.figures)? + "\n"))?;
        if !self.figures.fan_out.is_empty() {
            write("fan-out.svg", &plots::fan_out(&self.figures))?;
        }
        if !self.figures.write_latency.is_empty() {
            write("write-latency.svg", &plots::write_latency(&self.figures))?;
        }
        Ok(())
    }

    fn print(&self) {
        println!("{:52} {:>28} {:>28} {:>8}", "", "Timonier", "reference", "ratio");
        for figure in &self.figures.figures {
            let Figure { name, value, unit, p99_milliseconds, reference, .. } = figure;
            let theirs = match reference {
                Some(Reference { value: Some(value), p99_milliseconds, .. }) => text(*value, unit, *p99_milliseconds),
                Some(Reference { note: Some(note), .. }) => note.clone(),
                _ => "-".into(),
            };
            let ratio = reference.as_ref().and_then(|reference| reference.value);
            let ratio = ratio.map_or("-".into(), |theirs| format!("{:.2}", value / theirs));
            println!("{name:52} {:>28} {theirs:>28} {ratio:>8}", text(*value, unit, *p99_milliseconds));
        }
        for (bench, problem) in &self.figures.not_run {
            println!("{bench}: did not run to its end: {problem}");
        }
        println!("reference: {}", self.figures.reference);
        println!("this machine: {}", self.figures.machine);
        if let Some(busy) = &self.figures.busy {
            println!("              {busy}");
        }
    }
}

/// `bench` in the folder of what is built.
fn output() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(3).context("this bench is not in a target folder")?;
    Ok(target.join("bench"))
}

fn text(value: f64, unit: &str, p99_milliseconds: Option<f64>) -> String {
    let p99 = p99_milliseconds.map_or(String::new(), |p99| format!(" (p99 {} ms)", number(p99)));
    format!("{} {unit}{p99}", number(value))
}

fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// The `quantile` (0 to 1) of some durations; sorts them.
pub fn quantile(durations: &mut [Duration], quantile: f64) -> Option<Duration> {
    durations.sort_unstable();
    let last = durations.len().checked_sub(1)?;
    durations.get((last as f64 * quantile).round() as usize).copied()
}
