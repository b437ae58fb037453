//! Everything that is in etcd now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_client::{Compare, CompareOp, DeleteOptions, GetOptions, GetResponse, Txn, TxnOp, WatchOptions};

use super::compactor;
use super::connection::{Connection, Failure};
use super::history;
use super::layout::{Damaged, FORMAT, Layout};
use super::numbering::Numbering;
use crate::snapshot::Entries;
use crate::tail::Tail;
use crate::{Entry, OpenError, Options, ReadError, Revision, Snapshot};

/// Entries that one request asks for.
const PAGE: i64 = 500;
const PAUSE: Duration = Duration::from_millis(100);
/// How long etcd may take to come up beside us.
const PATIENCE: Duration = Duration::from_secs(10);

/// The state at one of etcd's revisions.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) entries: Entries,
    pub(super) revision: i64,
    /// Ours of it: nothing that etcd has done by then is after it.
    pub(super) last: Revision,
    /// The id of the etcd cluster: if it changes, we talk to something else.
    pub(super) cluster: u64,
}

impl Loaded {
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.last, self.entries.clone())
    }
}

/// Reads what kind of store this is; makes one where there is none.
pub(super) async fn layout(connection: &Connection, cluster: &str) -> Result<Layout, OpenError> {
    let layout = Layout::new(cluster);
    let key = layout.meta_key("format");
    let writer = env!("CARGO_PKG_VERSION");
    let fresh = format!("format {FORMAT}\nwriter {writer}\nbase 0\n");
    let started = Instant::now();
    let answer =
        loop {
            // Two servers may do this at the same time: one of them makes it, both read it.
            let txn = Txn::new()
                .when([Compare::create_revision(key.clone(), CompareOp::Equal, 0)])
                .and_then([TxnOp::put(key.clone(), fresh.clone(), None)]);
            let mut kv = connection.kv();
            let attempt = async {
                kv.txn(txn).await?;
                kv.get(key.clone(), None).await
            };
            match connection.call(attempt).await {
                Ok(answer) => break answer,
                Err(failure) if started.elapsed() > PATIENCE => {
                    return Err(unreachable(connection, &failure));
                }
                Err(_) => {
                    connection.try_next_member();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
    let text = answer.kvs().first().map(|kv| kv.value().to_owned());
    let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
    let damaged = |problem: &str| OpenError::CorruptKey { key: key.clone(), problem: problem.to_owned() };
    if number(&text, "unfinished").is_some() {
        return Err(damaged("a restore into this cluster did not finish: do it again, with --force"));
    }
    if let Some(found) = number(&text, "format").filter(|found| *found > FORMAT) {
        return Err(OpenError::NewerFormat { what: format!("etcd key {key}"), found, supported: FORMAT });
    }
    let numbering = numbering(&text).map_err(damaged)?;
    Ok(layout.with_numbering(numbering))
}

/// What the text of the format's key says of revisions.
pub(super) fn numbering(text: &str) -> Result<Numbering, &'static str> {
    let known =
        number(text, "format").or_else(|| number(text, "unfinished")).filter(|format| (1..=FORMAT).contains(format));
    let format = known.ok_or("no format number that is known")?;
    let base = number(text, "base").ok_or("the base is missing")?;
    Ok(Numbering::new(format, base))
}

/// The number behind `name` in a text of one `name value` a line.
pub(super) fn number(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok())
}

/// Whether a cluster has its keys.
pub(super) async fn exists(connection: &Connection, layout: &Layout) -> Result<bool, OpenError> {
    let format = connection.call(connection.kv().get(layout.meta_key("format"), None)).await;
    format.map(|answer| !answer.kvs().is_empty()).map_err(|failure| unreachable(connection, &failure))
}

/// Reads all entries, at one revision. Those that `known` has already are shared with it.
pub(super) async fn load(
    connection: &Connection,
    layout: &Layout,
    known: Option<&Entries>,
) -> Result<Loaded, OpenError> {
    let mut loaded = Loaded { entries: Entries::new(), revision: 0, last: Revision(0), cluster: 0 };
    let end = prefix_end(layout.data());
    let mut from = layout.data().as_bytes().to_owned();
    loop {
        let options = GetOptions::new().with_range(end.clone()).with_limit(PAGE).with_revision(loaded.revision);
        let page = connection.call(connection.kv().get(from, Some(options))).await;
        let page = page.map_err(|failure| unreachable(connection, &failure))?;
        if loaded.revision == 0 {
            (loaded.revision, loaded.cluster) = header(&page);
            loaded.last = layout.numbering().last(loaded.revision);
        }
        for kv in page.kvs() {
            if let Some(entry) = layout.entry(kv).map_err(corrupt)? {
                let entry = share(known, entry);
                loaded.entries.insert(entry.key.clone(), entry);
            }
        }
        match page.kvs().last() {
            Some(last) if page.more() => {
                // The least key after it.
                from = last.key().to_owned();
                from.push(0);
            }
            _ => return Ok(loaded),
        }
    }
}

fn share(known: Option<&Entries>, entry: Arc<Entry>) -> Arc<Entry> {
    match known.and_then(|known| known.get(&entry.key)) {
        Some(same) if same.revision == entry.revision => same.clone(),
        _ => entry,
    }
}

/// How far back etcd's history goes, and the newest part of it, so that clients that reconnect to
/// a restarted server are served from memory.
pub(super) async fn recent(
    connection: &Connection,
    layout: &Layout,
    loaded: &Loaded,
    options: &Options,
) -> Result<(Revision, Tail), OpenError> {
    let failed = |problem: String| OpenError::Unreachable { endpoints: connection.endpoints.clone(), problem };
    let mut oldest = oldest(connection, layout).await.map_err(failed)?;
    let now = loaded.last;
    let empty = |floor| Tail::new(floor, options.tail_events, options.tail_bytes);
    let wanted = loaded.revision.saturating_sub(options.tail_events as i64);
    let mut reached = layout.numbering().last(wanted).max(oldest);
    let mut tail = empty(reached);
    while reached < now {
        match history::read(connection, layout, reached, now, "").await {
            Ok(chunk) => {
                reached = chunk.through;
                chunk.events.into_iter().for_each(|event| tail.push(event));
                tail.trim();
            }
            // Somebody compacts while we read.
            Err(ReadError::Compacted { oldest: newer }) if newer > oldest => {
                oldest = newer;
                reached = newer.min(now);
                tail = empty(reached);
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    }
    Ok((oldest, tail))
}

/// The revision to which etcd was compacted. A read says *that* revision 1 is gone, only a watch
/// from it says up to where.
async fn oldest(connection: &Connection, layout: &Layout) -> Result<Revision, String> {
    let key = layout.meta_key("format");
    let first = GetOptions::new().with_revision(1);
    match connection.call(connection.kv().get(key.clone(), Some(first))).await {
        Ok(_) => return Ok(layout.revision(1)),
        Err(failure) if failure.is_compacted() => {}
        Err(failure) => return Err(failure.to_string()),
    }
    let from_first = WatchOptions::new().with_start_revision(1);
    let mut client = connection.watch();
    let asked = async {
        let mut watch = client.watch(key, Some(from_first)).await?;
        while let Some(message) = watch.message().await? {
            if message.canceled() {
                return Ok(Some(message.compact_revision()));
            }
        }
        Ok(None)
    };
    match connection.call(asked).await {
        Ok(Some(revision)) if revision > 0 => match compactor::noted(connection, layout).await {
            Ok(Some((known, oldest))) if known == revision => Ok(oldest),
            Ok(_) => Ok(layout.numbering().last(revision)),
            Err(failure) => Err(failure.to_string()),
        },
        Ok(_) => Err("it does not say where its history begins".to_owned()),
        Err(failure) => Err(failure.to_string()),
    }
}

/// Removes all keys of the cluster.
pub(super) async fn destroy(connection: &Connection, layout: &Layout) -> Result<(), OpenError> {
    let mut attempts = connection.members();
    loop {
        let all = DeleteOptions::new().with_prefix();
        match connection.call(connection.kv().delete(layout.root(), Some(all))).await {
            Ok(_) => return Ok(()),
            Err(failure) if attempts <= 1 => return Err(unreachable(connection, &failure)),
            Err(_) => connection.try_next_member(),
        }
        attempts -= 1;
    }
}

pub(super) fn header(answer: &GetResponse) -> (i64, u64) {
    let header = answer.header();
    header.map_or((0, 0), |header| (header.revision(), header.cluster_id()))
}

/// The least key that is after all keys with this prefix.
fn prefix_end(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_owned();
    // Our prefixes end in a slash, so there is always something above.
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

pub(super) fn unreachable(connection: &Connection, failure: &Failure) -> OpenError {
    OpenError::Unreachable { endpoints: connection.endpoints.clone(), problem: failure.to_string() }
}

fn corrupt(damaged: Damaged) -> OpenError {
    OpenError::CorruptKey { key: damaged.key, problem: damaged.problem.to_owned() }
}
