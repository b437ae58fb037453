//! The tables at the end, and the same as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::damage::{Flip, Outcome};
use crate::kept::Kept;
use crate::load::{BATCHES, Load};
use crate::measure::Written;

#[derive(Serialize)]
pub struct Report {
    load: Load,
    engines: BTreeMap<String, Figures>,
    #[serde(skip)]
    order: Vec<String>,
}

#[derive(Default, Serialize)]
struct Figures {
    written: Option<Written>,
    disk_bytes: u64,
    opened_seconds: f64,
    flips: Vec<(String, u64, String)>,
    /// Flipped bytes that were refused, unharmed, silent, deadly.
    outcomes: [usize; 4],
}

impl Report {
    pub fn new(load: Load) -> Report {
        Report { load, engines: BTreeMap::new(), order: Vec::new() }
    }

    fn figures(&mut self, name: &str) -> &mut Figures {
        if !self.engines.contains_key(name) {
            self.order.push(name.to_owned());
        }
        self.engines.entry(name.to_owned()).or_default()
    }

    pub fn written(&mut self, name: &str, written: &Written, disk_bytes: u64) {
        for (size, batches) in &written.batches {
            eprintln!(
                "  {size:>3} a sync: {:>8.0} puts/s, p50 {:.2} ms, p99 {:.2} ms, max {:.0} ms ({} commits)",
                batches.puts_a_second, batches.p50_ms, batches.p99_ms, batches.max_ms, batches.commits
            );
        }
        eprintln!("  {:.0} s, {:.2} GB on disk", written.seconds, disk_bytes as f64 / 1e9);
        let figures = self.figures(name);
        figures.written = Some(written.clone());
        figures.disk_bytes = disk_bytes;
    }

    pub fn opened(&mut self, name: &str, kept: &Kept) {
        eprintln!("  opened after a kill, all there, in {:.2} s", kept.seconds);
        self.figures(name).opened_seconds = kept.seconds;
    }

    pub fn flipped(&mut self, name: &str, flip: Flip) {
        let (index, said) = match flip.outcome {
            Outcome::Refused(said) => (0, format!("refused: {said}")),
            Outcome::Unharmed => (1, "unharmed".to_owned()),
            Outcome::Silent(lost) => (2, format!("silent: {lost}")),
            Outcome::Died(said) => (3, format!("died: {said}")),
        };
        let first = self.figures(name).outcomes[index] == 0;
        // One refusal is like the other; what was not noticed is worth a line each.
        if first || index > 1 {
            eprintln!("  {} byte {}: {said}", flip.file, flip.place);
        }
        let figures = self.figures(name);
        figures.outcomes[index] += 1;
        figures.flips.push((flip.file, flip.place, said));
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::write(path, serde_json::to_vec_pretty(self)?).with_context(|| path.display().to_string())
    }

    /// As Markdown.
    pub fn print(&self) {
        print!("| engine |");
        for size in BATCHES {
            print!(" puts/s, {size} a sync | p50 / p99 / max (ms) |");
        }
        println!(
            " CPU a put (µs) | written / value bytes | on disk (GB) | memory (MB) | reopened (s) | flipped: refused / unharmed / silent / died |"
        );
        println!("|---|{}", "---|".repeat(2 * BATCHES.len() + 6));
        for name in &self.order {
            let figures = &self.engines[name];
            let Some(written) = &figures.written else { continue };
            print!("| {name} |");
            for size in BATCHES {
                match written.batches.get(&size) {
                    Some(b) => {
                        print!(" {:.0} | {:.2} / {:.1} / {:.0} |", b.puts_a_second, b.p50_ms, b.p99_ms, b.max_ms)
                    }
                    None => print!(" - | - |"),
                }
            }
            let [refused, unharmed, silent, died] = figures.outcomes;
            println!(
                " {:.0} | {:.2} | {:.2} | {:.0} | {:.1} | {refused} / {unharmed} / {silent} / {died} |",
                written.cpu_us_a_put,
                written.write_amplification,
                figures.disk_bytes as f64 / 1e9,
                written.memory_mb,
                figures.opened_seconds
            );
        }
    }
}
