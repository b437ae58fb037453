//! Whether a text is a schedule in cron's form: five fields, or a word such as `@daily`.

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

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

/// The fault in words.
pub fn check(schedule: &str) -> Result<(), String> {
    if schedule.starts_with('@') {
        return check_word(schedule);
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != UNITS.len() {
        return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
    }
    for (field, unit) in fields.into_iter().zip(&UNITS) {
        for range in field.split(',').filter(|range| !range.is_empty()) {
            check_range(range, unit)?;
        }
    }
    Ok(())
}

fn check_word(word: &str) -> Result<(), String> {
    if WORDS.contains(&word) {
        return Ok(());
    }
    match word.strip_prefix("@every ") {
        Some(duration) if is_duration(duration) => Ok(()),
        Some(_) => Err(format!("failed to parse duration {word}")),
        None => Err(format!("unrecognized descriptor: {word}")),
    }
}

/// `1h30m`, `10s`.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut any = false;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, unit) = rest.split_at(number);
        let units = ["ns", "us", "µs", "ms", "h", "m", "s"];
        let Some(unit) = units.iter().find(|known| unit.starts_with(**known)) else {
            return false;
        };
        if digits.parse::<f64>().is_err() {
            return false;
        }
        rest = &rest[number + unit.len()..];
        any = true;
    }
    any
}

/// `*`, `5`, `1-5`, `*/10`, `mon-fri/2`.
fn check_range(range: &str, unit: &Unit) -> Result<(), String> {
    let steps: Vec<&str> = range.split('/').collect();
    let limits: Vec<&str> = steps[0].split('-').collect();
    let (start, mut end) = if matches!(limits[0], "*" | "?") {
        (unit.min, unit.max)
    } else {
        let start = number_or_name(limits[0], unit)?;
        match limits.len() {
            1 => (start, start),
            2 => (start, number_or_name(limits[1], unit)?),
            _ => return Err(format!("too many hyphens: {range}")),
        }
    };
    match steps.len() {
        1 => {}
        2 => {
            let step = number(steps[1])?;
            // `5/10` goes on to the end.
            if limits.len() == 1 {
                end = unit.max;
            }
            if step == 0 {
                return Err(format!("step of range should be a positive number: {range}"));
            }
        }
        _ => return Err(format!("too many slashes: {range}")),
    }
    if start < unit.min {
        return Err(format!("beginning of range ({start}) below minimum ({}): {range}", unit.min));
    }
    if end > unit.max {
        return Err(format!("end of range ({end}) above maximum ({}): {range}", unit.max));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {range}"));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_told_from_other_texts() {
        for good in ["* * * * *", "*/5 0-12/3 1,15 jan-MAR mon-fri", "5/10 * ? * 0", "@daily", "@every 1h30m"] {
            assert_eq!(check(good), Ok(()), "{good}");
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
        ] {
            assert_eq!(check(bad), Err(fault.to_owned()), "{bad}");
        }
    }
}
