//! Files that change all at once: a directory for each generation, `..data` pointing to the current one, and a link
//! for each name, as Kubernetes lays these volumes out. Readers of `..data` never see half of an update.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
};

use super::{
    files::{File, Files},
    ownership::{FsGroup, READS},
};

const CURRENT: &str = "..data";

/// Makes `dir` hold exactly these files, readable by the group. Does nothing if it does.
pub fn write(dir: &Path, files: &Files, group: Option<FsGroup>) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    give_directory(dir, 0o777, group)?;
    let current = dir.join(CURRENT);
    if holds(&current, files, group)? {
        return Ok(());
    }
    let generation = format!("..{}", jiff::Timestamp::now().strftime("%Y_%m_%d_%H_%M_%S.%N"));
    let fresh = dir.join(&generation);
    fs::create_dir(&fresh)?;
    give_directory(&fresh, 0o755, group)?;
    for (name, file) in files {
        let mut parent = fresh.clone();
        let parts: Vec<&str> = name.split('/').collect();
        for part in &parts[..parts.len().saturating_sub(1)] {
            parent.push(part);
            if !parent.is_dir() {
                fs::create_dir(&parent)?;
                give_directory(&parent, 0o755, group)?;
            }
        }
        let path = fresh.join(name);
        fs::write(&path, &file.bytes)?;
        fs::set_permissions(&path, Permissions::from_mode(mode(file, group)))?;
        if file.owner.is_some() || group.is_some() {
            chown(&path, file.owner, group.map(|group| group.gid))?;
        }
    }
    let previous = fs::read_link(&current).ok();
    let swapped = dir.join("..data_tmp");
    remove_if_there(&swapped)?;
    symlink(&generation, &swapped)?;
    fs::rename(&swapped, &current)?;

    let names: BTreeSet<&str> = files.keys().filter_map(|path| path.split('/').next()).collect();
    for name in &names {
        let link = dir.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new(CURRENT).join(name), link)?;
        }
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") && !names.contains(name.as_str()) {
            fs::remove_file(entry.path())?;
        }
    }
    match previous {
        Some(previous) => fs::remove_dir_all(dir.join(previous)),
        None => Ok(()),
    }
}

fn give_directory(dir: &Path, mode: u32, group: Option<FsGroup>) -> io::Result<()> {
    if let Some(group) = group {
        chown(dir, None, Some(group.gid))?;
    }
    let setgid = if group.is_some() { 0o2000 } else { 0 };
    fs::set_permissions(dir, Permissions::from_mode(mode | setgid))
}

/// The group can read whatever the mode says.
fn mode(file: &File, group: Option<FsGroup>) -> u32 {
    file.mode | if group.is_some() { READS } else { 0 }
}

fn holds(current: &Path, files: &Files, group: Option<FsGroup>) -> io::Result<bool> {
    let mut found = 0;
    let mut pending = match fs::read_link(current) {
        Ok(_) => vec![current.to_owned()],
        Err(_) => return Ok(false),
    };
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            let name = path.strip_prefix(current).unwrap_or(&path).to_string_lossy().into_owned();
            let same = match files.get(&name) {
                Some(file) => {
                    let found = fs::metadata(&path)?;
                    found.mode() & 0o777 == mode(file, group)
                        && file.owner.is_none_or(|owner| owner == found.uid())
                        && group.is_none_or(|group| group.gid == found.gid())
                        && fs::read(&path)? == file.bytes
                }
                None => false,
            };
            if !same {
                return Ok(false);
            }
            found += 1;
        }
    }
    Ok(found == files.len())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(pairs: &[(&str, &str)]) -> Files {
        let file = |text: &str| File { bytes: text.as_bytes().to_vec(), mode: 0o640, owner: None };
        pairs.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect()
    }

    #[test]
    fn an_update_replaces_all_files_at_once_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path(), &files(&[("a", "1"), ("b/c", "2")]), None).expect("written");
        assert_eq!(fs::read_to_string(dir.path().join("b/c")).expect("read"), "2");
        assert_eq!(fs::read_link(dir.path().join("a")).expect("a link"), Path::new("..data/a"));
        let mode = fs::metadata(dir.path().join("a")).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);

        write(dir.path(), &files(&[("a", "3")]), None).expect("written");
        assert_eq!(fs::read_to_string(dir.path().join("a")).expect("read"), "3");
        assert!(!dir.path().join("b").exists());
        let generations = fs::read_dir(dir.path()).expect("read").count();
        assert_eq!(generations, 3, "..data, its directory and one link");
    }

    #[test]
    fn writing_the_same_again_keeps_the_generation() {
        let dir = tempfile::tempdir().expect("a directory");
        let generation = || fs::read_link(dir.path().join(CURRENT)).expect("a link");
        write(dir.path(), &files(&[("a", "1")]), None).expect("written");
        let before = generation();
        write(dir.path(), &files(&[("a", "1")]), None).expect("written");
        assert_eq!(generation(), before);
    }

    #[test]
    fn a_group_can_read_what_others_can_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let gid = fs::metadata(dir.path()).expect("metadata").gid();
        let group = Some(FsGroup { gid, on_root_mismatch: false });
        let secret: Files = [("a/b".to_owned(), File { bytes: vec![1], mode: 0o600, owner: None })].into();
        write(dir.path(), &secret, None).expect("written");
        let mode = |path: &str| fs::metadata(dir.path().join(path)).expect("metadata").mode() & 0o7777;
        assert_eq!(mode("a/b"), 0o600);
        write(dir.path(), &secret, group).expect("written");
        assert_eq!((mode("a/b"), mode("a"), mode(".")), (0o640, 0o2755, 0o2777));
    }

    #[test]
    fn no_files_are_an_empty_volume() {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path(), &Files::new(), None).expect("written");
        assert!(dir.path().join(CURRENT).exists());
    }
}
