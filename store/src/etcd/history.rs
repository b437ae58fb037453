//! The past, read by watching from there.

use std::sync::Arc;

use etcd_client::{EventType, WatchOptions, WatchResponse};

use super::connection::Connection;
use super::layout::{Damaged, Layout};
use crate::engine::Chunk;
use crate::{Entry, ReadError, Revision};

/// One read returns about this much (bytes of values).
const CHUNK: usize = 4 << 20;

/// Some of the events after `after`, up to `until` (which etcd has reached), of keys that start with `prefix`.
pub(super) async fn read(
    connection: &Connection,
    layout: &Layout,
    after: Revision,
    until: Revision,
    prefix: &str,
) -> Result<Chunk, ReadError> {
    let unavailable = |problem: String| ReadError::Unavailable(format!("etcd: {problem}"));
    // All keys, because others' revisions tell us too how far we are.
    let options =
        WatchOptions::new().with_all_keys().with_prev_key().with_start_revision(layout.etcd_revision(after).max(0) + 1);
    let mut client = connection.watch();
    let opened = connection.call(client.watch([0], Some(options))).await;
    let mut stream = opened.map_err(|failure| unavailable(failure.to_string()))?;
    let mut chunk = Chunk { events: Vec::new(), through: after };
    let mut weight = 0;
    while chunk.through < until && weight < CHUNK {
        let message = connection.call(stream.message()).await;
        let message = message.map_err(|failure| unavailable(failure.to_string()))?;
        let message = message.ok_or_else(|| unavailable("the watch ended".to_owned()))?;
        if message.canceled() {
            return Err(match message.compact_revision() {
                0 => unavailable(message.cancel_reason().to_owned()),
                oldest => ReadError::Compacted { oldest: layout.revision(oldest) },
            });
        }
        weight += take(layout, &message, until, prefix, &mut chunk)?;
    }
    Ok(chunk)
}

/// Adds a message's events to the chunk. Returns their weight.
fn take(
    layout: &Layout,
    message: &WatchResponse,
    until: Revision,
    prefix: &str,
    chunk: &mut Chunk,
) -> Result<usize, ReadError> {
    let mut weight = 0;
    for event in message.events() {
        let Some(kv) = event.kv() else { continue };
        let revision = layout.revision(kv.mod_revision());
        if revision > until {
            break;
        }
        let is_first = event.event_type() == EventType::Put && kv.version() == 1;
        let missing = !is_first && event.prev_kv().is_none() && layout.key(kv.key()).is_some();
        if missing {
            // Compacted away while we were reading.
            return Err(ReadError::Compacted { oldest: revision });
        }
        let previous = |_: &str| -> Result<Option<Arc<Entry>>, Damaged> {
            match event.prev_kv() {
                Some(kv) => layout.entry(kv),
                None => Ok(None),
            }
        };
        let read = layout.event(event, previous);
        let read =
            read.map_err(|damaged| ReadError::Corrupt(format!("etcd key {}: {}", damaged.key, damaged.problem)))?;
        if let Some(event) = read.filter(|event| event.key.starts_with(prefix)) {
            weight += event.weight();
            chunk.events.push(Arc::new(event));
        }
        chunk.through = revision;
    }
    Ok(weight)
}
