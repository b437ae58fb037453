//! Whose turn it is to write what a quota counts.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// Above this many namespaces those are forgotten where nobody waits.
const KEPT: usize = 1000;

/// One turn at a time in each namespace.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for the namespace's turn, which lasts until the guard is dropped.
    pub async fn of(&self, namespace: &str) -> OwnedMutexGuard<()> {
        let line = {
            let mut lines = self.0.lock();
            if lines.len() > KEPT {
                lines.retain(|_, line| Arc::strong_count(line) > 1);
            }
            lines.entry(namespace.to_string()).or_default().clone()
        };
        line.lock_owned().await
    }
}
