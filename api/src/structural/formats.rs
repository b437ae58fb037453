//! `format` of strings. Formats that are not known here hold of every text, as in Kubernetes.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::Date;
use regex::Regex;

use crate::names;

/// Formats that are a pattern.
static PATTERNS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    const UUID: &str = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?";
    let uuid =
        |version: &str, variant: &str| format!("{UUID}{version}[0-9a-f]{{3}}-?{variant}[0-9a-f]{{3}}-?[0-9a-f]{{12}}$");
    let patterns = [
        ("uuid", uuid("[0-9a-f]", "[0-9a-f]")),
        ("uuid3", uuid("3", "[0-9a-f]")),
        ("uuid4", uuid("4", "[89ab]")),
        ("uuid5", uuid("5", "[89ab]")),
        ("bsonobjectid", "^[0-9a-fA-F]{24}$".to_owned()),
        ("hexcolor", "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$".to_owned()),
        (
            "rgbcolor",
            r"^rgb\(\s*(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\s*,\s*(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\s*,\s*(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\s*\)$"
                .to_owned(),
        ),
        ("ssn", r"^\d{3}[- ]?\d{2}[- ]?\d{4}$".to_owned()),
        ("mac", "(?i)^([0-9a-f]{2}([:-])([0-9a-f]{2}[:-]){4}([0-9a-f]{2}[:-]){0,2}[0-9a-f]{2}|([0-9a-f]{4}\\.){2,3}[0-9a-f]{4})$".to_owned()),
        ("email", r"^[^\s@<>()\[\]\\,;:]+@[^\s@<>()\[\]\\,;:]+$".to_owned()),
        ("uri", r"^([A-Za-z][A-Za-z0-9+.-]*:\S*|/\S*)$".to_owned()),
        ("duration", r"^[+-]?(\d+(\.\d+)?\s*(ns|us|µs|μs|ms|s|m|h|d|w|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|wks?)\s*)+$".to_owned()),
    ];
    patterns.into_iter().filter_map(|(name, pattern)| Some((name, Regex::new(&pattern).ok()?))).collect()
});

pub(super) fn fits(format: &str, text: &str) -> bool {
    match format {
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_network(text),
        "date" => text.len() == 10 && text.parse::<Date>().is_ok(),
        "date-time" | "datetime" => is_time(text),
        "byte" => crate::schema::is_base64(text),
        "hostname" => names::dns1123_subdomain(&text.to_lowercase()).is_empty(),
        "k8s-short-name" => names::dns1123_label(text).is_empty(),
        "k8s-long-name" => names::dns1123_subdomain(text).is_empty(),
        "isbn" => is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10(text),
        "isbn13" => is_isbn13(text),
        "creditcard" => is_card(text),
        _ => PATTERNS.iter().find(|(name, _)| *name == format).is_none_or(|(_, pattern)| pattern.is_match(text)),
    }
}

fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let most = if address.parse::<Ipv4Addr>().is_ok() {
        32
    } else if address.parse::<Ipv6Addr>().is_ok() {
        128
    } else {
        return false;
    };
    !bits.starts_with('+') && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// RFC 3339; jiff reads more than that.
fn is_time(text: &str) -> bool {
    matches!(text.as_bytes().get(10), Some(b'T' | b't')) && text.parse::<Timestamp>().is_ok()
}

fn digits(text: &str) -> Vec<u32> {
    text.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_digit(10).unwrap_or(99)).collect()
}

fn is_isbn10(text: &str) -> bool {
    let mut digits = digits(text);
    if digits.len() == 10 && text.ends_with(['X', 'x']) {
        digits[9] = 10;
    }
    let sum: u32 = digits.iter().zip((1..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    digits.len() == 10 && digits.iter().all(|digit| *digit <= 10) && sum.is_multiple_of(11)
}

fn is_isbn13(text: &str) -> bool {
    let digits = digits(text);
    let sum: u32 = digits.iter().enumerate().map(|(at, digit)| digit * if at % 2 == 0 { 1 } else { 3 }).sum();
    digits.len() == 13 && digits.iter().all(|digit| *digit < 10) && sum.is_multiple_of(10)
}

/// Luhn's check of a number of 13 to 19 digits.
fn is_card(text: &str) -> bool {
    let digits = digits(text);
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(at, digit)| if at % 2 == 1 { doubled(*digit) } else { *digit }).sum();
    (13..=19).contains(&digits.len()) && digits.iter().all(|digit| *digit < 10) && sum.is_multiple_of(10)
}
