//! `--at`: the moment at which a command looks.

use super::{Call, Session};
use crate::error::Error;
use crate::flags::duration;
use jiff::civil::Time;
use jiff::{Timestamp, Zoned};
use serde_json::Value;
use std::str::FromStr;
use std::time::Duration;

const HISTORY: &str = "/timonier/history";

/// A moment as it is written on a command line.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// `10m`: so long before now, by the server's clock.
    Ago(Duration),
    /// `2026-11-26T14:03:00Z`
    Time(Timestamp),
    /// `14:03`, `14:03:20`: when it was last so late here.
    Clock(Time),
    /// `4711`: a resource version.
    Revision(u64),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<When, String> {
        if let Ok(revision) = text.parse::<u64>() {
            return match revision {
                0 => Err("resource versions begin at 1".to_string()),
                revision => Ok(When::Revision(revision)),
            };
        }
        // Before jiff's own reading of times, which takes `14` and `1403` as well.
        if text.len() >= 4 && text.contains(':') && !text.contains('T') && !text.contains('-') {
            let time = text.parse::<Time>().map_err(|_| format!("{text} is no time of the day"))?;
            return Ok(When::Clock(time));
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(When::Time(time));
        }
        if let Some(ago) = duration(text) {
            return Ok(When::Ago(ago));
        }
        Err("want how long ago (10m, 1h30m), a time (14:03, 2026-11-26T14:03:00Z), or a resource version".to_string())
    }
}

impl When {
    /// The query that asks the server for it.
    fn query(&self, now: &Zoned) -> Result<(&'static str, String), Error> {
        Ok(match self {
            When::Ago(ago) => ("ago", ago.as_secs_f64().to_string()),
            When::Time(time) => ("time", time.to_string()),
            When::Clock(clock) => ("time", last(*clock, now)?.to_string()),
            // Only whether the server knows history at all.
            When::Revision(_) => ("ago", "0".to_string()),
        })
    }
}

/// When it was last `clock` in the time zone of `now`.
fn last(clock: Time, now: &Zoned) -> Result<Timestamp, Error> {
    let unknown = |error: jiff::Error| Error::usage(format!("--at {clock}: {error}"));
    let today = now.date().to_datetime(clock).to_zoned(now.time_zone().clone()).map_err(unknown)?;
    if today <= *now {
        return Ok(today.timestamp());
    }
    let yesterday = now.date().yesterday().map_err(unknown)?;
    let then = yesterday.to_datetime(clock).to_zoned(now.time_zone().clone()).map_err(unknown)?;
    Ok(then.timestamp())
}

/// A moment that the server can be asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    pub revision: String,
    /// `2026-11-26T14:03:00Z`, or the revision where that was given.
    pub label: String,
}

/// Finds the revision that the cluster was at.
pub async fn find(session: &Session, when: &When) -> Result<Moment, Error> {
    let (name, value) = when.query(&Zoned::now())?;
    let answer = session.json(Call::get(HISTORY).query(name, value)).await;
    let answer = answer.map_err(|error| match error.is_not_found() {
        true => Error::usage(format!(
            "--at: the server {} cannot be asked for its past; only Timonier's can (it has no path {HISTORY})",
            session.server()
        )),
        false => error,
    })?;
    let text = |field: &str| answer[field].as_str().map(str::to_string);
    match (when, text("resourceVersion"), text("time")) {
        (When::Revision(revision), ..) => {
            check(*revision, &answer)?;
            Ok(Moment { revision: revision.to_string(), label: format!("resource version {revision}") })
        }
        (_, Some(revision), Some(label)) => Ok(Moment { revision, label }),
        _ => Err(Error::Protocol(format!("{HISTORY} names no resource version"))),
    }
}

/// A revision that does not exist yet is a mistake, and nothing to wait for.
fn check(revision: u64, answer: &Value) -> Result<(), Error> {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok());
    match number(&answer["resourceVersion"]) {
        Some(newest) if revision > newest => {
            Err(Error::usage(format!("--at {revision}: there is no such resource version yet, the newest is {newest}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_four_ways() {
        assert_eq!("10m".parse(), Ok(When::Ago(Duration::from_secs(600))));
        assert_eq!("4711".parse(), Ok(When::Revision(4711)));
        assert_eq!("14:03".parse(), Ok(When::Clock(Time::constant(14, 3, 0, 0))));
        assert_eq!("14:03:20".parse(), Ok(When::Clock(Time::constant(14, 3, 20, 0))));
        let time: Timestamp = "2026-11-26T14:03:00Z".parse().expect("a time");
        assert_eq!("2026-11-26T14:03:00Z".parse(), Ok(When::Time(time)));
        assert_eq!("2026-11-26T15:03:00+01:00".parse(), Ok(When::Time(time)));
        for wrong in ["", "0", "-5m", "noon", "25:00", "14:61", "2026-13-01T00:00:00Z"] {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_of_the_day_is_the_last_one() {
        let now: Zoned = "2026-11-26T14:00:00+01:00[Europe/Berlin]".parse().expect("a time");
        let at = |hour, minute| last(Time::constant(hour, minute, 0, 0), &now).expect("a time").to_string();
        assert_eq!(at(13, 59), "2026-11-26T12:59:00Z");
        assert_eq!(at(14, 1), "2026-11-25T13:01:00Z");
    }
}
