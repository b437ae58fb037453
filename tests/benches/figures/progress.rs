//! Where the run is: a line that moves on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

pub struct Progress {
    /// None where nobody would see it move.
    bar: Option<ProgressBar>,
    done: usize,
    total: usize,
}

impl Progress {
    pub fn new(total: usize) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64);
            // The template is constant; without it the default is shown.
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {elapsed} {wide_bar} {pos}/{len} {prefix}: {msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Progress { bar, done: 0, total }
    }

    /// The next bench starts.
    pub fn begin(&mut self, name: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.done as u64);
                bar.set_prefix(name.to_owned());
                bar.set_message("");
            }
            None => eprintln!("[{}/{}] {name}", self.done + 1, self.total),
        }
        self.done += 1;
    }

    /// What the bench does now.
    pub fn step(&self, doing: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(doing.to_owned());
        }
    }

    /// A line that stays.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
