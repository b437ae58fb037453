//! The two plots of a run.

use timonier_tests::plot::{Panel, Scale, Series, Tick, draw};

use super::figures::{FanOut, Figures};

/// Delivered events, and what one of them costs the server, over the number of watchers.
pub fn fan_out(figures: &Figures) -> String {
    let panel = |y_label: &str, value: fn(&FanOut) -> f64| {
        let mut series: Vec<Series> = Vec::new();
        for point in &figures.fan_out {
            let place = (point.watchers as f64, value(point));
            match series.iter_mut().find(|series| series.name == point.protocol) {
                Some(series) => series.points.push(place),
                None => series.push(Series { name: point.protocol.into(), points: vec![place] }),
            }
        }
        let points = || series.iter().flat_map(|series| &series.points);
        Panel {
            x: Scale::around(points().map(|(watchers, _)| *watchers)),
            y: Scale::around(points().map(|(_, value)| *value)),
            x_label: "watchers of one namespace (8 writers)".into(),
            y_label: y_label.into(),
            x_ticks: None,
            series,
        }
    };
    let panels = [
        panel("delivered events per second", |point| point.events_per_second),
        panel("server CPU time per delivered event (µs)", |point| point.cpu_microseconds_per_event),
    ];
    draw("Watching: delivered events and their cost", &panels, &notes(figures))
}

/// How long writes take, from the median to the slowest.
pub fn write_latency(figures: &Figures) -> String {
    // One in so many writes is slower.
    let rarity = |share: f64| 1.0 / (1.0 - share);
    let series: Vec<Series> = figures
        .write_latency
        .iter()
        .map(|(name, quantiles)| Series {
            name: name.clone(),
            points: quantiles.iter().map(|quantile| (rarity(quantile.share), quantile.milliseconds)).collect(),
        })
        .collect();
    let points = || series.iter().flat_map(|series| &series.points);
    let ticks = [(0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %")];
    let x_ticks: Vec<Tick> = ticks.into_iter().map(|(share, text)| (rarity(share), text.to_owned())).collect();
    let panel = Panel {
        x: Scale::around(points().map(|(rarity, _)| *rarity)),
        y: Scale::around(points().map(|(_, milliseconds)| *milliseconds)),
        x_label: "share of writes that took at most this long".into(),
        y_label: "latency (ms)".into(),
        x_ticks: Some(x_ticks),
        series,
    };
    draw("Durable writes, 64 in flight", &[panel], &notes(figures))
}

fn notes(figures: &Figures) -> Vec<String> {
    let machine = format!("{}, {}", figures.date, figures.machine);
    [machine].into_iter().chain(figures.busy.clone()).collect()
}
