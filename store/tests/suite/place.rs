//! Where a law is tried.

use std::path::PathBuf;

use std::sync::Arc;

use timonier_store::{Entry, Event, Options, Revision, Store, StoreUrl};

pub trait Place: Sync {
    fn url(&self) -> StoreUrl;

    /// How many revisions lie between writes of which each waits for the one before.
    fn stride(&self) -> u64 {
        1
    }

    /// Events in words, counting the writes since `base`.
    fn describe(&self, events: &[Arc<Event>], base: Revision) -> Vec<String> {
        let describe = |event: &Arc<Event>| {
            let writes = (event.revision.0 - base.0).div_ceil(self.stride());
            format!("+{writes} {}", words(event))
        };
        events.iter().map(describe).collect()
    }

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

/// One event in words: `pods/a: old -> new`, `-` for absent.
fn words(event: &Event) -> String {
    let value = |entry: &Option<Arc<Entry>>| match entry {
        Some(entry) => String::from_utf8_lossy(&entry.value.to_bytes()).into_owned(),
        None => "-".to_owned(),
    };
    format!("{}: {} -> {}", event.key, value(&event.previous), value(&event.current))
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
