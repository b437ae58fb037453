//! When revisions came: one key that holds the time, put again while there are new ones. etcd keeps its history as long as
//! everybody's, so that any server can read it after a restart.

use std::sync::Arc;

use etcd_client::{Compare, CompareOp, EventType, KeyValue, Txn, TxnOp, WatchOptions};

use super::Shared;
use super::connection::Connection;
use super::layout::Layout;
use super::load::unreachable;
use crate::timeline::{Timeline, now};
use crate::{OpenError, Revision};

/// The time that `kv` tells, and the revision that it had been reached by then, if it is our clock.
pub(super) fn tick(layout: &Layout, kv: &KeyValue) -> Option<(u64, Revision)> {
    if kv.key() != layout.meta_key("clock").as_bytes() {
        return None;
    }
    let time = std::str::from_utf8(kv.value()).ok()?.parse().ok()?;
    Some((time, layout.revision(kv.mod_revision())))
}

/// The times that etcd still knows, those after `oldest`.
pub(super) async fn load(connection: &Connection, layout: &Layout, oldest: Revision) -> Result<Timeline, OpenError> {
    let mut timeline = Timeline::default();
    let key = layout.meta_key("clock");
    let failed = |problem: String| OpenError::Unreachable { endpoints: connection.endpoints.clone(), problem };
    let answer = connection.call(connection.kv().get(key.clone(), None)).await;
    let answer = answer.map_err(|failure| unreachable(connection, &failure))?;
    let Some((time, last)) = answer.kvs().first().and_then(|kv| tick(layout, kv)) else {
        return Ok(timeline);
    };
    if last <= oldest {
        timeline.note(time, last);
        return Ok(timeline);
    }
    let start = layout.numbering().next(oldest);
    let mut client = connection.watch();
    let watch = client.watch(key, Some(WatchOptions::new().with_start_revision(start)));
    let mut stream = connection.call(watch).await.map_err(|failure| failed(failure.to_string()))?;
    let mut reached = oldest;
    while reached < last {
        let message = connection.call(stream.message()).await.map_err(|failure| failed(failure.to_string()))?;
        let message = message.ok_or_else(|| failed("the watch on the clock ended".to_owned()))?;
        if message.canceled() {
            // Compacted meanwhile: what is known of the present is enough.
            timeline.note(time, last);
            break;
        }
        let puts = message.events().iter().filter(|event| event.event_type() == EventType::Put);
        for (time, revision) in puts.filter_map(|event| event.kv()).filter_map(|kv| tick(layout, kv)) {
            timeline.note(time, revision);
            reached = revision;
        }
    }
    Ok(timeline)
}

/// Puts the time while there are revisions since it was last put, whoever put it. Runs until it is aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut known = shared.hub.revision();
    loop {
        tokio::time::sleep(shared.options.etcd_clock).await;
        if shared.hub.revision() <= known {
            continue;
        }
        match put(&shared).await {
            Ok(revision) => known = revision,
            Err(error) => tracing::debug!("noting the time in etcd: {error}"),
        }
    }
}

/// Puts the time, unless another server did it a moment ago. Returns the revision at which it was put.
async fn put(shared: &Shared) -> Result<Revision, etcd_client::Error> {
    let layout = &shared.layout;
    let key = layout.meta_key("clock");
    let mut kv = shared.connection.kv();
    let current = kv.get(key.clone(), None).await?;
    let current = current.kvs().first().and_then(|kv| tick(layout, kv));
    let time = now();
    let recently = shared.options.etcd_clock.as_millis() as u64 / 2;
    if let Some((last, revision)) = current
        && time < last + recently
    {
        return Ok(revision);
    }
    let at = current.map_or(0, |(_, revision)| layout.etcd_revision(revision));
    let txn = Txn::new().when([Compare::mod_revision(key.clone(), CompareOp::Equal, at)]).and_then([TxnOp::put(
        key,
        time.to_string(),
        None,
    )]);
    let answer = kv.txn(txn).await?;
    Ok(layout.revision(answer.header().map_or(0, |header| header.revision())))
}
