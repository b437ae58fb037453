//! A page under construction: lines at levels, cells between tabs.

use crate::print::tabwriter::{self, DESCRIBE};

#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// A line, two spaces in for each level.
    pub fn line(&mut self, level: usize, text: impl AsRef<str>) {
        self.text.extend(std::iter::repeat_n("  ", level));
        self.text.push_str(text.as_ref());
        self.text.push('\n');
    }

    /// `label: value`, the values of neighbouring lines under each other.
    pub fn field(&mut self, level: usize, label: &str, value: impl AsRef<str>) {
        self.line(level, format!("{label}:\t{}", value.as_ref()));
    }

    pub fn blank(&mut self) {
        self.text.push('\n');
    }

    /// The columns of a table and the dashes under them.
    pub fn header(&mut self, level: usize, columns: &[&str]) {
        self.line(level, columns.join("\t"));
        let dashes: Vec<String> = columns.iter().map(|column| "-".repeat(column.len())).collect();
        self.line(level, dashes.join("\t"));
    }

    /// The text with its tabs.
    pub fn unaligned(self) -> String {
        self.text
    }

    pub fn finish(self) -> String {
        tabwriter::align(&self.text, DESCRIBE)
    }
}
