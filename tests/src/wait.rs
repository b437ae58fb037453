//! Waiting for a condition, never for a time.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// Long enough for any single step on a busy machine; reached only by what fails.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Looks again and again until `look` succeeds. Its last error says why it did not.
pub async fn eventually<T, F>(what: &str, look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    within(PATIENCE, what, look).await
}

pub async fn within<T, F>(patience: Duration, what: &str, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let start = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(error) if start.elapsed() > patience => {
                return Err(anyhow!("{what}: not within {patience:?}; at last: {error:#}"));
            }
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}
