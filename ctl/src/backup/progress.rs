//! How far a transfer is, for whoever watches standard error.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts objects; nothing is drawn where no terminal is.
pub fn objects(doing: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(doing);
    let template = "{msg} {wide_bar} {human_pos} of {human_len} objects, {eta} left";
    bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
    bar
}
