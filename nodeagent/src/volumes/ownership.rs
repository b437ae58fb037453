//! Whose a volume's files are: `fsGroup` as the kubelet applies it.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt, lchown},
    path::Path,
};

use k8s_openapi::api::core::v1::Pod;

use crate::desired::spec;

const SETGID: u32 = 0o2000;
/// What the group may do with files that containers may write, and with those that they may only read.
const WRITES: u32 = 0o660;
pub const READS: u32 = 0o440;
/// Entering a directory.
const ENTERS: u32 = 0o110;

/// The pod's group, which owns what lies in its volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FsGroup {
    pub gid: u32,
    /// `fsGroupChangePolicy: OnRootMismatch`: a volume whose root is right is taken to be right.
    pub on_root_mismatch: bool,
}

pub fn fs_group(pod: &Pod) -> Option<FsGroup> {
    let context = spec(pod).security_context.as_ref()?;
    Some(FsGroup {
        gid: u32::try_from(context.fs_group?).ok()?,
        on_root_mismatch: context.fs_group_change_policy.as_deref() == Some("OnRootMismatch"),
    })
}

/// The user that all containers run as, when it is one: tokens are made readable for it alone.
pub fn only_user(pod: &Pod) -> Option<u32> {
    let pod_spec = spec(pod);
    let shared = pod_spec.security_context.as_ref().and_then(|context| context.run_as_user);
    let all = pod_spec.init_containers.iter().flatten().chain(&pod_spec.containers);
    let mut users = all.map(|one| one.security_context.as_ref().and_then(|own| own.run_as_user).or(shared));
    let first = users.next()??;
    users.all(|user| user == Some(first)).then(|| u32::try_from(first).ok())?
}

/// Gives a directory and all in it to the group. Links are given, not followed.
pub fn give(root: &Path, group: FsGroup) -> io::Result<()> {
    let top = fs::metadata(root)?;
    let right = top.gid() == group.gid && top.mode() & (SETGID | WRITES | ENTERS) == SETGID | WRITES | ENTERS;
    if group.on_root_mismatch && right {
        return Ok(());
    }
    // The root comes last: a walk that was cut short is seen to be so.
    let mut directories = vec![root.to_owned()];
    let mut next = 0;
    while let Some(directory) = directories.get(next).cloned() {
        next += 1;
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                directories.push(entry.path());
                continue;
            }
            lchown(entry.path(), None, Some(group.gid))?;
            if kind.is_file() {
                allow(&entry.path(), WRITES)?;
            }
        }
    }
    for directory in directories.iter().rev() {
        lchown(directory, None, Some(group.gid))?;
        allow(directory, WRITES | ENTERS | SETGID)?;
    }
    Ok(())
}

fn allow(path: &Path, bits: u32) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
    if mode & bits != bits {
        fs::set_permissions(path, Permissions::from_mode(mode | bits))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: serde_json::Value) -> Pod {
        serde_json::from_value(json!({ "spec": spec })).expect("a pod")
    }

    #[test]
    fn a_group_may_write_what_it_was_given_and_new_files_are_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let (inner, file) = (dir.path().join("inner"), dir.path().join("inner/file"));
        fs::create_dir(&inner).expect("made");
        fs::write(&file, "x").expect("written");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("set");
        // Our own group: giving to another takes root, which tests need not have.
        let gid = fs::metadata(dir.path()).expect("metadata").gid();
        give(dir.path(), FsGroup { gid, on_root_mismatch: false }).expect("given");
        let mode = |path: &Path| fs::metadata(path).expect("metadata").mode() & 0o7777;
        assert_eq!(mode(&file), 0o660);
        assert_eq!(mode(&inner) & 0o2770, 0o2770);
        assert_eq!(mode(dir.path()) & 0o2770, 0o2770);
    }

    #[test]
    fn a_root_that_is_right_can_be_enough() {
        let dir = tempfile::tempdir().expect("a directory");
        let gid = fs::metadata(dir.path()).expect("metadata").gid();
        let group = FsGroup { gid, on_root_mismatch: true };
        give(dir.path(), group).expect("given");
        let file = dir.path().join("file");
        fs::write(&file, "x").expect("written");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("set");
        give(dir.path(), group).expect("given");
        assert_eq!(fs::metadata(&file).expect("metadata").mode() & 0o777, 0o600);
        give(dir.path(), FsGroup { on_root_mismatch: false, ..group }).expect("given");
        assert_eq!(fs::metadata(&file).expect("metadata").mode() & 0o777, 0o660);
    }

    #[test]
    fn a_user_is_the_only_one_if_every_container_runs_as_it() {
        for (spec, expected) in [
            (json!({"containers":[{"name":"a"}]}), None),
            (json!({"securityContext":{"runAsUser":7},"containers":[{"name":"a"},{"name":"b"}]}), Some(7)),
            (
                json!({"securityContext":{"runAsUser":7},"containers":[{"name":"a"},
                    {"name":"b","securityContext":{"runAsUser":8}}]}),
                None,
            ),
            (json!({"containers":[{"name":"a","securityContext":{"runAsUser":8}}]}), Some(8)),
        ] {
            assert_eq!(only_user(&pod(spec.clone())), expected, "{spec}");
        }
    }
}
