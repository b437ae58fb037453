//! Where a container sees the pod's volumes.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use k8s_openapi::api::core::v1::{Container, Pod, Volume, VolumeMount};

use super::{claim, content::is_files};
use crate::{
    desired::{ConfigError, expand::try_expand, spec},
    runtime::{Mount, MountSource, Propagation},
};

/// Where the pod's volumes lie.
#[derive(Clone, Copy)]
pub struct Roots<'a> {
    /// Each has a directory of its name below this one, unless it is among the others.
    pub dir: &'a Path,
    /// By volume: directories of claims, and of memory-backed volumes that the runtime holds.
    pub others: &'a BTreeMap<String, PathBuf>,
}

/// Looks at the file system only for `subPath`, which must not lead out of its volume.
pub fn mounts(
    pod: &Pod,
    container: &Container,
    roots: Roots<'_>,
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
                source: source(container, volume, mount, roots, env)?,
                target: mount.mount_path.clone(),
                read_only: mount.read_only.unwrap_or(false) || is_read_only(volume),
                propagation: match mount.mount_propagation.as_deref() {
                    Some("HostToContainer") => Propagation::HostToContainer,
                    Some("Bidirectional") => Propagation::Bidirectional,
                    _ => Propagation::None,
                },
            })
        })
        .collect()
}

/// Whether a container mounts a part of this memory-backed volume: only then must its directory be known.
pub fn is_in_memory(volume: &Volume) -> bool {
    volume.empty_dir.as_ref().is_some_and(|empty| empty.medium.as_deref() == Some("Memory"))
}

/// Files that the agent writes are its own.
fn is_read_only(volume: &Volume) -> bool {
    is_files(volume) || claim::is_read_only(volume)
}

/// The part of the volume that is mounted, when it is not the whole.
pub fn sub_path(mount: &VolumeMount, env: &[(String, String)]) -> Result<Option<String>, ConfigError> {
    match (&mount.sub_path, &mount.sub_path_expr) {
        (_, Some(expression)) if !expression.is_empty() => {
            try_expand(expression, env).map(Some).map_err(|name| ConfigError(format!("missing value for {name:?}")))
        }
        (Some(path), _) if !path.is_empty() => Ok(Some(path.clone())),
        _ => Ok(None),
    }
}

fn source(
    container: &Container,
    volume: &Volume,
    mount: &VolumeMount,
    roots: Roots<'_>,
    env: &[(String, String)],
) -> Result<MountSource, ConfigError> {
    let sub_path = sub_path(mount, env)?;
    if is_in_memory(volume) && sub_path.is_none() {
        return Ok(MountSource::Memory(volume.name.clone()));
    }
    let root = match (&volume.host_path, roots.others.get(&volume.name)) {
        (Some(host), _) => PathBuf::from(&host.path),
        (None, Some(known)) => known.clone(),
        (None, None) => roots.dir.join(&volume.name),
    };
    match sub_path {
        None => Ok(MountSource::Host(root)),
        Some(path) => below(&root, &path).map(MountSource::Host).map_err(|error| {
            let (mount, container) = (&volume.name, &container.name);
            ConfigError(format!(
                "failed to prepare subPath for volumeMount {mount:?} of container {container:?}: {error}"
            ))
        }),
    }
}

/// The real path below a volume's root; made a directory, as open as the one above it, if nothing is there.
fn below(root: &Path, sub_path: &str) -> io::Result<PathBuf> {
    let outside = || io::Error::other(format!("{sub_path:?} leads out of the volume"));
    if sub_path.starts_with('/') || sub_path.split('/').any(|part| part == "..") {
        return Err(outside());
    }
    let root = root.canonicalize()?;
    let mut real = root.clone();
    // Part by part, so that nothing is made where a link leads out.
    for part in sub_path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        let next = real.join(part);
        if fs::symlink_metadata(&next).is_err() {
            fs::create_dir(&next)?;
            fs::set_permissions(&next, fs::metadata(&real)?.permissions())?;
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
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    fn of(mount: serde_json::Value, dir: &Path) -> Result<Mount, String> {
        let pod: Pod = serde_json::from_value(json!({"spec":{"containers":[],"volumes":[
            {"name":"data","emptyDir":{}},{"name":"fast","emptyDir":{"medium":"Memory"}},
            {"name":"claim","persistentVolumeClaim":{"claimName":"c","readOnly":true}}]}}))
        .expect("a pod");
        let container: Container =
            serde_json::from_value(json!({"name":"c","volumeMounts":[mount]})).expect("a container");
        let others = [("fast", "/memory"), ("claim", "/claimed")].map(|(name, path)| (name.to_owned(), path.into()));
        let env = [("NAME".to_owned(), "web-1".to_owned())];
        let made = mounts(&pod, &container, Roots { dir, others: &others.into() }, &env);
        made.map(|mut mounts| mounts.remove(0)).map_err(|error| error.0)
    }

    #[test]
    fn each_mount_has_its_place_its_part_and_its_propagation() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().canonicalize().expect("real");
        fs::create_dir(root.join("data")).expect("made");
        let host = |path: &Path| MountSource::Host(path.to_owned());
        let source = |mount: serde_json::Value| of(mount, &root).map(|mount| mount.source);
        let data = |more: serde_json::Value| {
            let mut mount = json!({"name":"data","mountPath":"/m"});
            mount.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
            mount
        };
        assert_eq!(source(data(json!({}))), Ok(host(&root.join("data"))));
        assert_eq!(source(data(json!({"subPath":"a/b"}))), Ok(host(&root.join("data/a/b"))));
        assert_eq!(source(data(json!({"subPathExpr":"$(NAME)/logs"}))), Ok(host(&root.join("data/web-1/logs"))));
        assert_eq!(source(data(json!({"subPathExpr":"$(NO)"}))), Err("missing value for \"NO\"".into()));
        let escaped = source(data(json!({"subPath":"../x"}))).expect_err("refused");
        assert!(escaped.starts_with("failed to prepare subPath for volumeMount \"data\" of container \"c\": "));
        assert_eq!(source(json!({"name":"fast","mountPath":"/m"})), Ok(MountSource::Memory("fast".into())));
        let claimed = of(json!({"name":"claim","mountPath":"/m"}), &root).expect("a mount");
        assert_eq!((claimed.source, claimed.read_only), (host(Path::new("/claimed")), true));
        let both = of(data(json!({"mountPropagation":"Bidirectional"})), &root).expect("a mount");
        assert_eq!(both.propagation, Propagation::Bidirectional);
    }

    #[test]
    fn a_directory_that_was_missing_is_as_open_as_the_one_above_it() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("set");
        let made = below(dir.path(), "a/b").expect("a path");
        assert_eq!(fs::metadata(made).expect("metadata").permissions().mode() & 0o777, 0o777);
    }

    #[test]
    fn one_file_of_an_atomic_volume_is_the_file_itself() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |text: &str| crate::volumes::files::File { bytes: text.into(), mode: 0o644, owner: None };
        crate::volumes::atomic::write(dir.path(), &[("key".to_owned(), file("1"))].into(), None).expect("written");
        let first = below(dir.path(), "key").expect("a path");
        assert_eq!(fs::read_to_string(&first).expect("read"), "1");
        assert!(!fs::symlink_metadata(&first).expect("metadata").is_symlink());
    }

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
