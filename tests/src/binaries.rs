//! The programs under test.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A binary of the same build as this test: `target/debug/kctl` for `target/debug/deps/end_to_end-…`.
pub fn binary(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let found = this.ancestors().map(|dir: &Path| dir.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built; run `make test`, or `cargo build --bins` before cargo test"))
}

/// The root of the project's folder.
pub fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
