//! Metrics as text: OpenMetrics 1.0, which Prometheus reads.

use std::fmt::{Display, Write};

/// What a family's samples mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; its samples' names end in `_total`.
    Counter,
    Gauge,
}

/// Families, one after another.
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// A counter. `name` is without `_total`; each sample is its labels, as `[("verb", "get")]`, and its value.
    pub fn counter<'a, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, V)>,
    ) {
        self.family(Kind::Counter, name, help, samples);
    }

    /// A value that goes up and down.
    pub fn gauge<'a, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, V)>,
    ) {
        self.family(Kind::Gauge, name, help, samples);
    }

    fn family<'a, V: Display>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, V)>,
    ) {
        let (word, suffix) = match kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
        };
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}.\n# TYPE {name} {word}");
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.text, "{name}{suffix}{labels} {value}");
        }
    }

    /// The families so far, without an end.
    pub fn families(&self) -> &str {
        &self.text
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_openmetrics_wants_them() {
        let mut text = Exposition::default();
        text.counter("requests", "Requests", [(vec![("verb", "GET"), ("path", "a\"b\\c\n")], 3)]);
        text.gauge("open_fds", "Open files", [(vec![], 1.5)]);
        let expected = "# HELP requests Requests.\n# TYPE requests counter\n\
                        requests_total{verb=\"GET\",path=\"a\\\"b\\\\c\\n\"} 3\n\
                        # HELP open_fds Open files.\n# TYPE open_fds gauge\nopen_fds 1.5\n# EOF\n";
        assert_eq!(text.finish(), expected);
    }
}
