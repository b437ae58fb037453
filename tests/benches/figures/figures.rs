//! What a run leaves behind: figures, curves and what could not run, as `figures.json` says it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    pub date: String,
    pub machine: String,
    /// That the machine did something else, too, when the run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<String>,
    pub reference: String,
    pub figures: Vec<Figure>,
    pub fan_out: Vec<FanOut>,
    pub write_latency: BTreeMap<String, Vec<Quantile>>,
    pub not_run: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    pub bench: String,
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    /// What 99 of 100 requests or events stayed below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_milliseconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
}

#[derive(Serialize, serde::Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_milliseconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One point of the plot of watchers.
#[derive(Serialize, Clone)]
#[serde(rename_all = "camelCase")]
pub struct FanOut {
    pub protocol: &'static str,
    pub watchers: usize,
    pub events_per_second: f64,
    /// The server's; what the same writes cost without watchers is taken off.
    pub cpu_microseconds_per_event: f64,
}

/// So many of all writes took at most so long.
#[derive(Serialize, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Quantile {
    pub share: f64,
    pub milliseconds: f64,
}

/// The distribution of some times, finer towards its slow end, as far as there are ten slower ones.
pub fn quantiles(times: &mut [Duration]) -> Vec<Quantile> {
    const SHARES: [f64; 13] = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.9999];
    times.sort_unstable();
    let known = |share: &f64| times.len() as f64 * (1.0 - share) >= 10.0;
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    SHARES.into_iter().filter(known).map(|share| Quantile { share, milliseconds: at(share) }).collect()
}

/// The processor and memory of this machine, in words.
pub fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?.split_once(':')?.1.trim().to_owned();
        Some(line)
    };
    let model = field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kilobytes = field(&read("/proc/meminfo"), "MemTotal");
    let kilobytes = kilobytes.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0);
    format!("{cores} cores of {model}, {:.0} GB of memory", kilobytes / (1 << 20) as f64)
}

/// Whether this machine does something else at the moment, which bends the figures.
pub fn busy() -> Option<String> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = load.split(' ').next()?.parse().ok()?;
    (load > 0.5).then(|| format!("busy with other work as well (load {load:.1})"))
}
