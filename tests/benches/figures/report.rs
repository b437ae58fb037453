//! The table at the end, with the reference's figures beside ours.

use anyhow::{Context, Result};
use serde_json::Value;
use std::time::Duration;

const REFERENCE: &str = include_str!("reference.json");

struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    p99: Option<Duration>,
}

#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a figure and shows it at once; `p99` is the latency that 99 of 100 requests or events stayed below.
    pub fn add(&mut self, name: &str, value: f64, unit: &'static str, p99: Option<Duration>) {
        eprintln!("  {name}: {} {unit}{}", number(value), p99_text(p99));
        self.rows.push(Row { name: name.into(), value, unit, p99 });
    }

    pub fn print(&self) -> Result<()> {
        let reference: Value = serde_json::from_str(REFERENCE).context("reference.json")?;
        println!("{:36} {:>22} {:>26} {:>8}", "", "Timonier", "reference", "ratio");
        for row in &self.rows {
            let theirs = &reference["figures"][&row.name];
            let value = theirs["value"].as_f64();
            let text = match (value, theirs["note"].as_str()) {
                (Some(v), _) => {
                    let p99 = theirs["p99Milliseconds"].as_f64().map(|ms| Duration::from_secs_f64(ms / 1e3));
                    format!("{} {}{}", number(v), row.unit, p99_text(p99))
                }
                (None, Some(note)) => note.chars().take(26).collect(),
                (None, None) => "-".into(),
            };
            let ratio = value.map_or("-".into(), |v| format!("{:.2}", row.value / v));
            let ours = format!("{} {}{}", number(row.value), row.unit, p99_text(row.p99));
            println!("{:36} {ours:>22} {text:>26} {ratio:>8}", row.name);
        }
        println!("reference: {}", reference["name"].as_str().unwrap_or_default());
        Ok(())
    }
}

fn p99_text(p99: Option<Duration>) -> String {
    p99.map_or(String::new(), |d| format!(" (p99 {:.0} ms)", d.as_secs_f64() * 1e3))
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// The `quantile` (0 to 1) of some durations; sorts them.
pub fn quantile(durations: &mut [Duration], quantile: f64) -> Option<Duration> {
    durations.sort_unstable();
    let last = durations.len().checked_sub(1)?;
    durations.get((last as f64 * quantile).round() as usize).copied()
}
