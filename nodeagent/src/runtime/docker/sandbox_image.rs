//! The sandbox's image, made from bytes that the agent carries: no registry is asked.

use bollard::{Docker, query_parameters::CreateImageOptionsBuilder};
use bytes::Bytes;
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

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
pub async fn ensure(docker: &Docker) -> Result<(), RuntimeError> {
    let name = name();
    match docker.inspect_image(&name).await {
        Ok(_) => return Ok(()),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(convert::error(error)),
    }
    let tag = name.rsplit(':').next().unwrap_or("latest");
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(REPOSITORY)
        .tag(tag)
        .changes(vec!["ENTRYPOINT [\"/pause\"]".to_owned()])
        .build();
    let body = bollard::body_full(archive()?);
    docker.create_image(Some(options), Some(body), None).try_collect::<Vec<_>>().await.map_err(convert::error)?;
    Ok(())
}

fn archive() -> Result<Bytes, RuntimeError> {
    let mut header = tar::Header::new_gnu();
    header.set_size(PROGRAM.len() as u64);
    header.set_mode(0o755);
    header.set_cksum();
    let mut archive = tar::Builder::new(Vec::new());
    archive
        .append_data(&mut header, "pause", PROGRAM)
        .and_then(|()| archive.into_inner())
        .map(Bytes::from)
        .map_err(|error| RuntimeError::Failed(format!("cannot pack the sandbox's image: {error}")))
}
