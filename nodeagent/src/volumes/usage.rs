//! How much lies in an `emptyDir`, and whether that is more than its `sizeLimit`.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use k8s_openapi::api::core::v1::Pod;

use crate::desired::{resources, spec};

/// A volume that may not grow beyond its limit. Those in memory can't: the kernel holds them to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub volume: String,
    /// As the user wrote it.
    pub text: String,
    pub bytes: u64,
}

pub fn limits(pod: &Pod) -> Vec<Limit> {
    let volumes = spec(pod).volumes.iter().flatten();
    let limited = volumes.filter_map(|volume| {
        let directory = volume.empty_dir.as_ref().filter(|directory| directory.medium.as_deref() != Some("Memory"))?;
        let limit = directory.size_limit.as_ref()?;
        let bytes = resources::bytes(limit, "sizeLimit").ok()?;
        let bytes = u64::try_from(bytes).ok().filter(|bytes| *bytes > 0)?;
        Some(Limit { volume: volume.name.clone(), text: limit.0.clone(), bytes })
    });
    limited.collect()
}

/// The first volume below `dir` that outgrew its limit, in the kubelet's words. Blocks on the file system.
pub fn exceeded(dir: &Path, limits: &[Limit]) -> Option<String> {
    let over = limits.iter().find(|limit| used(&dir.join(&limit.volume)).is_ok_and(|used| used > limit.bytes))?;
    Some(format!("Usage of EmptyDir volume {:?} exceeds the limit {:?}. ", over.volume, over.text))
}

/// Bytes on disk of all that lies in a directory. What vanishes meanwhile counts nothing.
fn used(dir: &Path) -> io::Result<u64> {
    /// A block of `st_blocks`, whatever the file system's own.
    const BLOCK: u64 = 512;
    let mut total = 0;
    let mut pending = vec![dir.to_owned()];
    while let Some(dir) = pending.pop() {
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        for entry in entries {
            let Ok(entry) = entry else { continue };
            let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
            total += metadata.blocks() * BLOCK;
            if metadata.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_volume_that_outgrew_its_limit_is_named() {
        let pod: Pod = serde_json::from_value(json!({"spec":{"containers":[],"volumes":[
            {"name":"free","emptyDir":{}},
            {"name":"fast","emptyDir":{"medium":"Memory","sizeLimit":"1Ki"}},
            {"name":"none","emptyDir":{"sizeLimit":"0"}},
            {"name":"cache","emptyDir":{"sizeLimit":"64Ki"}}]}}))
        .expect("a pod");
        let limits = limits(&pod);
        assert_eq!(limits, [Limit { volume: "cache".into(), text: "64Ki".into(), bytes: 64 << 10 }]);
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(exceeded(dir.path(), &limits), None);
        fs::create_dir_all(dir.path().join("cache/deep")).expect("made");
        fs::write(dir.path().join("cache/small"), vec![1; 4 << 10]).expect("written");
        assert_eq!(exceeded(dir.path(), &limits), None);
        fs::write(dir.path().join("cache/deep/large"), vec![1; 96 << 10]).expect("written");
        assert_eq!(
            exceeded(dir.path(), &limits).as_deref(),
            Some("Usage of EmptyDir volume \"cache\" exceeds the limit \"64Ki\". ")
        );
    }
}
