//! Filling a place with what a backup or another store holds.

use crate::loading::{Load, LoadError};
use crate::{OpenError, Options, Revision, Snapshot, StoreUrl};

/// Makes the place at `url` hold what `content` holds, and nothing of what was there. Returns the revision at which it is
/// then. `progress` hears how many entries are written.
///
/// When this fails half-way, or the process ends, the place is no store that opens: do it again with `replace`.
pub async fn load(
    url: &StoreUrl,
    options: Options,
    content: &Snapshot,
    how: Load,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Revision, LoadError> {
    match url {
        StoreUrl::Memory => Err(LoadError::NotKept),
        StoreUrl::File(dir) => {
            let (dir, content) = (dir.clone(), content.clone());
            let entries = content.len() as u64;
            let loaded = tokio::task::spawn_blocking(move || crate::embedded::load(&dir, &content, how)).await;
            let failed = |source| OpenError::Io { path: "a thread".into(), source: std::io::Error::other(source) };
            let revision = loaded.map_err(failed)??;
            progress(entries);
            Ok(revision)
        }
        StoreUrl::Etcd { endpoints, cluster, tls } => {
            crate::etcd::load(endpoints, cluster, *tls, &options, content, how, progress).await
        }
    }
}

/// Who uses the store at `url` now, where that can be told from outside. A directory in use does not open.
pub async fn user(url: &StoreUrl, options: &Options) -> Result<Option<String>, OpenError> {
    match url {
        StoreUrl::Memory | StoreUrl::File(_) => Ok(None),
        StoreUrl::Etcd { endpoints, cluster, tls } => crate::etcd::user(endpoints, cluster, *tls, options).await,
    }
}

/// Whether there is a store at `url`. Makes none.
pub async fn exists(url: &StoreUrl, options: &Options) -> Result<bool, OpenError> {
    match url {
        StoreUrl::Memory => Ok(false),
        StoreUrl::File(dir) => Ok(dir.join("format").exists()),
        StoreUrl::Etcd { endpoints, cluster, tls } => crate::etcd::exists(endpoints, cluster, *tls, options).await,
    }
}
