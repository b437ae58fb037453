//! Whether there is a Docker daemon to measure with.

use std::process::Command;

use anyhow::{Context, Result, ensure};

pub fn needed() -> Result<()> {
    let output = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    let output = output.context("there is no docker command")?;
    ensure!(output.status.success(), "no Docker daemon answers: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
