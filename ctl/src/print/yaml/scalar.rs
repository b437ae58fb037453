//! One string in YAML: which style keeps its meaning, and the writing of each style.

use super::Writer;

/// Lines longer than this are folded at the next space.
const WIDTH: usize = 80;
/// Keys longer than this need the explicit `? key` form.
const SIMPLE_KEY: usize = 128;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

pub(super) fn fits_simple_key(key: &str) -> bool {
    key.len() <= SIMPLE_KEY && !key.contains('\n')
}

pub(super) fn write_key(writer: &mut Writer, key: &str) {
    match style(key) {
        Style::Plain => writer.put(key),
        Style::Single => single(writer, key, None),
        Style::Double | Style::Literal => double(writer, key, None),
    }
}

/// `indent`: where a continued line starts.
pub(super) fn write(writer: &mut Writer, text: &str, indent: usize) {
    match style(text) {
        Style::Plain => plain(writer, text, indent),
        Style::Single => single(writer, text, Some(indent)),
        Style::Double => double(writer, text, Some(indent)),
        Style::Literal => literal(writer, text, indent),
    }
}

fn style(text: &str) -> Style {
    let traits = Traits::of(text);
    if text.contains('\n') {
        return if traits.block_allowed { Style::Literal } else { Style::Double };
    }
    if reads_as_other_type(text) {
        return Style::Double;
    }
    match (traits.plain_allowed, traits.single_allowed) {
        (true, _) => Style::Plain,
        (false, true) => Style::Single,
        (false, false) => Style::Double,
    }
}

/// What the characters of a string allow.
struct Traits {
    plain_allowed: bool,
    single_allowed: bool,
    block_allowed: bool,
}

impl Traits {
    fn of(text: &str) -> Traits {
        let chars: Vec<char> = text.chars().collect();
        let blank = |c: Option<&char>| c.is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
        let mut indicator = text.starts_with("---") || text.starts_with("...");
        for (i, &c) in chars.iter().enumerate() {
            let before_blank = blank(chars.get(i + 1));
            indicator |= match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                    if i == 0 =>
                {
                    true
                }
                '?' | '-' if i == 0 => before_blank,
                ':' => before_blank,
                '#' => blank(chars.get(i - 1)),
                _ => false,
            };
        }
        let pair = |first: fn(char) -> bool, second: fn(char) -> bool| {
            chars.windows(2).any(|pair| first(pair[0]) && second(pair[1]))
        };
        let is_break = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let space_break = pair(|c| c == ' ', is_break);
        let break_space = pair(is_break, |c| c == ' ');
        let special = chars.iter().any(|&c| !is_printable(c));
        let edge = |c: Option<&char>| c.is_some_and(|&c| c == ' ' || is_break(c));
        let at_edges = edge(chars.first()) || edge(chars.last());
        let breaks = chars.iter().any(|&c| is_break(c));
        Traits {
            plain_allowed: !(indicator || at_edges || breaks || special || space_break || break_space),
            single_allowed: !(special || space_break || break_space),
            block_allowed: !(special || space_break || chars.last() == Some(&' ') || chars.is_empty()),
        }
    }
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | '\u{20}'..='\u{7e}' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && c != '\u{feff}'
}

/// Whether the bare text would be read as null, a boolean, a number or a time.
fn reads_as_other_type(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n",
        "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", ".nan", ".NaN", ".NAN", ".inf", ".Inf",
        ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
    ];
    WORDS.contains(&text) || is_number(text) || is_time(text) || is_base_60(text)
}

fn is_number(text: &str) -> bool {
    let plain = text.replace('_', "");
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    if text.starts_with('_') || !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let radix = |prefix: [&str; 2], base: u32| {
        prefix.iter().any(|p| {
            unsigned
                .strip_prefix(p)
                .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_digit(base)))
        })
    };
    radix(["0x", "0X"], 16) || radix(["0b", "0B"], 2) || radix(["0o", "0O"], 8) || is_decimal(unsigned)
}

/// Digits with at most one point and an exponent.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let some_digit = !whole.is_empty() || !fraction.is_empty();
    some_digit && digits(whole) && digits(fraction) && exponent.is_none_or(|e| !e.is_empty() && digits(e))
}

/// A date, or a date and a time.
fn is_time(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits != 4 || text.as_bytes().get(4) != Some(&b'-') {
        return false;
    }
    text.parse::<jiff::Timestamp>().is_ok()
        || text.parse::<jiff::civil::Date>().is_ok() && !text.contains(['T', 't'])
        || text.parse::<jiff::civil::DateTime>().is_ok() && text.contains(' ')
}

/// `12:30:45` was a number in YAML 1.1.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first = parts.next().is_some_and(|p| {
        p.starts_with(|c: char| c.is_ascii_digit()) && p.chars().all(|c| c.is_ascii_digit() || c == '_')
    });
    let rest: Vec<&str> = parts.collect();
    first
        && !rest.is_empty()
        && rest.iter().enumerate().all(|(i, part)| {
            let whole = if i + 1 == rest.len() { part.split('.').next().unwrap_or(part) } else { part };
            (1..=2).contains(&whole.len()) && whole.parse::<u8>().is_ok_and(|n| n < 60)
        })
}

fn plain(writer: &mut Writer, text: &str, indent: usize) {
    let mut chars = text.chars().peekable();
    let mut after_space = false;
    while let Some(c) = chars.next() {
        if c == ' ' && !after_space && writer.column > WIDTH && chars.peek() != Some(&' ') {
            writer.break_line(indent);
        } else {
            writer.put(c.encode_utf8(&mut [0; 4]));
        }
        after_space = c == ' ';
    }
}

/// Folds only if an indent is given.
fn single(writer: &mut Writer, text: &str, indent: Option<usize>) {
    writer.put("'");
    let mut chars = text.chars().enumerate().peekable();
    let mut after_space = false;
    while let Some((i, c)) = chars.next() {
        let next = chars.peek().map(|&(_, c)| c);
        let may_fold = c == ' ' && !after_space && writer.column > WIDTH && i > 0 && next.is_some_and(|c| c != ' ');
        match indent {
            Some(indent) if may_fold => writer.break_line(indent),
            _ if c == '\'' => writer.put("''"),
            _ => writer.put(c.encode_utf8(&mut [0; 4])),
        }
        after_space = c == ' ';
    }
    writer.put("'");
}

/// Folds only if an indent is given.
fn double(writer: &mut Writer, text: &str, indent: Option<usize>) {
    writer.put("\"");
    let mut chars = text.chars().enumerate().peekable();
    let mut after_space = false;
    while let Some((i, c)) = chars.next() {
        let next = chars.peek().map(|&(_, c)| c);
        let may_fold = c == ' ' && !after_space && writer.column > WIDTH && i > 0 && next.is_some();
        match indent {
            Some(indent) if may_fold => {
                writer.break_line(indent);
                if next == Some(' ') {
                    writer.put("\\");
                }
            }
            _ => writer.put(&escaped(c)),
        }
        after_space = c == ' ';
    }
    writer.put("\"");
}

fn escaped(c: char) -> String {
    match c {
        '"' => "\\\"".into(),
        '\\' => "\\\\".into(),
        '\0' => "\\0".into(),
        '\u{7}' => "\\a".into(),
        '\u{8}' => "\\b".into(),
        '\t' => "\\t".into(),
        '\n' => "\\n".into(),
        '\u{b}' => "\\v".into(),
        '\u{c}' => "\\f".into(),
        '\r' => "\\r".into(),
        '\u{1b}' => "\\e".into(),
        '\u{85}' => "\\N".into(),
        '\u{2028}' => "\\L".into(),
        '\u{2029}' => "\\P".into(),
        c if is_printable(c) => c.into(),
        c if u32::from(c) <= 0xff => format!("\\x{:02X}", u32::from(c)),
        c if u32::from(c) <= 0xffff => format!("\\u{:04X}", u32::from(c)),
        c => format!("\\U{:08X}", u32::from(c)),
    }
}

/// `|`, an indent if the text starts with white space, and what to do with the final line breaks.
fn literal(writer: &mut Writer, text: &str, indent: usize) {
    writer.put("|");
    if text.starts_with([' ', '\n']) {
        writer.put("2");
    }
    match text.strip_suffix('\n') {
        None => writer.put("-"),
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => writer.put("+"),
        Some(_) => {}
    }
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        writer.newline();
        if !line.is_empty() {
            writer.indent(indent);
            writer.put(line);
        }
    }
}
