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

/// kubectl 1.36, as `tools/setup node` unpacks it; where there is none for this machine's processor, the one on PATH.
pub fn newest_kubectl() -> Result<PathBuf> {
    if cfg!(target_arch = "x86_64") { beside("node/kubectl") } else { Ok("kubectl".into()) }
}

/// The folder with the package `@kubernetes/client-node`.
pub fn node_modules() -> Result<PathBuf> {
    beside("node/node_modules")
}

/// What `tools/setup` has put beside the binaries.
fn beside(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let found = this.ancestors().map(|dir: &Path| dir.join(name)).find(|path| path.exists());
    found.with_context(|| format!("there is no {name} beside the binaries: run `tools/setup node python`"))
}

/// A Python with the package `kubernetes`, as `tools/setup python` makes it beside the binaries.
pub fn python() -> Result<PathBuf> {
    beside("python/bin/python")
}
