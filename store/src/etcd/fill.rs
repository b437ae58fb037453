//! Filling a cluster's keys with what a backup or another store holds.

use etcd_client::{DeleteOptions, GetOptions, Txn, TxnOp};

use super::connection::{Connection, Failure};
use super::layout::{FORMAT, Layout, encode};
use super::load::{header, numbering};
use super::numbering::Numbering;
use super::presence;
use crate::loading::{Load, LoadError};
use crate::{Entry, OpenError, Revision, Snapshot};

/// One transaction writes at most so many keys and about so many bytes (etcd takes 128 and 1.5 MiB).
const KEYS: usize = 100;
const BYTES: usize = 512 << 10;

/// Until the last step the format's key says that this is not finished, and no server opens it.
pub(super) async fn fill(
    connection: &Connection,
    cluster: &str,
    content: &Snapshot,
    how: Load,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Revision, LoadError> {
    let layout = Layout::new(cluster);
    let failed = |failure: Failure| {
        LoadError::Open(OpenError::Unreachable {
            endpoints: connection.endpoints.clone(),
            problem: failure.to_string(),
        })
    };
    let place = || format!("etcd at {}, cluster {cluster},", connection.endpoints);
    if let Some(user) = presence::anybody(connection, &layout).await.map_err(failed)? {
        return Err(LoadError::InUse { place: place(), user });
    }
    let format = layout.meta_key("format");
    let mut kv = connection.kv();
    let found = connection.call(kv.get(format.clone(), None)).await.map_err(failed)?;
    let some = GetOptions::new().with_prefix().with_limit(1).with_keys_only();
    let data = connection.call(kv.get(layout.data(), Some(some))).await.map_err(failed)?;
    let is_empty = found.kvs().is_empty() && data.kvs().is_empty();
    if !is_empty && !how.replace {
        return Err(LoadError::NotEmpty { place: place() });
    }
    let text = found.kvs().first().map(|kv| String::from_utf8_lossy(kv.value()).into_owned()).unwrap_or_default();
    let (now, _) = header(&data);
    let before = numbering(&text).unwrap_or(Numbering::new(FORMAT, 0)).last(now);
    let base = content.revision().max(before).0.saturating_add(how.raise.max(1));

    let writer = env!("CARGO_PKG_VERSION");
    let unfinished = format!("unfinished {FORMAT}\nwriter {writer}\nbase {base}\n");
    connection.call(kv.put(format.clone(), unfinished, None)).await.map_err(failed)?;
    let all = || Some(DeleteOptions::new().with_prefix());
    connection.call(kv.delete(layout.data(), all())).await.map_err(failed)?;
    connection.call(kv.delete(layout.meta_key("compaction"), None)).await.map_err(failed)?;

    let mut entries = content.range("", None).peekable();
    let mut done = 0;
    while entries.peek().is_some() {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < KEYS
            && let Some(entry) = entries.next_if(|entry| batch.is_empty() || bytes + size(entry) <= BYTES)
        {
            bytes += size(entry);
            let value = encode(&entry.value.to_bytes(), entry.tag.as_deref(), None);
            batch.push(TxnOp::put(layout.data_key(&entry.key), value, None));
        }
        done += batch.len() as u64;
        connection.call(kv.txn(Txn::new().and_then(batch))).await.map_err(failed)?;
        progress(done);
    }
    let finished = format!("format {FORMAT}\nwriter {writer}\nbase {base}\n");
    let answer = connection.call(kv.put(format, finished, None)).await.map_err(failed)?;
    let revision = answer.header().map_or(0, |header| header.revision());
    Ok(Numbering::new(FORMAT, base).at(revision, 0))
}

fn size(entry: &Entry) -> usize {
    entry.key.len() + entry.value.len()
}
