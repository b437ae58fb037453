//! A simulated disk that fails on demand and loses what was never synced, and what must follow.
//!
//! - `disk`: the real files, with a record of what would be left of them after a power cut
//! - `failures`: one failure of each kind, and what is answered
//! - `power`: failures and power cuts at every kind of moment, checked against a model

mod disk;
mod failures;
mod model;
mod power;

use crate::embedded::Embedded;
use crate::engine::Engine;
use crate::hub::Hub;
use crate::{CommitError, Key, Op, Revision, Txn};

async fn put(engine: &Embedded, key: &str, value: &str) -> Result<Revision, CommitError> {
    let op = Op::Put { key: Key::new(key), value: value.to_owned().into(), tag: None };
    engine.commit(Txn { conditions: vec![], ops: vec![op] }).await
}

fn keys(hub: &Hub) -> Vec<String> {
    let snapshot = hub.snapshot();
    snapshot.range("", None).map(|e| e.key.to_string()).collect()
}
