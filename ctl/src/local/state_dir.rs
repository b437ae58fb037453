//! The folder of one cluster, and the lock that lets one process at a time work in it.

use super::{ClusterError, ending};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// `DIR/{kubeconfig, cluster.yaml, pki/, store/, nodes/NAME/, run/{lock, log}}`.
#[derive(Clone, Debug)]
pub struct StateDir {
    dir: PathBuf,
}

/// Held by the process that runs the cluster; ends with it, also when it is killed.
pub struct Lock {
    _file: File,
}

impl StateDir {
    /// `--state-dir`, made absolute so that a detached process means the same one.
    pub fn new(dir: &Path) -> Result<Self, ClusterError> {
        let dir = std::path::absolute(dir).map_err(|source| ClusterError::File { path: dir.to_path_buf(), source })?;
        Ok(StateDir { dir })
    }

    /// `~/.timonier`, where clients look for a kubeconfig by themselves.
    pub fn default_path() -> PathBuf {
        std::env::home_dir().unwrap_or_else(|| ".".into()).join(".timonier")
    }

    pub fn path(&self) -> &Path {
        &self.dir
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    pub fn settings(&self) -> PathBuf {
        self.dir.join("cluster.yaml")
    }

    pub fn pki(&self) -> PathBuf {
        self.dir.join("pki")
    }

    pub fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// Where a node's agent keeps volumes and the like.
    pub fn node(&self, name: &str) -> PathBuf {
        self.dir.join("nodes").join(name)
    }

    pub fn log(&self) -> PathBuf {
        self.dir.join("run").join("log")
    }

    fn lock_file(&self) -> PathBuf {
        self.dir.join("run").join("lock")
    }

    /// Makes the folder if need be and takes its lock, or says which process holds it.
    pub fn lock(&self) -> Result<Lock, ClusterError> {
        let path = self.lock_file();
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |source| ClusterError::File { path, source }
        };
        let run = self.dir.join("run");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&run).map_err(failed(&run))?;
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed(&path))?;
        let mut locked = file.try_lock();
        if matches!(locked, Err(TryLockError::WouldBlock)) && self.holder().is_some_and(ending::awaited) {
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = self.holder().map_or_else(|| "unknown".into(), |pid| pid.to_string());
                return Err(ClusterError::Running { dir: self.dir.display().to_string(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(ClusterError::File { path, source }),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed(&path))?;
        Ok(Lock { _file: file })
    }

    /// The process that runs the cluster now, if one does.
    pub fn running(&self) -> Result<Option<u32>, ClusterError> {
        let path = self.lock_file();
        if !path.exists() {
            return Ok(None);
        }
        let file = File::open(&path).map_err(|source| ClusterError::File { path: path.clone(), source })?;
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(self.holder()),
            Err(TryLockError::Error(source)) => Err(ClusterError::File { path, source }),
        }
    }

    fn holder(&self) -> Option<u32> {
        fs::read_to_string(self.lock_file()).ok()?.trim().parse().ok()
    }

    /// Removes what a cluster keeps here, and the folder itself when nothing else is in it.
    pub fn remove(&self) -> Result<(), ClusterError> {
        for name in ["nodes", "store", "pki", "run"] {
            remove(&self.dir.join(name), |path| fs::remove_dir_all(path))?;
        }
        for path in [self.kubeconfig(), self.settings()] {
            remove(&path, |path| fs::remove_file(path))?;
        }
        match fs::remove_dir(&self.dir) {
            Err(source)
                if !matches!(source.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::DirectoryNotEmpty) =>
            {
                Err(ClusterError::File { path: self.dir.clone(), source })
            }
            _ => Ok(()),
        }
    }
}

fn remove(path: &Path, how: impl Fn(&Path) -> std::io::Result<()>) -> Result<(), ClusterError> {
    match how(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(ClusterError::File { path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_works_in_a_folder() {
        let root = tempfile::tempdir().unwrap();
        let dir = StateDir::new(&root.path().join("cluster")).unwrap();
        assert_eq!(dir.running().unwrap(), None);
        let lock = dir.lock().unwrap();
        assert_eq!(dir.running().unwrap(), Some(std::process::id()));
        let refused = dir.lock().err().unwrap().to_string();
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        drop(lock);
        assert_eq!(dir.running().unwrap(), None);
        dir.lock().unwrap();
    }

    #[test]
    fn removal_leaves_what_is_not_the_clusters() {
        let root = tempfile::tempdir().unwrap();
        let dir = StateDir::new(root.path()).unwrap();
        drop(dir.lock().unwrap());
        fs::write(root.path().join("notes.txt"), "mine").unwrap();
        fs::write(dir.kubeconfig(), "x").unwrap();
        dir.remove().unwrap();
        let left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["notes.txt"]);
    }

    #[test]
    fn removal_takes_an_empty_folder_along() {
        let root = tempfile::tempdir().unwrap();
        let dir = StateDir::new(&root.path().join("cluster")).unwrap();
        drop(dir.lock().unwrap());
        dir.remove().unwrap();
        assert!(!dir.path().exists());
    }
}
