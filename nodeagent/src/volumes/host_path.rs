//! `hostPath` volumes: what their type asks of the path.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
};

/// Checks the path, and makes it where the type says so. The error is the kubelet's.
pub fn check(path: &Path, kind: &str) -> Result<(), String> {
    let failed = |what: &str| Err(format!("hostPath type check failed: {} is not {what}", path.display()));
    let found = fs::metadata(path).ok();
    let made = |result: std::io::Result<()>| result.map_err(|error| format!("{}: {error}", path.display()));
    match (kind, found) {
        ("", Some(_)) => Ok(()),
        // Docker's binds want a path that exists, where the kubelet's leave it to the runtime: a directory.
        ("" | "DirectoryOrCreate", None) => made(fs::create_dir_all(path)),
        ("FileOrCreate", None) => {
            made(fs::File::create(path).and_then(|_| fs::set_permissions(path, fs::Permissions::from_mode(0o644))))
        }
        ("Directory" | "DirectoryOrCreate", found) => match found {
            Some(found) if found.is_dir() => Ok(()),
            _ => failed("a directory"),
        },
        ("File" | "FileOrCreate", found) => match found {
            Some(found) if found.is_file() => Ok(()),
            _ => failed("a file"),
        },
        ("Socket", found) => match found {
            Some(found) if found.file_type().is_socket() => Ok(()),
            _ => failed("a socket file"),
        },
        ("CharDevice", found) => match found {
            Some(found) if found.file_type().is_char_device() => Ok(()),
            _ => failed("a character device"),
        },
        ("BlockDevice", found) => match found {
            Some(found) if found.file_type().is_block_device() => Ok(()),
            _ => failed("a block device"),
        },
        (other, _) => Err(format!("hostPath type {other:?} is not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_accepts_its_own_and_says_what_others_are_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("written");
        assert_eq!(check(dir.path(), "Directory"), Ok(()));
        assert_eq!(check(&file, "File"), Ok(()));
        assert_eq!(check(&file, ""), Ok(()));
        assert_eq!(check(Path::new("/dev/null"), "CharDevice"), Ok(()));
        assert_eq!(
            check(&file, "Directory"),
            Err(format!("hostPath type check failed: {} is not a directory", file.display()))
        );
        assert!(check(dir.path(), "Socket").is_err());
        assert!(check(&dir.path().join("none"), "File").is_err());
    }

    #[test]
    fn the_or_create_types_make_what_is_missing() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(check(&dir.path().join("a/b"), "DirectoryOrCreate"), Ok(()));
        assert!(dir.path().join("a/b").is_dir());
        assert_eq!(check(&dir.path().join("f"), "FileOrCreate"), Ok(()));
        assert!(dir.path().join("f").is_file());
    }
}
