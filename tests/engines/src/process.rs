//! Each step in a process of its own, so that it can be killed, and may die.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;

use crate::engine;
use crate::kept::{self, Kept};
use crate::load::Load;
use crate::measure::{self, Written};

/// What a process does that was started with `--child`.
pub fn child(arguments: Vec<String>) -> Result<()> {
    let [step, name, dir, load] = arguments.as_slice() else { bail!("--child is for this program itself") };
    let load: Load = serde_json::from_str(load)?;
    match step.as_str() {
        "write" => {
            let mut engine = engine::open(name, Path::new(dir), load.window)?;
            println!("{}", serde_json::to_string(&measure::write(&mut *engine, load)?)?);
            // Waits to be killed with the engine open: nothing may depend on an orderly end.
            std::io::stdin().read_to_end(&mut Vec::new())?;
        }
        "read" => println!("{}", serde_json::to_string(&kept::read(name, Path::new(dir), load)?)?),
        _ => bail!("unknown step {step:?}"),
    }
    Ok(())
}

fn command(step: &str, name: &str, dir: &Path, load: Load) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--child", step, name]).arg(dir).arg(serde_json::to_string(&load)?);
    Ok(command)
}

/// Writes the load and ends the writer with SIGKILL.
pub fn write(name: &str, dir: &Path, load: Load) -> Result<Written> {
    let mut child = command("write", name, dir, load)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    child.kill()?;
    child.wait()?;
    parse(name, &line)
}

/// Opens and reads what is there, which must be all of it.
pub fn read(name: &str, dir: &Path, load: Load) -> Result<Kept> {
    let output = reader(name, dir, load)?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let kept: Kept = parse(name, &String::from_utf8_lossy(&output.stdout))?;
    ensure!(kept.whole(), "{name}: not all is there after a kill: {kept:?}");
    Ok(kept)
}

/// The same, whatever comes of it.
pub fn reader(name: &str, dir: &Path, load: Load) -> Result<Output> {
    Ok(command("read", name, dir, load)?.output()?)
}

fn parse<T: DeserializeOwned>(name: &str, line: &str) -> Result<T> {
    serde_json::from_str(line).with_context(|| format!("{name}: the process ended without a result"))
}

/// The space that the files of a folder take on disk.
pub fn bytes_in(dir: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
