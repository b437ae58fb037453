//! One byte flipped in each file, at several places, each time in a fresh copy: what does the engine say?

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::kept::Kept;
use crate::load::Load;
use crate::process;

/// Enough for each engine to have flushed and compacted.
const GIGABYTES: f64 = 0.25;
/// Flips for an engine, spread over its files, and over each of them.
const FLIPS: u64 = 48;
const FLIPS_A_FILE: u64 = 3;

/// What came of one flipped byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// An error; it should say which file.
    Refused(String),
    /// All objects are there: the byte held nothing, or the engine had it twice.
    Unharmed,
    /// It opened as if nothing were wrong, with objects lost or changed.
    Silent(String),
    /// It panicked, or was ended by a signal.
    Died(String),
}

pub struct Flip {
    pub file: String,
    pub place: u64,
    pub outcome: Outcome,
}

pub fn run(name: &str, dir: &Path) -> Result<Vec<Flip>> {
    let load = Load::of_gigabytes(GIGABYTES);
    let whole = tempfile::tempdir_in(dir)?;
    process::write(name, whole.path(), load)?;
    let mut flips = Vec::new();
    let files = files(whole.path())?;
    let places = FLIPS_A_FILE.max(FLIPS / files.len().max(1) as u64);
    for file in files {
        let used = used(&whole.path().join(&file))?;
        for place in 1..=places {
            let copy = tempfile::tempdir_in(dir)?;
            copy_all(whole.path(), copy.path())?;
            let place = used * place / (places + 1);
            flip(&copy.path().join(&file), place)?;
            let outcome = outcome(name, copy.path(), load)?;
            flips.push(Flip { file: file.display().to_string(), place, outcome });
        }
    }
    Ok(flips)
}

fn outcome(name: &str, dir: &Path, load: Load) -> Result<Outcome> {
    let output = process::reader(name, dir, load)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default().replace(&*dir.to_string_lossy(), "");
    if output.status.code() == Some(1) {
        return Ok(Outcome::Refused(said));
    }
    if !output.status.success() {
        return Ok(Outcome::Died(format!("{}: {said}", output.status)));
    }
    let kept: Kept = serde_json::from_slice(&output.stdout).context("a reader without a result")?;
    let Kept { missing, wrong, foreign, history_missing, .. } = kept;
    Ok(if kept.whole() {
        Outcome::Unharmed
    } else {
        Outcome::Silent(format!(
            "{missing} objects lost, {wrong} changed, {foreign} foreign, {history_missing} records of history lost"
        ))
    })
}

fn flip(file: &Path, place: u64) -> Result<()> {
    let file = File::options().read(true).write(true).open(file)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, place)?;
    file.write_all_at(&[byte[0] ^ 0x10], place)?;
    Ok(())
}

/// The length of a file without the zeros at its end, which are space that nothing was written to.
fn used(file: &Path) -> Result<u64> {
    let bytes = std::fs::read(file)?;
    Ok(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1))
}

/// All files below `dir` that hold anything, by their paths in it.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(dir.join(&folder))? {
            let entry = entry?;
            let (path, metadata) = (folder.join(entry.file_name()), entry.metadata()?);
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.len() > 0 {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.metadata()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy_all(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
