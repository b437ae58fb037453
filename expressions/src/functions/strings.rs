//! Texts. Places in them are counted in characters.

use super::called::{Called, int};
use super::conversions;
use crate::budget::RunError;
use crate::value::Value;

pub fn call(name: &str, method: bool, args: &[Value]) -> Called {
    if let ("strings.quote", [Value::Text(text)]) = (name, args) {
        return Some(Ok(Value::text(quoted(text))));
    }
    let [Value::Text(of), rest @ ..] = args else { return None };
    if !method {
        return None;
    }
    let chars = || of.chars().collect::<Vec<_>>();
    Some(match (name, rest) {
        ("contains", [Value::Text(part)]) => Ok(Value::Bool(of.contains(&**part))),
        ("startsWith", [Value::Text(part)]) => Ok(Value::Bool(of.starts_with(&**part))),
        ("endsWith", [Value::Text(part)]) => Ok(Value::Bool(of.ends_with(&**part))),
        ("charAt", [Value::Int(at)]) => {
            let chars = chars();
            match usize::try_from(*at) {
                Ok(at) if at == chars.len() => Ok(Value::text("")),
                Ok(at) if at < chars.len() => Ok(Value::text(chars[at].to_string())),
                _ => out_of_range(*at),
            }
        }
        ("indexOf", [Value::Text(part)]) => Ok(found(&chars(), part, 0, false)),
        ("indexOf", [Value::Text(part), Value::Int(from)]) => {
            within(&chars(), *from, |all, from| found(all, part, from, false))
        }
        ("lastIndexOf", [Value::Text(part)]) => {
            let chars = chars();
            Ok(found(&chars, part, chars.len(), true))
        }
        ("lastIndexOf", [Value::Text(part), Value::Int(from)]) => {
            within(&chars(), *from, |all, from| found(all, part, from, true))
        }
        ("lowerAscii", []) => Ok(Value::text(of.to_ascii_lowercase())),
        ("upperAscii", []) => Ok(Value::text(of.to_ascii_uppercase())),
        ("trim", []) => Ok(Value::text(of.trim())),
        ("reverse", []) => Ok(Value::text(of.chars().rev().collect::<String>())),
        ("replace", [Value::Text(part), Value::Text(by)]) => replaced(of, part, by, usize::MAX),
        ("replace", [Value::Text(part), Value::Text(by), Value::Int(times)]) => {
            replaced(of, part, by, usize::try_from(*times).unwrap_or(usize::MAX))
        }
        ("split", [Value::Text(by)]) => Ok(split(of, by, -1)),
        ("split", [Value::Text(by), Value::Int(most)]) => Ok(split(of, by, *most)),
        ("substring", [Value::Int(from)]) => {
            let chars = chars();
            part(&chars, *from, i64::try_from(chars.len()).unwrap_or(i64::MAX))
        }
        ("substring", [Value::Int(from), Value::Int(to)]) => part(&chars(), *from, *to),
        ("format", [Value::List(values)]) => format(of, values),
        _ => return None,
    })
}

/// What a replacement may grow a text to, in bytes.
const LARGEST: usize = 8 << 20;

fn replaced(of: &str, part: &str, by: &str, times: usize) -> Result<Value, RunError> {
    let count = of.matches(part).take(times).count();
    if count.saturating_mul(by.len()).saturating_add(of.len()) > LARGEST {
        return Err(RunError::TooCostly);
    }
    Ok(Value::text(of.replacen(part, by, times)))
}

fn out_of_range(at: i64) -> Result<Value, RunError> {
    Err(RunError::new(format!("index out of range: {at}")))
}

fn within(all: &[char], from: i64, look: impl FnOnce(&[char], usize) -> Value) -> Result<Value, RunError> {
    match usize::try_from(from) {
        Ok(at) if at <= all.len() => Ok(look(all, at)),
        _ => out_of_range(from),
    }
}

/// Where a part is, from `from` on or up to it; -1: nowhere.
fn found(all: &[char], part: &str, from: usize, backwards: bool) -> Value {
    let part: Vec<char> = part.chars().collect();
    let Some(last) = all.len().checked_sub(part.len()) else { return Value::Int(-1) };
    let here = |at: &usize| all[*at..*at + part.len()] == part[..];
    let place = if backwards { (0..=last.min(from)).rev().find(here) } else { (from..=last).find(here) };
    place.map_or(Value::Int(-1), int)
}

fn part(all: &[char], from: i64, to: i64) -> Result<Value, RunError> {
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    match range.filter(|(from, to)| from <= to && *to <= all.len()) {
        Some((from, to)) => Ok(Value::text(all[from..to].iter().collect::<String>())),
        None => Err(RunError::new(format!("invalid substring range. start: {from}, end: {to}"))),
    }
}

fn split(of: &str, by: &str, most: i64) -> Value {
    let texts = |parts: &mut dyn Iterator<Item = &str>| Value::list(parts.map(Value::text).collect());
    let chars: Vec<String> = of.chars().map(String::from).collect();
    match usize::try_from(most) {
        Ok(0) => Value::list(vec![]),
        Ok(most) if by.is_empty() => {
            let (first, rest) = chars.split_at(chars.len().min(most.saturating_sub(1)));
            let last = rest.concat();
            let last = (!last.is_empty()).then_some(&*last);
            texts(&mut first.iter().map(String::as_str).chain(last))
        }
        Ok(most) => texts(&mut of.splitn(most, by)),
        Err(_) if by.is_empty() => texts(&mut chars.iter().map(String::as_str)),
        Err(_) => texts(&mut of.split(by)),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            '\\' | '"' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `%s %d %f %e %b %x %X %o %%`, with precisions.
fn format(template: &str, values: &[Value]) -> Result<Value, RunError> {
    let mut out = String::new();
    let mut chars = template.chars();
    let mut next = values.iter().enumerate();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut clause = chars.next();
        if clause == Some('%') {
            out.push('%');
            continue;
        }
        let mut precision = None;
        if clause == Some('.') {
            let digits: String = chars.clone().take_while(char::is_ascii_digit).collect();
            chars = chars.as_str()[digits.len()..].chars();
            let few = digits.parse::<usize>().ok().filter(|precision| *precision <= 1000);
            precision = Some(few.ok_or_else(|| RunError::new("could not parse formatting clause: invalid precision"))?);
            clause = chars.next();
        }
        let clause = clause.ok_or_else(|| RunError::new("unexpected end of string"))?;
        let (at, value) = next.next().ok_or_else(|| RunError::new(format!("index {} out of range", values.len())))?;
        let written = written(clause, precision, value);
        out.push_str(&written.ok_or_else(|| {
            RunError::new(format!(
                "error during formatting: %{clause} cannot show argument {at} of type {}",
                value.type_name()
            ))
        })?);
        if out.len() > LARGEST {
            return Err(RunError::TooCostly);
        }
    }
    Ok(Value::text(out))
}

fn written(clause: char, precision: Option<usize>, value: &Value) -> Option<String> {
    let six = precision.unwrap_or(6);
    Some(match (clause, value) {
        ('s', value) => conversions::text(value),
        ('d', Value::Int(value)) => value.to_string(),
        ('d', Value::Uint(value)) => value.to_string(),
        ('f', Value::Double(value)) => format!("{value:.six$}"),
        ('f', Value::Int(value)) => format!("{:.six$}", *value as f64),
        ('e', Value::Double(value)) => scientific(*value, six),
        ('e', Value::Int(value)) => scientific(*value as f64, six),
        ('b', Value::Int(value)) => signed(*value, |value| format!("{value:b}")),
        ('b', Value::Uint(value)) => format!("{value:b}"),
        ('b', Value::Bool(value)) => u8::from(*value).to_string(),
        ('o', Value::Int(value)) => signed(*value, |value| format!("{value:o}")),
        ('o', Value::Uint(value)) => format!("{value:o}"),
        ('x', Value::Int(value)) => signed(*value, |value| format!("{value:x}")),
        ('X', Value::Int(value)) => signed(*value, |value| format!("{value:X}")),
        ('x', Value::Uint(value)) => format!("{value:x}"),
        ('X', Value::Uint(value)) => format!("{value:X}"),
        ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('x', Value::Bytes(bytes)) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Bytes(bytes)) => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        _ => return None,
    })
}

fn signed(value: i64, digits: fn(u64) -> String) -> String {
    format!("{}{}", if value < 0 { "-" } else { "" }, digits(value.unsigned_abs()))
}

/// With two digits at least in the exponent, as C writes it.
fn scientific(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    match text.split_once('e').and_then(|(mantissa, exponent)| Some((mantissa, exponent.parse::<i32>().ok()?))) {
        Some((mantissa, exponent)) => {
            format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
        }
        None => text,
    }
}
