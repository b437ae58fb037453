//! Times and spans of time.

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::called::Called;
use crate::budget::RunError;
use crate::value::Value;

pub fn call(name: &str, method: bool, args: &[Value]) -> Called {
    if method {
        return parts(name, args);
    }
    Some(match (name, args) {
        ("timestamp", [Value::Timestamp(time)]) => Ok(Value::Timestamp(*time)),
        ("timestamp", [Value::Int(seconds)]) => {
            Timestamp::from_second(*seconds).map(Value::Timestamp).map_err(|_| RunError::new("timestamp overflow"))
        }
        ("timestamp", [Value::Text(text)]) => text
            .parse()
            .map(Value::Timestamp)
            .map_err(|_| RunError::new("type conversion error from 'string' to 'google.protobuf.Timestamp'")),
        ("duration", [Value::Duration(duration)]) => Ok(Value::Duration(*duration)),
        ("duration", [Value::Text(text)]) => parse(text)
            .map(Value::Duration)
            .ok_or_else(|| RunError::new("type conversion error from 'string' to 'google.protobuf.Duration'")),
        _ => return None,
    })
}

fn parts(name: &str, args: &[Value]) -> Called {
    if let [Value::Duration(duration)] = args {
        let nanos = duration.as_nanos();
        let unit = match name {
            "getHours" => 3_600_000_000_000,
            "getMinutes" => 60_000_000_000,
            "getSeconds" => 1_000_000_000,
            "getMilliseconds" => return Some(Ok(Value::Int(i64::from(duration.subsec_millis())))),
            _ => return None,
        };
        return Some(Ok(Value::Int(i64::try_from(nanos / unit).unwrap_or(i64::MAX))));
    }
    let [Value::Timestamp(time), rest @ ..] = args else { return None };
    if !name.starts_with("get") {
        return None;
    }
    let zone = match rest {
        [] => TimeZone::UTC,
        [Value::Text(name)] => match zone(name) {
            Some(zone) => zone,
            None => return Some(Err(RunError::new(format!("unknown time zone {name}")))),
        },
        _ => return None,
    };
    let there = time.to_zoned(zone);
    Some(Ok(Value::Int(match name {
        "getFullYear" => there.year().into(),
        "getMonth" => i64::from(there.month()) - 1,
        "getDate" => there.day().into(),
        "getDayOfMonth" => i64::from(there.day()) - 1,
        "getDayOfWeek" => there.weekday().to_sunday_zero_offset().into(),
        "getDayOfYear" => i64::from(there.day_of_year()) - 1,
        "getHours" => there.hour().into(),
        "getMinutes" => there.minute().into(),
        "getSeconds" => there.second().into(),
        "getMilliseconds" => there.millisecond().into(),
        _ => return None,
    })))
}

/// `Europe/Berlin`, `+02:00`, `-08:30`.
fn zone(name: &str) -> Option<TimeZone> {
    let Some((hours, minutes)) = name.split_once(':') else { return TimeZone::get(name).ok() };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let sign = if name.starts_with('-') { -1 } else { 1 };
    Offset::from_seconds(hours * 3600 + sign * minutes * 60).ok().map(TimeZone::fixed)
}

const UNITS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];

/// Go's spelling: `1h30m`, `-1.5s`, `0`.
pub fn parse(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut nanos: i128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        // The longest unit: `ms` is no `m`.
        let (unit, length) =
            UNITS.iter().filter(|(unit, _)| after.starts_with(unit)).max_by_key(|(unit, _)| unit.len())?;
        rest = &after[unit.len()..];
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let fraction: f64 = if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse().ok()? };
        nanos = nanos.checked_add(whole.checked_mul(*length as i128)?)?.checked_add((fraction * length) as i128)?;
    }
    let nanos = i64::try_from(if negative { -nanos } else { nanos }).ok()?;
    Some(SignedDuration::from_nanos(nanos))
}

/// Seconds, as `string()` writes them: `90s`, `1.5s`.
pub fn shown(duration: SignedDuration) -> String {
    let nanos = duration.as_nanos();
    let (whole, part) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    let fraction = if part == 0 { String::new() } else { format!(".{part:09}") };
    format!("{}{whole}{}s", if nanos < 0 { "-" } else { "" }, fraction.trim_end_matches('0'))
}
