//! The handle that everybody uses.

use std::sync::Arc;
use std::time::SystemTime;

use crate::embedded::Embedded;
use crate::engine::Engine;
use crate::etcd::Etcd;
use crate::hub::Hub;
use crate::memory::Memory;
use crate::past::Past;
use crate::{CommitError, Filter, Moment, OpenError, Options, ReadError, Revision, Snapshot, StoreUrl, Txn, Watch};

/// The watchable store. Clones are handles to the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Arc<Hub>,
    engine: Arc<dyn Engine>,
    past: Past,
    options: Options,
}

impl Store {
    /// Opens the store at `url`; an empty place becomes an empty store.
    pub async fn open(url: &StoreUrl, options: Options) -> Result<Store, OpenError> {
        let (hub, engine): (Arc<Hub>, Arc<dyn Engine>) = match url {
            StoreUrl::Memory => {
                let (hub, memory) = Memory::open(&options);
                (hub, Arc::new(memory))
            }
            StoreUrl::File(dir) => {
                let (hub, engine) = Embedded::open(dir.clone(), options.clone()).await?;
                (hub, Arc::new(engine))
            }
            StoreUrl::Etcd { endpoints, cluster, tls } => {
                let (hub, etcd) = Etcd::open(endpoints, cluster, *tls, options.clone()).await?;
                (hub, Arc::new(etcd))
            }
        };
        Ok(Store { inner: Arc::new(Inner { hub, engine, past: Past::default(), options }) })
    }

    /// Removes everything that the store at `url` holds, for ever. Where there is none, nothing happens. Files and
    /// keys that are not the store's own stay.
    pub async fn destroy(url: &StoreUrl) -> Result<(), OpenError> {
        match url {
            StoreUrl::Memory => Ok(()),
            StoreUrl::File(dir) => crate::embedded::destroy(dir),
            StoreUrl::Etcd { endpoints, cluster, tls } => {
                crate::etcd::destroy(endpoints, cluster, *tls, &Options::default()).await
            }
        }
    }

    /// Does `txn`: all of it at one new revision, which is returned, or nothing. When it changes
    /// nothing (only deletions of absent keys), the current revision is returned.
    ///
    /// After `Ok`, the write is durable and `snapshot()` contains it. Dropping the returned future
    /// does not undo anything.
    pub async fn commit(&self, txn: Txn) -> Result<Revision, CommitError> {
        self.inner.engine.commit(txn).await
    }

    /// The newest state known here. Never waits, never blocks a writer.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.hub.snapshot()
    }

    /// A state that contains every write that was acknowledged to anybody before this call.
    pub async fn fresh(&self) -> Result<Snapshot, ReadError> {
        let newest = self.inner.engine.newest().await?;
        self.wait_for(newest).await.map_err(|error| match error {
            ReadError::Future { current } => {
                ReadError::Unavailable(format!("this server has seen revision {current}, the store is at {newest}"))
            }
            other => other,
        })
    }

    /// A state that is at least at `revision`. Waits a little for it; then `Future`.
    pub async fn wait_for(&self, revision: Revision) -> Result<Snapshot, ReadError> {
        let hub = &self.inner.hub;
        if hub.revision() < revision {
            let reached = hub.reached(revision);
            if tokio::time::timeout(self.inner.options.wait, reached).await.is_err() {
                let current = hub.revision();
                return Err(ReadError::Future { current });
            }
        }
        Ok(hub.snapshot())
    }

    /// The state exactly at `revision`, if it is within the history.
    pub async fn at(&self, revision: Revision) -> Result<Snapshot, ReadError> {
        self.at_prefix(revision, "").await
    }

    /// Those of its entries whose keys start with `prefix`, exactly at `revision`. What else the snapshot holds is not
    /// to be relied on. It costs what has changed there since then.
    pub async fn at_prefix(&self, revision: Revision, prefix: &str) -> Result<Snapshot, ReadError> {
        let inner = &self.inner;
        inner.past.at(&inner.hub, &*inner.engine, revision, prefix).await
    }

    /// The newest revision of at or before `time`. It may be that of a moment before: in the embedded engine times are
    /// known to milliseconds (under load, over a long history, to a tenth of a second), on etcd to two seconds.
    pub fn moment(&self, time: SystemTime) -> Result<Moment, ReadError> {
        self.inner.hub.moment(time).ok_or_else(|| ReadError::TooEarly { first: self.first_moment() })
    }

    /// By when `revision` had been reached, as closely as times are known.
    pub fn moment_of(&self, revision: Revision) -> Option<Moment> {
        self.inner.hub.moment_of(revision)
    }

    /// The oldest moment that `moment` answers.
    pub fn first_moment(&self) -> Moment {
        let present = || Moment { revision: self.inner.hub.revision(), time: SystemTime::now() };
        self.inner.hub.first_moment().unwrap_or_else(present)
    }

    /// Follows every event after `after` that matches `filter`.
    ///
    /// A revision that has not been reached here is refused as `Future`: where another server may
    /// have handed it out, call `wait_for` first.
    pub fn watch(&self, after: Revision, filter: Filter) -> Result<Watch, ReadError> {
        let hub = &self.inner.hub;
        let current = hub.revision();
        if after > current {
            return Err(ReadError::Future { current });
        }
        let oldest = hub.oldest_of(&filter.prefix);
        if after < oldest {
            return Err(ReadError::Compacted { oldest });
        }
        let engine = self.inner.engine.clone();
        Ok(Watch::new(hub.clone(), engine, after, filter))
    }

    /// Bytes that the store takes where it is kept, history included. An etcd says what all of it takes.
    pub async fn size(&self) -> Result<u64, ReadError> {
        self.inner.engine.size().await
    }

    /// The oldest revision that `at` answers and after which a watch can start, at the most: see `oldest_of`.
    pub fn oldest(&self) -> Revision {
        self.inner.hub.oldest()
    }

    /// The same for keys that start with `prefix`, some of which may be kept for less time.
    pub fn oldest_of(&self, prefix: &str) -> Revision {
        self.inner.hub.oldest_of(prefix)
    }

    /// Drops the history before `before`, so that it becomes the oldest revision. History is also
    /// dropped by itself when it leaves the window.
    pub async fn compact(&self, before: Revision) -> Result<(), ReadError> {
        let current = self.inner.hub.revision();
        if before > current {
            return Err(ReadError::Future { current });
        }
        self.inner.engine.compact(before).await
    }

    /// Finishes the writes that were accepted, ends all watches and releases the store.
    pub async fn close(self) {
        self.inner.engine.close().await;
        self.inner.hub.close();
    }
}
