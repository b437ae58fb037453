//! Where a container sees the pod's volumes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use k8s_openapi::api::core::v1::{Container, Pod, Volume, VolumeMount};

use crate::{
    desired::{ConfigError, expand::expand, spec},
    runtime::{Mount, MountSource},
};

/// `dir`: where the pod's volumes lie. Looks at the file system only for `subPath`, which must not lead out of its volume.
pub fn mounts(
    pod: &Pod,
    container: &Container,
    dir: &Path,
    env: &[(String, String)],
) -> Result<Vec<Mount>, ConfigError> {
    let volumes = spec(pod).volumes.as_deref().unwrap_or_default();
    let wanted = container.volume_mounts.iter().flatten();
    wanted
        .map(|mount| {
            let volume = volumes
                .iter()
                .find(|volume| volume.name == mount.name)
                .ok_or_else(|| ConfigError(format!("volumeMounts[{}]: the pod has no such volume", mount.name)))?;
            Ok(Mount {
                source: source(volume, mount, dir, env)?,
                target: mount.mount_path.clone(),
                read_only: mount.read_only.unwrap_or(false) || is_read_only(volume),
            })
        })
        .collect()
}

/// Files that the agent writes are its own.
fn is_read_only(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some()
}

fn source(
    volume: &Volume,
    mount: &VolumeMount,
    dir: &Path,
    env: &[(String, String)],
) -> Result<MountSource, ConfigError> {
    let sub_path = match (&mount.sub_path, &mount.sub_path_expr) {
        (_, Some(expression)) if !expression.is_empty() => Some(expand(expression, env)),
        (Some(path), _) if !path.is_empty() => Some(path.clone()),
        _ => None,
    };
    let in_memory = volume.empty_dir.as_ref().is_some_and(|empty| empty.medium.as_deref() == Some("Memory"));
    if in_memory {
        return match sub_path {
            None => Ok(MountSource::Memory(volume.name.clone())),
            Some(_) => Err(ConfigError(format!(
                "volumeMounts[{}].subPath: this version has none in memory-backed volumes",
                volume.name
            ))),
        };
    }
    let root = match &volume.host_path {
        Some(host) => PathBuf::from(&host.path),
        None => dir.join(&volume.name),
    };
    match sub_path {
        None => Ok(MountSource::Host(root)),
        Some(path) => below(&root, &path).map(MountSource::Host).map_err(|error| {
            ConfigError(format!("failed to prepare subPath for volumeMount {:?}: {error}", volume.name))
        }),
    }
}

/// The real path below a volume's root; made a directory if nothing is there.
fn below(root: &Path, sub_path: &str) -> io::Result<PathBuf> {
    let outside = || io::Error::other(format!("{sub_path:?} leads out of the volume"));
    if sub_path.starts_with('/') || sub_path.split('/').any(|part| part == "..") {
        return Err(outside());
    }
    let root = root.canonicalize()?;
    let mut real = root.clone();
    // Part by part, so that nothing is made where a link leads out.
    for part in sub_path.split('/').filter(|part| !part.is_empty()) {
        let next = real.join(part);
        if fs::symlink_metadata(&next).is_err() {
            fs::create_dir(&next)?;
        }
        real = next.canonicalize()?;
        if !real.starts_with(&root) {
            return Err(outside());
        }
    }
    Ok(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_path_never_leads_out_of_its_volume() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("volume");
        fs::create_dir(&root).expect("made");
        std::os::unix::fs::symlink("/etc", root.join("link")).expect("linked");
        assert!(below(&root, "../x").is_err());
        assert!(below(&root, "/etc").is_err());
        assert!(below(&root, "link").is_err());
        assert!(below(&root, "link/timonier-test").is_err());
        assert!(!Path::new("/etc/timonier-test").exists());
        assert_eq!(below(&root, "a/b").expect("a path"), root.canonicalize().expect("real").join("a/b"));
    }
}
