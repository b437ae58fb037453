//! One pair of axes with its lines and legend.

use super::scale::{Scale, label};
use super::svg::{Place, Svg};

/// A tick where the axis should have one, and what it says.
pub type Tick = (f64, String);

pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

pub struct Panel {
    pub x: Scale,
    pub y: Scale,
    /// What an axis shows, with its unit.
    pub x_label: String,
    pub y_label: String,
    /// Ticks other than the powers of ten.
    pub x_ticks: Option<Vec<Tick>>,
    pub series: Vec<Series>,
}

/// Room for labels around the axes: left, top, right, bottom.
const MARGIN: [f64; 4] = [56.0, 30.0, 28.0, 48.0];

impl Panel {
    pub(super) fn draw(&self, svg: &mut Svg, corner: Place, size: (f64, f64), line: f64) {
        let [left, top, right, bottom] = MARGIN;
        let (x0, x1) = (corner.0 + left, corner.0 + size.0 - right);
        let (y0, y1) = (corner.1 + size.1 - bottom, corner.1 + top);
        let across = |value: f64| self.x.place(value).map(|place| x0 + (x1 - x0) * place);
        let up = |value: f64| self.y.place(value).map(|place| y0 + (y1 - y0) * place);

        let powers = || self.x.ticks().map(|value| (value, label(value))).collect();
        for (value, text) in self.x_ticks.clone().unwrap_or_else(powers) {
            let Some(x) = across(value) else { continue };
            svg.line("grid", (x, y0), (x, y1));
            svg.text("tick", (x, y0 + 18.0), "middle", &text);
        }
        for value in self.y.ticks() {
            let Some(y) = up(value) else { continue };
            svg.line("grid", (x0, y), (x1, y));
            svg.text("tick", (x0 - 6.0, y + 4.0), "end", &label(value));
        }
        svg.line("axis", (x0, y0), (x1, y0));
        svg.line("axis", (x0, y0), (x0, y1));
        svg.text("label", ((x0 + x1) / 2.0, y0 + 38.0), "middle", &self.x_label);
        svg.text("label", (corner.0 + 16.0, y1 - 14.0), "start", &self.y_label);

        for (colour, series) in self.series.iter().enumerate() {
            let places: Vec<Place> = series.points.iter().filter_map(|(x, y)| Some((across(*x)?, up(*y)?))).collect();
            svg.polyline(colour, &places);
            for place in places {
                svg.dot(colour, place);
            }
            let y = corner.1 + size.1 + line * (colour + 1) as f64;
            svg.dot(colour, (x0, y - 4.0));
            svg.text("label", (x0 + 10.0, y), "start", &series.name);
        }
    }
}
