//! A pod's volumes: what each holds (pure), the files on this machine, and where containers see them.

mod atomic;
mod claim;
mod content;
mod files;
mod host_path;
mod mounts;
mod ownership;
mod usage;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

pub use claim::{is_own, is_provisioned, provisioned_dir};
pub use content::{contents, has_files};
pub use files::Content;
pub use mounts::{Roots, is_in_memory, mounts};
pub use ownership::{FsGroup, fs_group};
pub use usage::{Limit, exceeded, limits};

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

/// What volumes are made for.
#[derive(Clone, Debug)]
pub struct Place {
    pub state_dir: PathBuf,
    pub pod_uid: String,
    pub group: Option<FsGroup>,
}

/// Makes what the pod's volumes hold. Repeating it changes nothing but what was updated. Blocks on the file system.
pub fn prepare(place: &Place, contents: &[(String, Content)]) -> Result<(), VolumeError> {
    for (name, content) in contents {
        let path = volumes_dir(&place.state_dir, &place.pod_uid).join(name);
        let done = match content {
            Content::Scratch => scratch(&path, place.group).map_err(|error| at(&path, &error)),
            Content::Files(files) => atomic::write(&path, files, place.group).map_err(|error| at(&path, &error)),
            Content::Host { path, kind } => host_path::check(path, kind),
            Content::Local { path, provisioned } => local(place, path, *provisioned),
            Content::Memory => Ok(()),
        };
        done.map_err(|message| VolumeError { volume: name.clone(), message })?;
    }
    Ok(())
}

/// Brings the files of running pods up to date, and touches nothing else. Blocks on the file system.
pub fn update(place: &Place, contents: &[(String, Content)]) -> Result<(), VolumeError> {
    let files = contents.iter().filter(|(_, content)| matches!(content, Content::Files(_)));
    prepare(place, &files.cloned().collect::<Vec<_>>())
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Removes everything of a pod. Gone already is fine. Blocks on the file system.
pub fn release(state_dir: &Path, pod_uid: &str) -> io::Result<()> {
    match fs::remove_dir_all(pod_dir(state_dir, pod_uid)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Anybody in the pod may write, whoever its containers run as.
fn scratch(path: &Path, group: Option<FsGroup>) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
    group.map_or(Ok(()), |group| ownership::give(path, group))
}

/// The directory of a PersistentVolume: there, or made if it is the agent's own to make.
fn local(place: &Place, path: &Path, provisioned: bool) -> Result<(), String> {
    if !path.exists() {
        if !(provisioned && is_own(&place.state_dir, path)) {
            return Err(format!("path {:?} does not exist", path.display().to_string()));
        }
        let made = fs::create_dir_all(path).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o777)));
        made.map_err(|error| at(path, &error))?;
    }
    match place.group {
        Some(group) if path.is_dir() => ownership::give(path, group)
            .map_err(|error| format!("applyFSGroup failed for vol {}: {error}", path.display())),
        _ => Ok(()),
    }
}
