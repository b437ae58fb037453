//! Bars that move on a terminal; elsewhere only what stays is printed.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::{Progress, STAGES};

#[derive(Clone)]
pub struct Display {
    all: MultiProgress,
    bars: Vec<ProgressBar>,
}

impl Display {
    pub fn of_nodes(nodes: usize) -> Display {
        Display::new(&["nodes ready"], nodes)
    }

    pub fn of_pods(pods: usize) -> Display {
        Display::new(&STAGES, pods)
    }

    fn new(names: &[&'static str], total: usize) -> Display {
        // Drawing is work for the same cores: ten times a second is enough for an eye.
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        // The template is constant; without it the default is shown.
        let style = ProgressStyle::with_template("{prefix:>16} {bar:50} {pos:>5}/{len}  {elapsed_precise}");
        let bars = names.iter().map(|name| {
            let bar = all.add(ProgressBar::new(total as u64).with_prefix(*name));
            if let Ok(style) = &style {
                bar.set_style(style.clone());
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Display { bars: bars.collect(), all: all.clone() }
    }

    pub fn nodes(&self, ready: usize) {
        self.bars[0].set_position(ready as u64);
    }

    pub fn pods(&self, progress: &Progress) {
        for (stage, bar) in self.bars.iter().enumerate() {
            bar.set_position(progress.count(stage) as u64);
        }
    }

    /// Lines that stay.
    pub fn say(&self, text: &str) {
        if std::io::stderr().is_terminal() {
            // A terminal that is gone has nobody to tell.
            let _ = self.all.println(text);
        } else {
            println!("{text}");
        }
    }

    /// Takes the bars away.
    pub fn finish(&self) {
        self.bars.iter().for_each(ProgressBar::finish_and_clear);
    }
}
