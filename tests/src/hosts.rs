//! Docker hosts of a test's own on this one machine: each a network namespace with its own address, Docker Engine,
//! containerd and folder, on a switch ([`Lan`]) that this machine is plugged into as well.
//!
//! A [`Host`] can be cut off and mended, its daemon killed, frozen and started again, and the whole host can lose its
//! power. Everything goes when the values are dropped, also after a failure; what a killed test run left behind is
//! removed by the next one, which knows it by a lock that nobody holds any more.

mod daemon;
mod host;
mod lan;
mod remains;

pub use host::{Host, Options};
pub use lan::Lan;

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs a command of the machine's own and gives what it printed.
fn run(words: &[&str]) -> Result<String> {
    let (program, args) = words.split_first().context("an empty command")?;
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {program}: apt-get install iproute2 util-linux"))?;
    ensure!(output.status.success(), "{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
