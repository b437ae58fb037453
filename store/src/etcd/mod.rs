//! The engine on an etcd cluster, which any number of servers share.
//!
//! # Keys (format 2)
//!
//! Below `/timonier/<cluster>/`:
//! - `meta/format`: text, one `name value` a line: `format 2`, `writer 0.1.0` (the version that
//!   made it), `base 0` (what our revisions are raised by).
//! - `meta/clock`: the time (Unix ms), put now and then while revisions come; with its history it says when they came.
//! - `meta/compaction`: the etcd revision to which history was last compacted, and the revision of ours from which on it is
//!   whole.
//! - `meta/deleted`: which of the transactions that share an etcd revision deleted which keys (described in `places`).
//! - `meta/compactor`: held with a lease by the one server that compacts.
//! - `meta/users/<lease>`: one for each store that is open, with a lease.
//! - `data/<key>`: a byte 1 (the encoding), a byte of flags (1: there is a tag, 2: there is a place), the place (a byte),
//!   the tag (length u16 little-endian, bytes), the value.
//!
//! Our revisions are 128 times etcd's plus the base plus the place of a transaction among those that share an etcd revision
//! (`numbering`). In format 1 they are etcd's plus the base, and nothing is shared; such a cluster stays as it is until it is
//! restored from a backup.
//!
//! # How it works
//!
//! One watch follows *all* keys of etcd, whoever they belong to, so that every revision arrives
//! here and "up to revision N" always comes true. What is committed while etcd is busy is sent together: one etcd transaction
//! with a nested one for each, so that each happens or not by its own conditions. A commit is answered
//! when that watch has brought it back. A fresh read asks etcd for its revision (a linearizable
//! read) and waits for the watch to reach it. The past is read by watching from there, with
//! previous values.
//!
//! All requests and the watch use the same etcd member; when the watch breaks, the next member is
//! tried, and until it stands nothing is sent, so that an outcome is unknown only at the moment of
//! the break.
//!
//! Reading order: `numbering`, `layout`, `places`, `connection`, `load`, `feed` (the watch), `commit` (one transaction), `group` (what is
//! sent together), `committer`, `fresh`, `history`,
//! `clock`, `compactor`, `presence` (who is there), `fill` (restoring).

mod clock;
mod commit;
mod committer;
mod compactor;
mod connection;
mod feed;
mod fill;
mod fresh;
mod group;
mod history;
mod layout;
mod load;
mod numbering;
mod places;
mod presence;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::engine::{Chunk, Engine};
use crate::floors::Floors;
use crate::hub::Hub;
use crate::loading::{Load, LoadError};
use crate::pool::Pool;
use crate::{CommitError, OpenError, Options, ReadError, Revision, Snapshot, Txn};

use committer::Committer;
use connection::Connection;
use feed::Feed;
use fresh::Fresh;
use layout::Layout;

pub(crate) struct Etcd {
    shared: Arc<Shared>,
    committer: Committer,
    fresh: Fresh,
    /// So that many watchers that resume at once take turns.
    readers: Arc<Semaphore>,
    /// Ended when this is dropped.
    tasks: Arc<parking_lot::Mutex<JoinSet<()>>>,
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

/// Makes a cluster's keys those of `content`.
pub(crate) async fn load(
    endpoints: &[String],
    cluster: &str,
    tls: bool,
    options: &Options,
    content: &Snapshot,
    how: Load,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Revision, LoadError> {
    let connection = Connection::open(endpoints, tls, options).await?;
    fill::fill(&connection, cluster, content, how, progress).await
}

/// Somebody who has a cluster open.
pub(crate) async fn user(
    endpoints: &[String],
    cluster: &str,
    tls: bool,
    options: &Options,
) -> Result<Option<String>, OpenError> {
    let connection = Connection::open(endpoints, tls, options).await?;
    let user = presence::anybody(&connection, &Layout::new(cluster)).await;
    user.map_err(|failure| load::unreachable(&connection, &failure))
}

/// Whether a cluster has its keys.
pub(crate) async fn exists(
    endpoints: &[String],
    cluster: &str,
    tls: bool,
    options: &Options,
) -> Result<bool, OpenError> {
    let connection = Connection::open(endpoints, tls, options).await?;
    load::exists(&connection, &Layout::new(cluster)).await
}

/// Reads of history at the same time.
const READERS: usize = 4;

/// What all parts of the engine use.
struct Shared {
    hub: Arc<Hub>,
    connection: Connection,
    layout: Layout,
    options: Options,
    /// With which this store says that it is there.
    lease: AtomicI64,
}

impl Etcd {
    pub(crate) async fn open(
        endpoints: &[String],
        cluster: &str,
        tls: bool,
        options: Options,
    ) -> Result<(Arc<Hub>, Etcd), OpenError> {
        let connection = Connection::open(endpoints, tls, &options).await?;
        let layout = load::layout(&connection, cluster).await?.with_pool(Pool::new(options.parts));
        let lease =
            presence::enter(&connection, &layout).await.map_err(|failure| load::unreachable(&connection, &failure))?;
        let loaded = load::load(&connection, &layout, None).await?;
        let (oldest, tail) = load::recent(&connection, &layout, &loaded, &options).await?;
        let timeline = clock::load(&connection, &layout, oldest).await?;
        let snapshot = loaded.snapshot();
        let hub = Arc::new(Hub::new(snapshot, Floors::new(oldest, vec![]), tail, timeline));
        let shared = Arc::new(Shared { hub: hub.clone(), connection, layout, options, lease: AtomicI64::new(lease) });
        let mut tasks = JoinSet::new();
        tasks.spawn(Feed::new(shared.clone(), loaded).run());
        tasks.spawn(compactor::run(shared.clone()));
        tasks.spawn(presence::keep(shared.clone()));
        tasks.spawn(clock::run(shared.clone()));
        let committer = Committer::start(shared.clone(), &mut tasks);
        let fresh = Fresh::start(shared.clone(), &mut tasks);
        let watching = shared.connection.ready().await;
        watching
            .map_err(|problem| OpenError::Unreachable { endpoints: shared.connection.endpoints.clone(), problem })?;
        let (readers, tasks) = (Arc::new(Semaphore::new(READERS)), Arc::new(parking_lot::Mutex::new(tasks)));
        let engine = Etcd { shared, committer, fresh, readers, tasks };
        Ok((hub, engine))
    }
}

impl Engine for Etcd {
    fn commit(&self, txn: Txn) -> BoxFuture<'static, Result<Revision, CommitError>> {
        let (shared, committer) = (self.shared.clone(), self.committer.clone());
        async move {
            commit::check(&shared, &txn)?;
            shared.connection.ready().await.map_err(CommitError::Unavailable)?;
            committer.commit(txn).await
        }
        .boxed()
    }

    fn newest(&self) -> BoxFuture<'static, Result<Revision, ReadError>> {
        self.fresh.newest().boxed()
    }

    fn history(&self, after: Revision, until: Revision, prefix: &str) -> BoxFuture<'static, Result<Chunk, ReadError>> {
        let (shared, readers, prefix) = (self.shared.clone(), self.readers.clone(), prefix.to_owned());
        async move {
            let _turn = readers.acquire_owned().await;
            let read = history::read(&shared.connection, &shared.layout, after, until, &prefix).await;
            // etcd may have been compacted without a word.
            if let Err(ReadError::Compacted { oldest }) = read {
                shared.hub.raise_oldest(oldest);
                return Err(ReadError::Compacted { oldest: oldest.min(shared.hub.revision()) });
            }
            read
        }
        .boxed()
    }

    fn compact(&self, before: Revision) -> BoxFuture<'static, Result<(), ReadError>> {
        let shared = self.shared.clone();
        async move { compactor::compact(&shared, before).await }.boxed()
    }

    fn size(&self) -> BoxFuture<'static, Result<u64, ReadError>> {
        let shared = self.shared.clone();
        async move {
            let mut client = shared.connection.client();
            let status = shared.connection.call(client.status()).await;
            let size = status.map(|status| status.db_size().max(0) as u64);
            size.map_err(|failure| ReadError::Unavailable(failure.to_string()))
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let (shared, committer, tasks) = (self.shared.clone(), self.committer.clone(), self.tasks.clone());
        async move {
            committer.close(shared.connection.timeout()).await;
            tasks.lock().abort_all();
            presence::leave(&shared.connection, shared.lease.load(Ordering::Relaxed)).await;
            shared.connection.close();
        }
        .boxed()
    }
}
