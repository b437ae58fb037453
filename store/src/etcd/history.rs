//! The past, read by watching from there.

use std::sync::Arc;

use etcd_client::{Event as EtcdEvent, EventType, WatchOptions, WatchResponse};

use super::connection::Connection;
use super::layout::{Damaged, Layout};
use super::places::Places;
use crate::engine::Chunk;
use crate::{ReadError, Revision};

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
    let start = layout.numbering().begin(after);
    let options = WatchOptions::new().with_all_keys().with_prev_key().with_start_revision(start);
    let mut client = connection.watch();
    let opened = connection.call(client.watch([0], Some(options))).await;
    let mut stream = opened.map_err(|failure| unavailable(failure.to_string()))?;
    let chunk = Chunk { events: Vec::new(), through: after };
    let mut reading = Reading { layout, after, until, prefix, places: Places::default(), chunk, weight: 0 };
    while reading.chunk.through < until && reading.weight < CHUNK {
        let message = connection.call(stream.message()).await;
        let message = message.map_err(|failure| unavailable(failure.to_string()))?;
        let message = message.ok_or_else(|| unavailable("the watch ended".to_owned()))?;
        if message.canceled() {
            return Err(match message.compact_revision() {
                0 => unavailable(message.cancel_reason().to_owned()),
                oldest => ReadError::Compacted { oldest: layout.numbering().last(oldest) },
            });
        }
        reading.take(&message)?;
    }
    Ok(reading.chunk)
}

struct Reading<'a> {
    layout: &'a Layout,
    after: Revision,
    until: Revision,
    prefix: &'a str,
    places: Places,
    chunk: Chunk,
    /// Of the chunk.
    weight: usize,
}

impl Reading<'_> {
    /// Adds a message's events, whole ones of etcd's revisions, to the chunk.
    fn take(&mut self, message: &WatchResponse) -> Result<(), ReadError> {
        for event in message.events() {
            self.add(event)?;
        }
        let last =
            message.events().last().and_then(EtcdEvent::kv).map(|kv| self.layout.numbering().last(kv.mod_revision()));
        if let Some(last) = last.filter(|last| *last > self.after) {
            self.chunk.through = last.min(self.until);
        }
        Ok(())
    }

    fn add(&mut self, event: &EtcdEvent) -> Result<(), ReadError> {
        let corrupt = |damaged: Damaged| ReadError::Corrupt(format!("etcd key {}: {}", damaged.key, damaged.problem));
        let Some(kv) = event.kv() else { return Ok(()) };
        let place = self.places.of(self.layout, event).map_err(corrupt)?;
        let revision = self.layout.numbering().at(kv.mod_revision(), place);
        if revision <= self.after || revision > self.until {
            return Ok(());
        }
        let is_first = event.event_type() == EventType::Put && kv.version() == 1;
        if !is_first && event.prev_kv().is_none() && self.layout.key(kv.key()).is_some() {
            // Compacted away while we were reading.
            return Err(ReadError::Compacted { oldest: revision });
        }
        let previous = |_: &str| match event.prev_kv() {
            Some(kv) => self.layout.entry(kv),
            None => Ok(None),
        };
        let read = self.layout.event(event, revision, previous).map_err(corrupt)?;
        if let Some(event) = read.filter(|event| event.key.starts_with(self.prefix)) {
            self.weight += event.weight();
            self.chunk.events.push(Arc::new(event));
        }
        Ok(())
    }
}
