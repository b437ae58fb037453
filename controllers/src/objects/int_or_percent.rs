//! `3` or `"25%"`.

use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum IntOrPercent {
    Int(i32),
    Percent(String),
}

#[derive(Debug, Clone, Copy)]
pub enum Round {
    Up,
    Down,
}

impl IntOrPercent {
    /// How many that is of a whole; never less than none.
    pub fn of(&self, whole: i32, round: Round) -> i32 {
        match self {
            IntOrPercent::Int(count) => (*count).max(0),
            IntOrPercent::Percent(text) => {
                // The server has validated it; what still is no percentage moves nothing.
                let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
                let hundredfold = percent.max(0) * i64::from(whole);
                let count = match round {
                    Round::Up => (hundredfold + 99) / 100,
                    Round::Down => hundredfold / 100,
                };
                i32::try_from(count).unwrap_or(i32::MAX)
            }
        }
    }
}
