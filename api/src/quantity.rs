//! [`Quantity`]: an exact amount of a resource, as in `100m`, `64Mi`, `1.5`, `2e3`.
//!
//! The rules are those of Kubernetes' `resource.Quantity`: no precision beyond a nano, nothing larger than 2⁶³−1, and a
//! canonical form without fractions that keeps the kind of suffix it was written with.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Nanos in a unit.
const NANO: i128 = 1_000_000_000;
/// Largest magnitude, in nanos.
const MAX: i128 = i64::MAX as i128 * NANO;

/// An exact decimal amount. Equality and order look at the amount alone: `1` equals `1000m`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// The family of suffixes that an amount is written with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `n u m - k M G T P E`
    #[default]
    DecimalSi,
    /// `Ki Mi Gi Ti Pi Ei`
    BinarySi,
    /// `e3`
    DecimalExponent,
}

/// A text that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

impl Quantity {
    pub const ZERO: Quantity = Quantity { nanos: 0, format: Format::DecimalSi };

    /// `value` whole units, to be shown with decimal suffixes.
    pub fn from_value(value: i64) -> Quantity {
        Quantity { nanos: i128::from(value) * NANO, format: Format::DecimalSi }
    }

    /// `milli` thousandths, to be shown with decimal suffixes.
    pub fn from_milli(milli: i64) -> Quantity {
        Quantity { nanos: i128::from(milli) * (NANO / 1000), format: Format::DecimalSi }
    }

    /// `bytes`, to be shown with binary suffixes.
    pub fn from_bytes(bytes: i64) -> Quantity {
        Quantity { format: Format::BinarySi, ..Quantity::from_value(bytes) }
    }

    /// Whole units, rounded away from zero.
    pub fn value(&self) -> i64 {
        clamp(divide_away_from_zero(self.nanos, NANO))
    }

    /// Thousandths of a unit, rounded away from zero; capped to what an `i64` holds.
    pub fn milli(&self) -> i64 {
        clamp(divide_away_from_zero(self.nanos, NANO / 1000))
    }

    /// For ratios and plots only: not exact.
    pub fn as_f64(&self) -> f64 {
        self.nanos as f64 / NANO as f64
    }

    pub fn format(&self) -> Format {
        self.format
    }

    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// Whether the amount is a whole number of units.
    pub fn is_integer(&self) -> bool {
        self.nanos % NANO == 0
    }

    /// Whether the amount is a whole number of thousandths.
    pub fn is_milli(&self) -> bool {
        self.nanos % (NANO / 1000) == 0
    }

    fn with_nanos(self, nanos: i128, other: Quantity) -> Quantity {
        // Zero has no form of its own: a sum that starts from nothing looks like what was added.
        let format = if self.nanos == 0 { other.format } else { self.format };
        Quantity { nanos: nanos.clamp(-MAX, MAX), format }
    }
}

impl Add for Quantity {
    type Output = Quantity;

    fn add(self, other: Quantity) -> Quantity {
        self.with_nanos(self.nanos + other.nanos, other)
    }
}

impl Sub for Quantity {
    type Output = Quantity;

    fn sub(self, other: Quantity) -> Quantity {
        self.with_nanos(self.nanos - other.nanos, other)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

fn divide_away_from_zero(n: i128, by: i128) -> i128 {
    n / by + (n % by).signum()
}

fn clamp(n: i128) -> i64 {
    n.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Quantity, QuantityError> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(QuantityError::Format);
        }
        let (format, scale) = Scale::parse(suffix)?;
        let nanos = scale.nanos(whole, fraction);
        let negative = text.starts_with('-');
        Ok(Quantity { nanos: if negative { -nanos } else { nanos }, format })
    }
}

/// What a suffix multiplies by.
enum Scale {
    /// A power of ten.
    Ten(i32),
    /// A power of two.
    Two(u32),
}

impl Scale {
    fn parse(suffix: &str) -> Result<(Format, Scale), QuantityError> {
        let si = |power| Ok((Format::DecimalSi, Scale::Ten(power)));
        let binary = |power| Ok((Format::BinarySi, Scale::Two(power)));
        match suffix {
            "n" => si(-9),
            "u" => si(-6),
            "m" => si(-3),
            "" => si(0),
            "k" => si(3),
            "M" => si(6),
            "G" => si(9),
            "T" => si(12),
            "P" => si(15),
            "E" => si(18),
            "Ki" => binary(10),
            "Mi" => binary(20),
            "Gi" => binary(30),
            "Ti" => binary(40),
            "Pi" => binary(50),
            "Ei" => binary(60),
            _ => {
                let exponent = suffix.strip_prefix(['e', 'E']).ok_or(QuantityError::Suffix)?;
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(QuantityError::Suffix);
                }
                // An exponent that does not even fit is as good as the largest: the amount is capped anyway.
                let largest = if exponent.starts_with('-') { -1000 } else { 1000 };
                let power = exponent.parse::<i32>().unwrap_or(largest);
                Ok((Format::DecimalExponent, Scale::Ten(power.clamp(-1000, 1000))))
            }
        }
    }

    /// The amount in nanos: rounded up where more precise, capped where larger.
    fn nanos(&self, whole: &str, fraction: &str) -> i128 {
        let fraction = fraction.trim_end_matches('0');
        match *self {
            Scale::Ten(power) => {
                let digits = whole.chars().chain(fraction.chars());
                shift(digits, power + 9 - fraction.len() as i32)
            }
            Scale::Two(power) => {
                // 1.1Ki is 1126.4: fractions of binary units are exact down to a nano, then rounded up.
                let unit = 1i128 << power;
                let units = shift(whole.chars(), 0).saturating_mul(unit).min(MAX / NANO);
                let digits = &fraction[..fraction.len().min(18)];
                let rest = shift(digits.chars(), 0).saturating_mul(unit);
                let divisor = 10i128.pow(digits.len() as u32);
                let (high, low) = (rest / divisor, rest % divisor);
                let nanos = (low * NANO + divisor - 1) / divisor;
                (units * NANO + high * NANO + nanos).min(MAX)
            }
        }
    }
}

/// The integer that `digits` spell, times ten to the `power`; rounded up to a whole, capped at [`MAX`].
fn shift(digits: impl Iterator<Item = char>, power: i32) -> i128 {
    let mut value: i128 = 0;
    let digits: Vec<i128> = digits.map(|c| i128::from(c as u32 - '0' as u32)).collect();
    let keep = if power < 0 { digits.len().saturating_sub(power.unsigned_abs() as usize) } else { digits.len() };
    for digit in &digits[..keep] {
        value = (value * 10 + digit).min(MAX);
    }
    if digits[keep..].iter().any(|d| *d != 0) {
        value += 1;
    }
    for _ in 0..power.max(0) {
        if value == 0 || value == MAX {
            break;
        }
        value = value.saturating_mul(10).min(MAX);
    }
    value.min(MAX)
}

/// The canonical form: no fraction, the largest suffix that allows it.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let small = self.nanos.abs() < 1024 * NANO;
        if self.format == Format::BinarySi && !small && self.is_integer() {
            let (mut mantissa, mut power) = (self.nanos / NANO, 0);
            while mantissa % 1024 == 0 && power < 6 {
                mantissa /= 1024;
                power += 1;
            }
            let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power];
            return write!(f, "{mantissa}{suffix}");
        }
        let (mut mantissa, mut power) = (self.nanos, -9);
        while mantissa % 1000 == 0 && power < 18 {
            mantissa /= 1000;
            power += 3;
        }
        if self.format == Format::DecimalExponent {
            return match power {
                0 => write!(f, "{mantissa}"),
                _ => write!(f, "{mantissa}e{power}"),
            };
        }
        let suffix = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"][(power / 3 + 3) as usize];
        write!(f, "{mantissa}{suffix}")
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[path = "quantity_tests.rs"]
mod tests;
