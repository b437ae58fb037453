//! The watch that brings every revision of etcd to the hub.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{WatchOptions, WatchResponse};

use super::Shared;
use super::layout::Damaged;
use super::load::{self, Loaded};
use super::places::Places;
use super::{clock, compactor};
use crate::Event;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Feed {
    shared: Arc<Shared>,
    state: Loaded,
}

/// Why the watch ended.
enum End {
    /// Something to try again.
    Broken(String),
    /// etcd no longer has what comes next.
    Compacted,
}

impl Feed {
    pub(super) fn new(shared: Arc<Shared>, state: Loaded) -> Feed {
        Feed { shared, state }
    }

    pub(super) async fn run(mut self) {
        let mut failures = 0;
        loop {
            let started = self.state.revision;
            let end = self.follow().await;
            self.shared.connection.set_ready(false);
            if self.state.revision > started {
                failures = 0;
            }
            let problem = match end {
                End::Broken(problem) => problem,
                End::Compacted => match self.reload().await {
                    Ok(()) => continue,
                    Err(problem) => problem,
                },
            };
            let endpoints = &self.shared.connection.endpoints;
            tracing::warn!("the watch on etcd at {endpoints} ended: {problem}");
            self.shared.connection.try_next_member();
            tokio::time::sleep(pause(failures, self.shared.connection.members())).await;
            failures += 1;
        }
    }

    async fn follow(&mut self) -> End {
        match self.watch().await {
            Ok(end) => end,
            Err(problem) => End::Broken(problem),
        }
    }

    async fn watch(&mut self) -> Result<End, String> {
        self.check_identity().await?;
        let connection = &self.shared.connection;
        let options = WatchOptions::new().with_all_keys().with_start_revision(self.state.revision + 1);
        let mut client = connection.watch();
        let opened = connection.call(client.watch([0], Some(options))).await;
        let mut stream = opened.map_err(|failure| failure.to_string())?;
        loop {
            let message = match stream.message().await {
                Ok(Some(message)) => message,
                Ok(None) => return Err("etcd ended it".to_owned()),
                Err(error) => return Err(error.to_string()),
            };
            if message.created() && !message.canceled() {
                self.shared.connection.set_ready(true);
            }
            if message.canceled() {
                if message.compact_revision() > 0 {
                    return Ok(End::Compacted);
                }
                return Err(message.cancel_reason().to_owned());
            }
            self.apply(&message)?;
        }
    }

    /// Whether this is still the etcd that we know: one that was restored or replaced must not be
    /// taken for its continuation.
    async fn check_identity(&self) -> Result<(), String> {
        let connection = &self.shared.connection;
        let key = self.shared.layout.meta_key("format");
        let answer = connection.call(connection.kv().get(key.clone(), None)).await;
        let answer = answer.map_err(|failure| failure.to_string())?;
        let (revision, cluster) = load::header(&answer);
        if cluster != self.state.cluster {
            return Err("it is another etcd cluster than before: restart this server".to_owned());
        }
        if revision < self.state.revision || answer.kvs().is_empty() {
            return Err(format!(
                "etcd lost data: it is at revision {revision}, and was at {} (key {key})",
                self.state.revision
            ));
        }
        Ok(())
    }

    fn apply(&mut self, message: &WatchResponse) -> Result<(), String> {
        let layout = &self.shared.layout;
        let mut events: Vec<Arc<Event>> = Vec::new();
        // Applied to a copy, and kept only when all of it was understood.
        let mut next = self.state.clone();
        let mut ticks = Vec::new();
        let mut places = Places::default();
        let damage = |damaged: Damaged| format!("{}: {}", damaged.key, damaged.problem);
        for event in message.events() {
            let revision = event.kv().map_or(0, |kv| kv.mod_revision());
            // A member may repeat what it told before.
            if revision <= self.state.revision {
                continue;
            }
            next.revision = next.revision.max(revision);
            let ours = layout.numbering().at(revision, places.of(layout, event).map_err(damage)?);
            next.last = next.last.max(ours);
            self.note_compaction(event);
            if let Some((time, revision)) = event.kv().and_then(|kv| clock::tick(layout, kv)) {
                ticks.push((time, revision));
            }
            let known = |key: &str| Ok(next.entries.get(key).cloned());
            let Some(event) = layout.event(event, ours, known).map_err(damage)? else {
                continue;
            };
            match &event.current {
                Some(entry) => next.entries.insert(event.key.clone(), entry.clone()),
                None => next.entries.remove(&event.key),
            };
            events.push(Arc::new(event));
        }
        if next.revision > self.state.revision {
            self.state = next;
            self.shared.hub.publish(self.state.snapshot(), events);
            ticks.into_iter().for_each(|(time, revision)| self.shared.hub.note_time(time, revision));
        }
        Ok(())
    }

    /// Another server may have compacted.
    fn note_compaction(&self, event: &etcd_client::Event) {
        let shared = &self.shared;
        if let Some(kv) = event.kv()
            && let Some((_, oldest)) = compactor::note(&shared.layout, kv)
        {
            shared.hub.raise_oldest(oldest);
        }
    }

    /// Starts over from what etcd holds now. The events in between are lost to us.
    async fn reload(&mut self) -> Result<(), String> {
        let shared = &self.shared;
        tracing::warn!("etcd has dropped history that was not yet read here: reading everything");
        let known = Some(&self.state.entries);
        let loaded = load::load(&shared.connection, &shared.layout, known).await;
        self.state = loaded.map_err(|error| error.to_string())?;
        self.shared.hub.reset(self.state.snapshot());
        Ok(())
    }
}

/// The first round over all members is quick, then ever slower.
fn pause(failures: usize, members: usize) -> Duration {
    let rounds = (failures / members.max(1)).min(6) as u32;
    (FIRST_PAUSE * 2u32.pow(rounds)).min(LONGEST_PAUSE)
}
