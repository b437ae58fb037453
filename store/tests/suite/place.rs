//! Where a law is tried.

use std::path::PathBuf;

use timonier_store::{Options, Store, StoreUrl};

pub trait Place: Sync {
    fn url(&self) -> StoreUrl;

    /// Small limits, so that their edges are reached with few events.
    fn options(&self) -> Options {
        Options { wait: std::time::Duration::from_secs(2), ..Options::default() }
    }

    fn open(&self) -> impl Future<Output = Store> + Send {
        self.open_with(self.options())
    }

    fn open_with(&self, options: Options) -> impl Future<Output = Store> + Send {
        let url = self.url();
        async move { Store::open(&url, options).await.unwrap_or_else(|error| panic!("{url}: {error}")) }
    }
}

pub struct Memory;

impl Place for Memory {
    fn url(&self) -> StoreUrl {
        StoreUrl::Memory
    }
}

/// A directory that is removed at the end.
pub struct Directory(tempfile::TempDir);

impl Directory {
    pub fn new() -> Directory {
        Directory(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("store")
    }
}

impl Place for Directory {
    fn url(&self) -> StoreUrl {
        StoreUrl::File(self.path())
    }
}
