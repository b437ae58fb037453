//! A file that has its name only when it is whole.

use crate::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes on their way to a file, or to standard output.
pub enum Target {
    Stdout,
    File(Partial),
}

impl Target {
    /// `-` is standard output. A file is for its owner's eyes alone.
    pub fn open(name: &str) -> Result<Target, Error> {
        if name == "-" { Ok(Target::Stdout) } else { Partial::create(Path::new(name)).map(Target::File) }
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Target::Stdout => Ok(io::stdout().lock().write_all(bytes)?),
            Target::File(partial) => partial.write(bytes),
        }
    }

    /// Everything was written, and is right.
    pub fn finish(self) -> Result<(), Error> {
        match self {
            Target::Stdout => Ok(io::stdout().lock().flush()?),
            Target::File(partial) => partial.finish(),
        }
    }
}

/// A file beside the one that it will be. It goes with this value unless it was finished.
pub struct Partial {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    finished: bool,
}

impl Partial {
    fn create(path: &Path) -> Result<Partial, Error> {
        let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
            return Err(Error::usage(format!("{}: want the name of a file", path.display())));
        };
        let partial = path.with_file_name(format!(".{}.{}.partial", name.to_string_lossy(), std::process::id()));
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial);
        let file = opened.map_err(|source| failed(&partial, source))?;
        Ok(Partial { path: path.to_owned(), partial, file, finished: false })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|source| failed(&self.partial, source))
    }

    /// On disk first, then under its name, then that too on disk.
    fn finish(mut self) -> Result<(), Error> {
        self.file.sync_all().map_err(|source| failed(&self.partial, source))?;
        fs::rename(&self.partial, &self.path).map_err(|source| failed(&self.path, source))?;
        self.finished = true;
        let dir = match self.path.parent() {
            Some(dir) if dir != Path::new("") => dir,
            _ => Path::new("."),
        };
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| failed(dir, source))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            let _gone_already = fs::remove_file(&self.partial);
        }
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::usage(format!("{}: {source}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup");
        let names = || fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect::<Vec<_>>();
        fs::write(&path, "old").unwrap();
        let mut dropped = Target::open(path.to_str().unwrap()).unwrap();
        dropped.write(b"half").unwrap();
        drop(dropped);
        assert_eq!((fs::read(&path).unwrap(), names().len()), (b"old".to_vec(), 1));
        let mut whole = Target::open(path.to_str().unwrap()).unwrap();
        whole.write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        whole.finish().unwrap();
        assert_eq!((fs::read(&path).unwrap(), names().len()), (b"new".to_vec(), 1));
        let refused = Target::open(dir.path().to_str().unwrap()).err().unwrap().to_string();
        assert!(refused.contains("the name of a file"), "{refused}");
    }
}
