//! Dropping history that left the window: by one server for all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_client::{Compare, CompareOp, KeyValue, LeaseKeepAliveStream, LeaseKeeper, PutOptions, Txn, TxnOp};

use super::Shared;
use super::connection::{Connection, Failure};
use super::layout::Layout;
use crate::{ReadError, Revision};

/// Compacts at most this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

const KEY: &str = "compaction";

/// etcd's revision to which somebody compacted, and our oldest revision since then, if `kv` says so.
pub(super) fn note(layout: &Layout, kv: &KeyValue) -> Option<(i64, Revision)> {
    if kv.key() != layout.meta_key(KEY).as_bytes() {
        return None;
    }
    let text = std::str::from_utf8(kv.value()).ok()?;
    let (etcd, oldest) = text.split_once(' ').map_or((text, None), |(etcd, oldest)| (etcd, Some(oldest)));
    let etcd = etcd.parse().ok()?;
    let oldest = oldest.map_or(Some(layout.numbering().last(etcd)), |oldest| oldest.parse().ok())?;
    Some((etcd, oldest))
}

/// The newest of these notes.
pub(super) async fn noted(connection: &Connection, layout: &Layout) -> Result<Option<(i64, Revision)>, Failure> {
    let answer = connection.call(connection.kv().get(layout.meta_key(KEY), None)).await?;
    Ok(answer.kvs().first().and_then(|kv| note(layout, kv)))
}

/// Drops the history before `before`.
pub(super) async fn compact(shared: &Shared, before: Revision) -> Result<(), ReadError> {
    let failed = |failure: Failure| ReadError::Unavailable(format!("etcd: {failure}"));
    // What comes after `before` may begin in the middle of one of etcd's revisions.
    let revision = shared.layout.numbering().next(before) - 1;
    if revision <= 0 {
        return Ok(());
    }
    // Noted first, so that the other servers know from when on it may be gone.
    let connection = &shared.connection;
    let text =
        if shared.layout.numbering().is_shared() { format!("{revision} {before}") } else { revision.to_string() };
    let noted = connection.kv().put(shared.layout.meta_key(KEY), text, None).await;
    noted.map_err(Failure::Etcd).map_err(failed)?;
    shared.hub.raise_oldest(before);
    shared.hub.forget(before);
    let mut kv = connection.client();
    match connection.call(kv.compact(revision, None)).await {
        Ok(_) => Ok(()),
        // Somebody else was faster.
        Err(failure) if failure.is_compacted() => Ok(()),
        Err(failure) => Err(failed(failure)),
    }
}

/// Runs until it is aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    let window = shared.options.window;
    let pause = (window / 10).clamp(Duration::from_millis(10), LONGEST_PAUSE);
    // Every server remembers when which revision was, so that each can take over.
    let mut samples: VecDeque<(Instant, Revision)> = VecDeque::new();
    let mut office: Option<Office> = None;
    loop {
        tokio::time::sleep(pause).await;
        samples.push_back((Instant::now(), shared.hub.revision()));
        let Some(due) = due(&mut samples, window) else {
            continue;
        };
        let held = match office.take() {
            Some(held) => held.keep().await,
            None => Office::win(&shared, pause).await,
        };
        office = match held {
            Ok(held) => held,
            Err(error) => {
                tracing::debug!("electing the server that compacts etcd: {error}");
                None
            }
        };
        if office.is_some()
            && due > shared.hub.oldest()
            && let Err(error) = compact(&shared, due).await
        {
            tracing::warn!("compacting etcd: {error}");
        }
    }
}

/// The newest revision that is older than the window.
fn due(samples: &mut VecDeque<(Instant, Revision)>, window: Duration) -> Option<Revision> {
    let is_old = |(at, _): &(Instant, Revision)| at.elapsed() >= window;
    while samples.get(1).is_some_and(is_old) {
        samples.pop_front();
    }
    samples.front().filter(|sample| is_old(sample)).map(|(_, revision)| *revision)
}

/// Being the one that compacts.
struct Office {
    keeper: LeaseKeeper,
    answers: LeaseKeepAliveStream,
}

impl Office {
    /// Takes the office, if it is free.
    async fn win(shared: &Shared, pause: Duration) -> Result<Option<Office>, etcd_client::Error> {
        let mut client = shared.connection.client();
        let seconds = (pause.as_secs() * 3).max(5) as i64;
        let lease = client.lease_grant(seconds, None).await?.id();
        let key = shared.layout.meta_key("compactor");
        let name = std::process::id().to_string();
        let put = TxnOp::put(key.clone(), name, Some(PutOptions::new().with_lease(lease)));
        let txn = Txn::new().when([Compare::create_revision(key, CompareOp::Equal, 0)]).and_then([put]);
        if !client.txn(txn).await?.succeeded() {
            client.lease_revoke(lease).await?;
            return Ok(None);
        }
        let (keeper, answers) = client.lease_keep_alive(lease).await?;
        Ok(Some(Office { keeper, answers }))
    }

    /// Keeps it; `None` when it was lost.
    async fn keep(mut self) -> Result<Option<Office>, etcd_client::Error> {
        self.keeper.keep_alive().await?;
        let answer = self.answers.message().await?;
        Ok(answer.filter(|answer| answer.ttl() > 0).map(|_| self))
    }
}
