//! Our store as a whole: its log, its checkpoints, and the objects in memory that its readers and watchers see.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use timonier_store::{Key, Op, Options, Store, StoreUrl, Txn};
use tokio::runtime::Runtime;

use crate::engine::{Engine, Record};
use crate::load::VALUE;

pub struct Timonier {
    runtime: Runtime,
    store: Store,
}

impl Timonier {
    pub fn open(dir: &Path, window: u64) -> Result<Timonier> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
        let history_bytes = window * VALUE as u64;
        // Smaller files for a small load, so that it too sees checkpoints and dropped history.
        let part = (history_bytes / 4).clamp(4 << 20, 64 << 20);
        let defaults = Options::default();
        let options = Options {
            history_bytes,
            window: Duration::from_secs(3600),
            segment_bytes: part.min(defaults.segment_bytes),
            checkpoint_bytes: part.min(defaults.checkpoint_bytes),
            ..defaults
        };
        let store = runtime.block_on(Store::open(&StoreUrl::File(dir.join("store")), options))?;
        Ok(Timonier { runtime, store })
    }
}

impl Engine for Timonier {
    /// History is dropped by the store itself, by its size.
    fn commit(&mut self, records: &[Record], _removed: &[u64]) -> Result<()> {
        let put = |record: &Record| Op::Put {
            key: Key::from(record.key),
            value: Bytes::copy_from_slice(record.value),
            tag: None,
        };
        let txn = Txn { conditions: Vec::new(), ops: records.iter().map(put).collect() };
        self.runtime.block_on(self.store.commit(txn))?;
        Ok(())
    }

    fn read(&mut self, each: &mut dyn FnMut(Option<u64>, &[u8], &[u8])) -> Result<()> {
        for entry in self.store.snapshot().range("", None) {
            each(None, entry.key.as_bytes(), &entry.value.to_bytes());
        }
        Ok(())
    }
}
