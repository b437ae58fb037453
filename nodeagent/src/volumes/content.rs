//! What each of a pod's volumes holds. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, Pod, ProjectedVolumeSource, Volume};

use super::files::{Content, File, Files};
use super::{VolumeError, claim, ownership};
use crate::desired::{
    ConfigError, Surroundings, fields, resources,
    sources::{Audience, Sources, claim_name},
    spec,
};

const DEFAULT_MODE: i32 = 0o644;

/// Every volume of the pod, or those whose files the agent writes; or what the first one lacks.
pub fn contents(
    pod: &Pod,
    sources: &Sources,
    around: Surroundings<'_>,
    all: bool,
) -> Result<Vec<(String, Content)>, VolumeError> {
    let volumes = spec(pod).volumes.iter().flatten();
    volumes
        .filter(|volume| all || is_files(volume))
        .map(|volume| {
            let content = content(pod, volume, sources, around);
            let content = content.map_err(|error| VolumeError { volume: volume.name.clone(), message: error.0 })?;
            Ok((volume.name.clone(), content))
        })
        .collect()
}

/// Whether the pod has volumes whose files the agent writes.
pub fn has_files(pod: &Pod) -> bool {
    spec(pod).volumes.iter().flatten().any(is_files)
}

pub fn is_files(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some()
}

fn content(pod: &Pod, volume: &Volume, sources: &Sources, around: Surroundings<'_>) -> Result<Content, ConfigError> {
    if let Some(directory) = &volume.empty_dir {
        let in_memory = directory.medium.as_deref() == Some("Memory");
        return Ok(if in_memory { Content::Memory } else { Content::Scratch });
    }
    if let Some(host) = &volume.host_path {
        return Ok(Content::Host { path: host.path.clone().into(), kind: host.type_.clone().unwrap_or_default() });
    }
    if let Some(from) = &volume.config_map {
        let optional = from.optional.unwrap_or(false);
        let data = sources.config_map(&from.name, optional)?;
        let mode = from.default_mode.unwrap_or(DEFAULT_MODE);
        return select(data, from.items.as_deref(), optional, mode, "config").map(Content::Files);
    }
    if let Some(from) = &volume.secret {
        let optional = from.optional.unwrap_or(false);
        let data = sources.secret(from.secret_name.as_deref().unwrap_or_default(), optional)?;
        let mode = from.default_mode.unwrap_or(DEFAULT_MODE);
        return select(data, from.items.as_deref(), optional, mode, "secret").map(Content::Files);
    }
    if let Some(from) = &volume.downward_api {
        let mode = from.default_mode.unwrap_or(DEFAULT_MODE);
        return downward(pod, from.items.iter().flatten(), mode, around).map(Content::Files);
    }
    if let Some(from) = &volume.projected {
        return projected(pod, from, sources, around).map(Content::Files);
    }
    if let Some(name) = claim_name(pod, volume) {
        return claim::content(pod, volume, &name, sources);
    }
    Err(ConfigError("no node of this version can mount this kind of volume".to_owned()))
}

fn projected(
    pod: &Pod,
    from: &ProjectedVolumeSource,
    sources: &Sources,
    around: Surroundings<'_>,
) -> Result<Files, ConfigError> {
    let mode = from.default_mode.unwrap_or(DEFAULT_MODE);
    let mut files = Files::new();
    for source in from.sources.iter().flatten() {
        if let Some(from) = &source.config_map {
            let optional = from.optional.unwrap_or(false);
            let data = sources.config_map(&from.name, optional)?;
            files.extend(select(data, from.items.as_deref(), optional, mode, "config")?);
        } else if let Some(from) = &source.secret {
            let optional = from.optional.unwrap_or(false);
            let data = sources.secret(&from.name, optional)?;
            files.extend(select(data, from.items.as_deref(), optional, mode, "secret")?);
        } else if let Some(from) = &source.downward_api {
            files.extend(downward(pod, from.items.iter().flatten(), mode, around)?);
        } else if let Some(from) = &source.service_account_token {
            let token = sources.token(&Audience::of(from))?;
            // Where the pod says who reads it, nobody else does.
            let (owner, group) = (ownership::only_user(pod), ownership::fs_group(pod));
            let mode = if owner.is_some() || group.is_some() { 0o600 } else { (mode as u32) & 0o777 };
            if !is_inside(&from.path) {
                return Err(ConfigError(format!("path {:?} must lie inside the volume", from.path)));
            }
            files.insert(from.path.clone(), File { bytes: token.as_bytes().to_vec(), mode, owner });
        } else {
            return Err(ConfigError("no node of this version can project this kind of source".to_owned()));
        }
    }
    Ok(files)
}

/// All keys as files, or those that `items` names where it says.
fn select(
    data: Option<BTreeMap<String, Vec<u8>>>,
    items: Option<&[KeyToPath]>,
    optional: bool,
    mode: i32,
    kind: &str,
) -> Result<Files, ConfigError> {
    let mut data = data.unwrap_or_default();
    let file = |bytes, mode: i32| File { bytes, mode: (mode as u32) & 0o777, owner: None };
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        return Ok(data.into_iter().map(|(key, bytes)| (key, file(bytes, mode))).collect());
    };
    let mut files = Files::new();
    for item in items {
        if !is_inside(&item.path) {
            return Err(ConfigError(format!("path {:?} must lie inside the volume", item.path)));
        }
        match data.remove(&item.key) {
            Some(bytes) => drop(files.insert(item.path.clone(), file(bytes, item.mode.unwrap_or(mode)))),
            None if optional => {}
            None => return Err(ConfigError(format!("references non-existent {kind} key: {}", item.key))),
        }
    }
    Ok(files)
}

fn downward<'a>(
    pod: &Pod,
    items: impl Iterator<Item = &'a DownwardAPIVolumeFile>,
    mode: i32,
    around: Surroundings<'_>,
) -> Result<Files, ConfigError> {
    items
        .map(|item| {
            if !is_inside(&item.path) {
                return Err(ConfigError(format!("path {:?} must lie inside the volume", item.path)));
            }
            let text = match (&item.field_ref, &item.resource_field_ref) {
                (Some(field), _) => fields::value(pod, &field.field_path, around)?,
                (None, Some(field)) => resources::field(pod, None, field, around.node)?,
                (None, None) => String::new(),
            };
            let mode = (item.mode.unwrap_or(mode) as u32) & 0o777;
            Ok((item.path.clone(), File { bytes: text.into_bytes(), mode, owner: None }))
        })
        .collect()
}

/// A relative path without a way out.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| !part.is_empty() && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Option<BTreeMap<String, Vec<u8>>> {
        Some([("a", "1"), ("b", "2")].map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).into())
    }

    fn item(key: &str, path: &str, mode: Option<i32>) -> KeyToPath {
        KeyToPath { key: key.into(), path: path.into(), mode }
    }

    #[test]
    fn without_items_every_key_is_a_file() {
        let files = select(data(), None, false, 0o400, "config").expect("files");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert!(files.values().all(|file| file.mode == 0o400));
    }

    #[test]
    fn items_choose_rename_and_set_the_mode() {
        let files = select(data(), Some(&[item("b", "x/y", Some(0o600))]), false, 0o644, "config").expect("files");
        assert_eq!(files, [("x/y".to_owned(), File { bytes: b"2".to_vec(), mode: 0o600, owner: None })].into());
    }

    #[test]
    fn a_missing_key_is_an_error_unless_it_may_be_absent() {
        let missing = [item("c", "c", None)];
        assert_eq!(
            select(data(), Some(&missing), false, 0o644, "config"),
            Err(ConfigError("references non-existent config key: c".into()))
        );
        assert_eq!(select(data(), Some(&missing), true, 0o644, "config"), Ok(Files::new()));
    }

    #[test]
    fn no_file_leaves_its_volume() {
        for path in ["../x", "/etc/passwd", "a/../../b", "", "a//b"] {
            assert!(select(data(), Some(&[item("a", path, None)]), false, 0o644, "config").is_err(), "{path}");
        }
    }
}
