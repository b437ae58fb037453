//! The engine without persistence. Its history is what the hub holds in memory.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use parking_lot::Mutex;

use crate::engine::{Chunk, Engine};
use crate::floors::Floors;
use crate::hub::Hub;
use crate::pool::Pool;
use crate::snapshot::Entries;
use crate::stage::Stage;
use crate::tail::Tail;
use crate::timeline::{self, Timeline};
use crate::{CommitError, Options, ReadError, Revision, Snapshot, Txn};

pub(crate) struct Memory {
    hub: Arc<Hub>,
    stage: Mutex<Stage>,
    txn_bytes: usize,
}

impl Memory {
    pub(crate) fn open(options: &Options) -> (Arc<Hub>, Memory) {
        let empty = Snapshot::new(Revision(1), Entries::new());
        let tail = Tail::new(Revision(1), options.tail_events, options.tail_bytes);
        let hub = Arc::new(Hub::new(empty.clone(), Floors::new(Revision(1), vec![]), tail, Timeline::default()));
        let memory = Memory {
            hub: hub.clone(),
            stage: Mutex::new(Stage::new(&empty, Pool::new(options.parts))),
            txn_bytes: options.txn_bytes,
        };
        (hub, memory)
    }

    fn commit_now(&self, txn: Txn) -> Result<Revision, CommitError> {
        if self.hub.is_closed() {
            return Err(CommitError::Unavailable("the store was closed".to_owned()));
        }
        txn.validate(self.txn_bytes)?;
        let mut stage = self.stage.lock();
        let events = stage.apply(txn)?;
        if !events.is_empty() {
            self.hub.publish(stage.snapshot(), events);
            self.hub.note_time(timeline::now(), stage.revision());
            self.hub.raise_oldest(self.hub.floor());
        }
        Ok(stage.revision())
    }
}

impl Engine for Memory {
    fn commit(&self, txn: Txn) -> BoxFuture<'static, Result<Revision, CommitError>> {
        ready(self.commit_now(txn)).boxed()
    }

    fn newest(&self) -> BoxFuture<'static, Result<Revision, ReadError>> {
        ready(Ok(self.hub.revision())).boxed()
    }

    fn history(&self, _: Revision, _: Revision, _: &str) -> BoxFuture<'static, Result<Chunk, ReadError>> {
        let oldest = self.hub.oldest();
        ready(Err(ReadError::Compacted { oldest })).boxed()
    }

    fn compact(&self, before: Revision) -> BoxFuture<'static, Result<(), ReadError>> {
        self.hub.forget(before);
        self.hub.raise_oldest(before);
        ready(Ok(())).boxed()
    }

    fn size(&self) -> BoxFuture<'static, Result<u64, ReadError>> {
        let snapshot = self.hub.snapshot();
        let size = snapshot.entries().values().map(|entry| (entry.key.len() + entry.value.len()) as u64).sum();
        ready(Ok(size)).boxed()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}
