//! Other people's clients, as they are installed for the tests.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::Program;

/// kubectl 1.20 out of Debian's package, which is unpacked below `dir` and not installed.
pub async fn debian_s_kubectl(dir: &Path) -> Result<PathBuf> {
    let cache = dir.join("kubernetes-client");
    let kubectl = cache.join("usr/bin/kubectl");
    if kubectl.is_file() {
        return Ok(kubectl);
    }
    let unpacking = tempfile::tempdir_in(dir)?;
    let download = "apt-get download kubernetes-client || { apt-get update && apt-get download kubernetes-client; }";
    let script = format!("cd \"$1\" && {{ {download}; }} && dpkg -x kubernetes-client_*.deb unpacked");
    let shell = Program::new("/bin/sh").args(["-euc", &script, "sh"]).args([unpacking.path()]);
    shell.run().await?.ok().context("cannot get Debian's kubectl (package kubernetes-client)")?;
    // Whoever is first puts it there; a second one finds it and throws its own away.
    let _lost_the_race = std::fs::rename(unpacking.path().join("unpacked"), &cache);
    if kubectl.is_file() { Ok(kubectl) } else { bail!("{} is not in the package", kubectl.display()) }
}

/// A Python with the package `kubernetes`, as `tools/setup python` makes it beside the binaries.
pub fn python() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let found = this.ancestors().map(|dir: &Path| dir.join("python/bin/python")).find(|path| path.is_file());
    found.context("there is no Python with the package kubernetes: run `tools/setup python`")
}
