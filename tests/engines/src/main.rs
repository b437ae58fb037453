//! `make bench-engines`: which engine should keep the objects of one machine.
//!
//! Each takes the same load (see `load`) in a process of its own, which is then killed; another process opens what is
//! left, brings every object into memory and compares it with what was acknowledged. Then one byte of a file is
//! flipped, file after file, and a third process says what it notices.
//!
//! `timonier-engines [--gigabytes N] [--dir DIR] [--json FILE] [ENGINE…]`

mod damage;
mod engine;
mod engines;
mod kept;
mod load;
mod measure;
mod process;
mod report;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use load::Load;
use report::Report;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut gigabytes, mut dir, mut json, mut wanted) = (4.0, std::env::temp_dir(), None, Vec::new());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--child" => return process::child(arguments.collect()),
            "--gigabytes" => gigabytes = value()?.parse().context("--gigabytes: not a number")?,
            "--dir" => dir = PathBuf::from(value()?),
            "--json" => json = Some(PathBuf::from(value()?)),
            "--help" => {
                println!("timonier-engines [--gigabytes 4] [--dir DIR] [--json FILE] [{}]", engine::NAMES.join("|"));
                return Ok(());
            }
            name if engine::NAMES.contains(&name) => wanted.push(name.to_owned()),
            other => bail!("unknown engine or flag {other:?}: see --help"),
        }
    }
    if wanted.is_empty() {
        wanted = engine::NAMES.map(str::to_owned).to_vec();
    }
    let load = Load::of_gigabytes(gigabytes);
    ensure!(load.keys > 0, "--gigabytes {gigabytes}: at least 0.1");

    let mut report = Report::new(load);
    for name in &wanted {
        let folder = tempfile::tempdir_in(&dir).with_context(|| dir.display().to_string())?;
        eprintln!("{name}: {} puts to {} keys", load.operations, load.keys);
        let written = process::write(name, folder.path(), load)?;
        report.written(name, &written, process::bytes_in(folder.path())?);
        let kept = process::read(name, folder.path(), load)?;
        report.opened(name, &kept);
        drop(folder);
        for flip in damage::run(name, &dir)? {
            report.flipped(name, flip);
        }
        // What a long run has found is kept also when a later engine fails.
        if let Some(path) = &json {
            report.write(path)?;
        }
    }
    report.print();
    Ok(())
}
