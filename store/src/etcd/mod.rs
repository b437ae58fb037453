//! The engine on an etcd cluster, which any number of servers share.
//!
//! # Keys (format 1)
//!
//! Below `/timonier/<cluster>/`:
//! - `meta/format`: text, one `name value` a line: `format 1`, `writer 0.1.0` (the version that
//!   made it), `base 0` (our revisions are etcd's plus this).
//! - `meta/compaction`: the etcd revision to which history was last compacted.
//! - `meta/compactor`: held with a lease by the one server that compacts.
//! - `data/<key>`: a byte 1 (the encoding), a byte 0 or 1 for whether there is a tag, the tag
//!   (length u16 little-endian, bytes), the value.
//!
//! # How it works
//!
//! One watch follows *all* keys of etcd, whoever they belong to, so that every revision arrives
//! here and "up to revision N" always comes true. A commit is one etcd transaction; it is answered
//! when that watch has brought it back. A fresh read asks etcd for its revision (a linearizable
//! read) and waits for the watch to reach it. The past is read by watching from there, with
//! previous values.
//!
//! All requests and the watch use the same etcd member; when the watch breaks, the next member is
//! tried, and until it stands nothing is sent, so that an outcome is unknown only at the moment of
//! the break.
//!
//! Reading order: `layout`, `connection`, `load`, `feed` (the watch), `commit`, `fresh`, `history`,
//! `compactor`.

mod commit;
mod compactor;
mod connection;
mod feed;
mod fresh;
mod history;
mod layout;
mod load;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::engine::{Chunk, Engine};
use crate::hub::Hub;
use crate::{CommitError, OpenError, Options, ReadError, Revision, Txn};

use connection::Connection;
use feed::Feed;
use fresh::Fresh;
use layout::Layout;

pub(crate) struct Etcd {
    shared: Arc<Shared>,
    fresh: Fresh,
    /// So that many watchers that resume at once take turns.
    readers: Arc<Semaphore>,
    /// Ended when this is dropped.
    tasks: parking_lot::Mutex<JoinSet<()>>,
}

/// Removes all keys of a cluster.
pub(crate) async fn destroy(
    endpoints: &[String],
    cluster: &str,
    tls: bool,
    options: &Options,
) -> Result<(), OpenError> {
    let connection = Connection::open(endpoints, tls, options).await?;
    load::destroy(&connection, &Layout::new(cluster)).await
}

/// Reads of history at the same time.
const READERS: usize = 4;

/// What all parts of the engine use.
struct Shared {
    hub: Arc<Hub>,
    connection: Connection,
    layout: Layout,
    options: Options,
}

impl Etcd {
    pub(crate) async fn open(
        endpoints: &[String],
        cluster: &str,
        tls: bool,
        options: Options,
    ) -> Result<(Arc<Hub>, Etcd), OpenError> {
        let connection = Connection::open(endpoints, tls, &options).await?;
        let layout = load::layout(&connection, cluster).await?;
        let loaded = load::load(&connection, &layout, None).await?;
        let (oldest, tail) = load::recent(&connection, &layout, &loaded, &options).await?;
        let snapshot = loaded.snapshot(&layout);
        let hub = Arc::new(Hub::new(snapshot, oldest, tail));
        let shared = Arc::new(Shared { hub: hub.clone(), connection, layout, options });
        let mut tasks = JoinSet::new();
        tasks.spawn(Feed::new(shared.clone(), loaded).run());
        tasks.spawn(compactor::run(shared.clone()));
        let fresh = Fresh::start(shared.clone(), &mut tasks);
        let watching = shared.connection.ready().await;
        watching
            .map_err(|problem| OpenError::Unreachable { endpoints: shared.connection.endpoints.clone(), problem })?;
        let engine =
            Etcd { shared, fresh, readers: Arc::new(Semaphore::new(READERS)), tasks: parking_lot::Mutex::new(tasks) };
        Ok((hub, engine))
    }
}

impl Engine for Etcd {
    fn commit(&self, txn: Txn) -> BoxFuture<'static, Result<Revision, CommitError>> {
        commit::commit(self.shared.clone(), txn).boxed()
    }

    fn newest(&self) -> BoxFuture<'static, Result<Revision, ReadError>> {
        self.fresh.newest().boxed()
    }

    fn history(&self, after: Revision, until: Revision) -> BoxFuture<'static, Result<Chunk, ReadError>> {
        let (shared, readers) = (self.shared.clone(), self.readers.clone());
        async move {
            let _turn = readers.acquire_owned().await;
            let read = history::read(&shared.connection, &shared.layout, after, until).await;
            if let Err(ReadError::Compacted { oldest }) = &read {
                shared.hub.raise_oldest(*oldest);
            }
            read
        }
        .boxed()
    }

    fn compact(&self, before: Revision) -> BoxFuture<'static, Result<(), ReadError>> {
        let shared = self.shared.clone();
        async move { compactor::compact(&shared, before).await }.boxed()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        self.tasks.lock().abort_all();
        let shared = self.shared.clone();
        async move { shared.connection.close() }.boxed()
    }
}
