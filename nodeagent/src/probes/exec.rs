//! A command that ends with 0 is success. One that takes too long is killed.

use std::time::Duration;

use super::Trouble;
use crate::runtime::Runtime;

/// What is said of a command's output, in bytes.
const OUTPUT_LIMIT: usize = 10 << 10;

pub async fn run<R: Runtime>(runtime: &R, id: &str, command: &[String], limit: Duration) -> Result<(), Trouble> {
    let ended = runtime.exec_sync(id, command, limit).await.map_err(|error| Trouble::Unknown(error.to_string()))?;
    match ended.code {
        Some(0) => Ok(()),
        Some(_) => {
            let said = &ended.output[..ended.output.len().min(OUTPUT_LIMIT)];
            Err(Trouble::Failed(String::from_utf8_lossy(said).into_owned()))
        }
        None => Err(Trouble::Failed(format!("command {:?} timed out", command.join(" ")))),
    }
}
