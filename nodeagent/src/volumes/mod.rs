//! A pod's volumes: what each holds (pure), the files on this machine, and where containers see them.

mod atomic;
mod content;
mod host_path;
mod mounts;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

pub use content::{Content, contents};
pub use mounts::mounts;

/// The message of a `FailedMount` event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MountVolume.SetUp failed for volume {volume:?} : {message}")]
pub struct VolumeError {
    pub volume: String,
    pub message: String,
}

/// `<state_dir>/pods/<uid>`
pub fn pod_dir(state_dir: &Path, pod_uid: &str) -> PathBuf {
    state_dir.join("pods").join(pod_uid)
}

/// `<state_dir>/pods/<uid>/volumes`, with a directory for each volume.
pub fn volumes_dir(state_dir: &Path, pod_uid: &str) -> PathBuf {
    pod_dir(state_dir, pod_uid).join("volumes")
}

/// Makes the files below `dir`. Repeating it changes nothing but what was updated. Blocks on the file system.
pub fn prepare(dir: &Path, contents: &[(String, Content)]) -> Result<(), VolumeError> {
    for (name, content) in contents {
        let path = dir.join(name);
        let done = match content {
            Content::Scratch => scratch(&path).map_err(|error| format!("{}: {error}", path.display())),
            Content::Files(files) => {
                atomic::write(&path, files).map_err(|error| format!("{}: {error}", path.display()))
            }
            Content::Host { path, kind } => host_path::check(path, kind),
            Content::Memory => Ok(()),
        };
        done.map_err(|message| VolumeError { volume: name.clone(), message })?;
    }
    Ok(())
}

/// Removes everything of a pod. Gone already is fine. Blocks on the file system.
pub fn release(state_dir: &Path, pod_uid: &str) -> io::Result<()> {
    match fs::remove_dir_all(pod_dir(state_dir, pod_uid)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Anybody in the pod may write, whoever its containers run as.
fn scratch(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        fs::create_dir_all(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
    }
    Ok(())
}
