//! Line plots as SVG: two logarithmic axes, a few series, a legend; readable on light and on dark pages.
//!
//! `svg` writes elements, `scale` maps values to places and chooses ticks, `panel` draws one pair of axes.

mod panel;
mod scale;
mod svg;

pub use panel::{Panel, Series, Tick};
pub use scale::Scale;

use svg::Svg;

/// Draws panels side by side below a title, with notes at the foot.
pub fn draw(title: &str, panels: &[Panel], notes: &[String]) -> String {
    const PANEL: (f64, f64) = (440.0, 300.0);
    const TOP: f64 = 40.0;
    const LINE: f64 = 16.0;
    let legend = panels.iter().map(|panel| panel.series.len()).max().unwrap_or(0) as f64 * LINE;
    let foot = TOP + PANEL.1 + legend + 1.5 * LINE;
    let height = foot + notes.len() as f64 * LINE;
    let mut svg = Svg::new(PANEL.0 * panels.len().max(1) as f64, height);
    svg.text("title", (16.0, 24.0), "start", title);
    for (index, panel) in panels.iter().enumerate() {
        panel.draw(&mut svg, (PANEL.0 * index as f64, TOP), PANEL, LINE);
    }
    for (index, note) in notes.iter().enumerate() {
        svg.text("note", (16.0, foot + LINE * index as f64), "start", note);
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(points: Vec<(f64, f64)>) -> Panel {
        Panel {
            x: Scale::around([10.0, 5000.0]),
            y: Scale::around([1.0, 900.0]),
            x_label: "watchers".into(),
            y_label: "events/s & more".into(),
            x_ticks: None,
            series: vec![Series { name: "HTTP/2 <fast>".into(), points }],
        }
    }

    #[test]
    fn text_is_escaped_and_every_element_is_closed() {
        let drawn = draw("a < b", &[panel(vec![(10.0, 1.0), (5000.0, 900.0)])], &["note \"1\"".into()]);
        assert!(drawn.contains("a &lt; b") && drawn.contains("HTTP/2 &lt;fast&gt;") && drawn.contains("&amp; more"));
        assert_eq!(drawn.matches("<text").count(), drawn.matches("</text>").count());
        assert!(drawn.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn a_plot_is_drawn_for_light_and_for_dark_pages() {
        let drawn = draw("t", &[panel(vec![])], &[]);
        assert!(drawn.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn a_line_has_a_mark_for_each_point_and_none_for_what_has_no_place() {
        let drawn = draw("t", &[panel(vec![(10.0, 1.0), (100.0, 0.0), (1000.0, f64::NAN), (5000.0, 900.0)])], &[]);
        // The other circle is the legend's.
        assert_eq!(drawn.matches("<circle").count(), 2 + 1);
    }
}
