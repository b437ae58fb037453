//! What a test may be told by its environment.

use anyhow::{Context, Result};
use rand::Rng;

/// The number in an environment variable.
pub fn number(name: &str, default: u64) -> Result<u64> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text.parse().with_context(|| format!("{name}: {text:?} is no number")),
        _ => Ok(default),
    }
}

/// `TIMONIER_SEED`, or another one each time. It is printed, so that a test that failed can be told the same.
pub fn seed() -> Result<u64> {
    let seed = number("TIMONIER_SEED", rand::rng().random_range(0..1 << 32))?;
    eprintln!("TIMONIER_SEED={seed}");
    Ok(seed)
}
