//! Compiles the sandbox's only program, so that the agent carries the image's bytes inside itself.

use std::{env, path::PathBuf, process::Command};

fn main() {
    let source = "sandbox/pause.rs";
    println!("cargo::rerun-if-changed={source}");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo did not set {name}"));
    let output = PathBuf::from(variable("OUT_DIR")).join("pause");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["--edition", "2024", "--crate-type", "bin", "--crate-name", "pause"])
        .args(["--target", &variable("TARGET")])
        .args(["-C", "panic=abort", "-C", "opt-level=s", "-C", "strip=symbols"])
        .args(["-C", "relocation-model=static", "-C", "link-arg=-nostartfiles"])
        .args(["-C", "link-arg=-static", "-C", "link-arg=-nostdlib"])
        .arg("-o")
        .arg(&output)
        .arg(source);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.args(["-C", &format!("linker={linker}")]);
    }
    let status = rustc.status().unwrap_or_else(|error| panic!("cannot run rustc: {error}"));
    assert!(status.success(), "{source} did not compile: {rustc:?}");
}
