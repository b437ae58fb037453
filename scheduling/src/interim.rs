//! Stands in for `timonier_api::quantity` until that is there.
use std::str::FromStr;
pub struct Quantity(i128);
impl Quantity {
    pub fn milli(&self) -> i128 {
        (self.0 + 999_999) / 1_000_000
    }
    pub fn value(&self) -> i128 {
        (self.0 + 999_999_999) / 1_000_000_000
    }
}
impl FromStr for Quantity {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let split = s.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(s.len());
        let (number, suffix) = s.split_at(split);
        let scale: f64 = match suffix {
            "n" => 1e-9,
            "u" => 1e-6,
            "m" => 1e-3,
            "" => 1.0,
            "k" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            "Ki" => 1024.0,
            "Mi" => 1048576.0,
            "Gi" => 1073741824.0,
            "Ti" => 1099511627776.0,
            _ => return Err(format!("{s:?} is no quantity")),
        };
        let number: f64 = number.parse().map_err(|_| format!("{s:?} is no quantity"))?;
        Ok(Quantity((number * scale * 1e9).round() as i128))
    }
}
