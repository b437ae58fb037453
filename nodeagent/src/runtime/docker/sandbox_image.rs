//! The sandbox's image, made from bytes that the agent carries: no registry is asked.

use bollard::{Docker, query_parameters::ImportImageOptions};
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io;

use super::convert::{self, is_missing};
use crate::runtime::RuntimeError;

const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pause"));
pub const REPOSITORY: &str = "timonier/sandbox";

/// `timonier/sandbox:<hash of the program>`: agents of two versions on one daemon do not fight over a name.
pub fn name() -> String {
    let digest = hex::encode(Sha256::digest(PROGRAM));
    format!("{REPOSITORY}:{}", &digest[..12])
}

/// Loads the image unless the daemon has it.
///
/// It is loaded whole, with nothing in it that differs from one time to the next: several agents that load it at once make
/// one image, and leave no nameless one behind as imports would.
pub async fn ensure(docker: &Docker) -> Result<(), RuntimeError> {
    if is_there(docker).await? {
        return Ok(());
    }
    let archive = archive().map_err(|e| RuntimeError::Failed(format!("cannot pack the sandbox's image: {e}")))?;
    let loading = docker.import_image(ImportImageOptions::default(), bollard::body_full(archive), None);
    let Err(refused) = loading.try_collect::<Vec<_>>().await else { return Ok(()) };
    // An Engine that keeps its images in containerd refuses all but the first of those who load one at once.
    if is_there(docker).await? { Ok(()) } else { Err(convert::error(refused)) }
}

async fn is_there(docker: &Docker) -> Result<bool, RuntimeError> {
    match docker.inspect_image(&name()).await {
        Ok(_) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(convert::error(error)),
    }
}

/// The image as `docker save` would write it: one layer, its configuration, and the manifest that ties them together.
fn archive() -> io::Result<Bytes> {
    let layer = pack(&[("pause", PROGRAM, 0o755)])?;
    let config = json!({
        "architecture": match std::env::consts::ARCH { "x86_64" => "amd64", "aarch64" => "arm64", other => other },
        "os": "linux",
        "config": {"Entrypoint": ["/pause"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex::encode(Sha256::digest(&layer)))]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "timonier-nodeagent"}],
        "created": "1970-01-01T00:00:00Z",
    });
    let manifest = json!([{"Config": "config.json", "RepoTags": [name()], "Layers": ["layer.tar"]}]);
    let files = [
        ("layer.tar", layer.as_slice(), 0o644),
        ("config.json", &serde_json::to_vec(&config)?, 0o644),
        ("manifest.json", &serde_json::to_vec(&manifest)?, 0o644),
    ];
    pack(&files).map(Bytes::from)
}

/// A tar archive of some files: name, content, mode.
fn pack(files: &[(&str, &[u8], u32)]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_cksum();
        archive.append_data(&mut header, name, *content)?;
    }
    archive.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_the_same_each_time() {
        assert_eq!(archive().unwrap(), archive().unwrap());
    }
}
