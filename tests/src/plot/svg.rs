//! The few elements of SVG that a plot needs.

use std::fmt::Write;

/// Colours that differ in lightness as well as in hue, so that they are told apart by everybody and in print.
const STYLE: &str = "
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .note { font-size: 11px; fill: #57606a }
  .page { fill: #ffffff }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .axis { stroke: #57606a; stroke-width: 1 }
  .line { fill: none; stroke-width: 2 }
  .s0 { stroke: #0550ae } .f0 { fill: #0550ae }
  .s1 { stroke: #bc4c00 } .f1 { fill: #bc4c00 }
  .s2 { stroke: #1a7f37 } .f2 { fill: #1a7f37 }
  .s3 { stroke: #8250df } .f3 { fill: #8250df }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    .page { fill: #0d1117 }
    .grid { stroke: #30363d }
    .axis { stroke: #9198a1 }
    .s0 { stroke: #79c0ff } .f0 { fill: #79c0ff }
    .s1 { stroke: #ffa657 } .f1 { fill: #ffa657 }
    .s2 { stroke: #56d364 } .f2 { fill: #56d364 }
    .s3 { stroke: #d2a8ff } .f3 { fill: #d2a8ff }
  }
";
pub const COLOURS: usize = 4;

pub struct Svg {
    text: String,
}

/// A place: to the right and down from the upper left corner.
pub type Place = (f64, f64);

impl Svg {
    pub fn new(width: f64, height: f64) -> Svg {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\">\n<style>{STYLE}</style>\n<rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n"
        );
        Svg { text }
    }

    pub fn line(&mut self, class: &str, from: Place, to: Place) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"));
    }

    pub fn polyline(&mut self, colour: usize, places: &[Place]) {
        let places: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let colour = colour % COLOURS;
        self.add(format_args!("<polyline class=\"line s{colour}\" points=\"{}\"/>", places.join(" ")));
    }

    pub fn dot(&mut self, colour: usize, (x, y): Place) {
        let colour = colour % COLOURS;
        self.add(format_args!("<circle class=\"f{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"));
    }

    /// `anchor` is `start`, `middle` or `end`.
    pub fn text(&mut self, class: &str, (x, y): Place, anchor: &str, text: &str) {
        let text = escape(text);
        self.add(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    pub fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    fn add(&mut self, element: std::fmt::Arguments) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{element}");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
