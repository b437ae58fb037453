//! Watching a collection: events as they come, resumed where a connection ended.

use super::{Call, Session};
use crate::error::Error;
use futures::{Stream, StreamExt};
use serde_json::Value;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// How long a lost server is asked again before a watch gives up, and the pause between attempts.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);

/// One change.
#[derive(Clone, Debug)]
pub struct Event {
    /// `ADDED`, `MODIFIED`, `DELETED`
    pub kind: String,
    /// The object, or its Table if that was asked for.
    pub object: Value,
}

type Lines = Pin<Box<dyn Stream<Item = Result<String, Error>> + Send>>;

/// A watch that survives the end of its connection.
pub struct Watch<'a> {
    session: &'a Session,
    /// The collection's call, without `watch` and `resourceVersion`.
    call: Call,
    revision: String,
    lines: Option<Lines>,
    lost: Option<Instant>,
}

impl<'a> Watch<'a> {
    /// Everything after `revision`.
    pub fn new(session: &'a Session, call: Call, revision: String) -> Watch<'a> {
        Watch { session, call, revision, lines: None, lost: None }
    }

    /// The next change; waits for it. An `Expired` error means that changes were missed.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            let line = match &mut self.lines {
                None => {
                    self.reconnect().await?;
                    continue;
                }
                Some(lines) => lines.next().await,
            };
            match line {
                Some(Ok(line)) if line.trim().is_empty() => {}
                Some(Ok(line)) => {
                    self.lost = None;
                    if let Some(event) = self.read(&line)? {
                        return Ok(event);
                    }
                }
                // The end, clean or not: go on from the last revision that was seen.
                Some(Err(_)) | None => {
                    self.lines = None;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn reconnect(&mut self) -> Result<(), Error> {
        let call = self
            .call
            .clone()
            .query("watch", "true")
            .query("allowWatchBookmarks", "true")
            .query("resourceVersion", &self.revision);
        match self.session.lines(call).await {
            Ok(lines) => {
                self.lines = Some(Box::pin(lines));
                Ok(())
            }
            Err(error @ (Error::Refused { .. } | Error::Unreachable { .. })) => {
                if self.lost.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(error);
                }
                tokio::time::sleep(PAUSE).await;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// An event to hand on, or nothing for a bookmark.
    fn read(&mut self, line: &str) -> Result<Option<Event>, Error> {
        let mut event: Value = serde_json::from_str(line).map_err(|error| Error::Protocol(error.to_string()))?;
        let kind = event["type"].as_str().unwrap_or_default().to_string();
        let object = event["object"].take();
        if kind == "ERROR" {
            let status = serde_json::from_value(object).map_err(|error| Error::Protocol(error.to_string()))?;
            return Err(Error::Api(Box::new(status)));
        }
        if let Some(revision) = revision(&object) {
            self.revision = revision.to_string();
        }
        Ok((kind != "BOOKMARK").then_some(Event { kind, object }))
    }
}

/// The revision of an object or of the last row of a Table.
fn revision(object: &Value) -> Option<&str> {
    let of_row = || object["rows"].as_array()?.last()?["object"]["metadata"]["resourceVersion"].as_str();
    let own = || object["metadata"]["resourceVersion"].as_str();
    of_row().or_else(own).filter(|revision| !revision.is_empty())
}
