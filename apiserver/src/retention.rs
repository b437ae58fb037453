//! How long the past can be asked for, by resource: the flag `--history`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use timonier_store::Options;

use crate::kinds::Table;
use crate::object;

/// `leases=1m,*=1h`: heartbeats are of no interest after a minute, and must not push out what is.
const DEFAULT: &str = "leases=1m,*=1h";
const WANT: &str = "want RESOURCE=DURATION, joined by commas, such as leases=1m,*=1h";

/// The flag of every program that serves the API.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[group(skip)]
pub struct Retention {
    /// How long history is kept, by resource: watches resume and reads reach back within it. `*` is for all that are not
    /// named; those may only be kept for less (on etcd, all are kept as long as `*`)
    #[arg(long, env = "TIMONIER_HISTORY", value_name = "RESOURCE=DURATION,…", default_value = DEFAULT)]
    pub history: Limits,
}

/// A duration for each resource named, and one for the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    shorter: Vec<Limit>,
    rest: Duration,
}

#[derive(Clone, Debug, PartialEq)]
struct Limit {
    resource: String,
    /// Of the resource's keys.
    prefix: String,
    window: Duration,
}

impl Retention {
    /// Options for a store that is opened for this server.
    pub fn options(&self) -> Options {
        let shorter = self.history.shorter.iter().map(|limit| (limit.prefix.as_str().into(), limit.window));
        Options { window: self.history.rest, shorter: shorter.collect(), parts: object::parts, ..Options::default() }
    }

    /// The command line that says the same, for a process that is started with it.
    pub fn arguments(&self) -> Vec<String> {
        vec![format!("--history={}", self.history)]
    }
}

impl Default for Retention {
    fn default() -> Retention {
        let rest = Duration::from_secs(3600);
        let leases = "leases.coordination.k8s.io";
        let limit = Limit { resource: leases.into(), prefix: format!("{leases}/"), window: Duration::from_secs(60) };
        Retention { history: Limits { shorter: vec![limit], rest } }
    }
}

impl FromStr for Limits {
    type Err = String;

    fn from_str(text: &str) -> Result<Limits, String> {
        let mut shorter: Vec<Limit> = Vec::new();
        let mut rest = None;
        for part in text.split(',') {
            let (resource, window) = part.trim().split_once('=').ok_or_else(|| format!("{part:?}: {WANT}"))?;
            let window = duration(window).map_err(|problem| format!("{part}: {problem}"))?;
            if resource == "*" {
                if rest.replace(window).is_some() {
                    return Err("* is given twice".into());
                }
                continue;
            }
            let (resource, prefix) = resolve(resource)?;
            if shorter.iter().any(|limit| limit.prefix == prefix) {
                return Err(format!("{resource} is given twice"));
            }
            shorter.push(Limit { resource, prefix, window });
        }
        let rest = rest.unwrap_or(Duration::from_secs(3600));
        if let Some(limit) = shorter.iter().find(|limit| limit.window > rest) {
            let resource = &limit.resource;
            return Err(format!("{resource}: nothing is kept for longer than the rest; raise * instead"));
        }
        Ok(Limits { shorter, rest })
    }
}

/// A resource by its plural, with its group where several have it or it is a custom one, and what its keys begin with.
fn resolve(name: &str) -> Result<(String, String), String> {
    let table = Table::builtin();
    let is_meant = |group: &str, plural: &str| name == plural || name == format!("{plural}.{group}");
    let known = table.rows().iter().find(|row| is_meant(&row.kind.group, &row.kind.plural));
    match known {
        Some(row) => Ok((name.to_string(), crate::registry::keys::kind(row))),
        None if name.contains('.') => Ok((name.to_string(), format!("{name}/"))),
        None => Err(format!("{name:?} is no resource; {WANT}")),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is no duration such as 90s, 10m or 1h"))?;
    let duration = Duration::try_from(duration).map_err(|_| "it must not be negative".to_string())?;
    if duration.is_zero() { Err("it must be longer than nothing".into()) } else { Ok(duration) }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for limit in &self.shorter {
            write!(f, "{}={}s,", limit.resource, limit.window.as_secs_f64())?;
        }
        write!(f, "*={}s", self.rest.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_minute_of_leases_and_an_hour_of_the_rest() {
        let read: Limits = DEFAULT.parse().expect("limits");
        let options = Retention { history: read }.options();
        assert_eq!(options.window, Duration::from_secs(3600));
        assert_eq!(options.shorter, [("leases.coordination.k8s.io/".into(), Duration::from_secs(60))]);
        assert_eq!(Retention::default().options().shorter, options.shorter);
    }

    #[test]
    fn limits_are_read_as_they_are_printed() {
        for text in ["leases=60s,*=3600s", "events=600s,widgets.example.org=1.5s,*=7200s", "*=60s"] {
            let limits: Limits = text.parse().expect("limits");
            assert_eq!(limits.to_string(), text);
        }
        let events: Limits = "events=10m".parse().expect("limits");
        assert_eq!(events.shorter[0].prefix, "events/");
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_the_reason() {
        let refused = |text: &str| text.parse::<Limits>().expect_err(text);
        assert_eq!(
            refused("lease=1m"),
            "\"lease\" is no resource; want RESOURCE=DURATION, joined by commas, such as leases=1m,*=1h"
        );
        assert_eq!(refused("leases=1x"), "leases=1x: \"1x\" is no duration such as 90s, 10m or 1h");
        assert_eq!(refused("pods=2h,*=1h"), "pods: nothing is kept for longer than the rest; raise * instead");
        assert_eq!(refused("pods=1m,pods=2m"), "pods is given twice");
        for text in ["", "pods", "pods=", "*=0s", "*=-1h", "*=1h,*=2h"] {
            refused(text);
        }
    }
}
