//! The aggregated documents, made once for each table of kinds.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::kinds::Table;

/// The aggregated documents of the table in force, by path and version.
#[derive(Default)]
pub struct Cache(Mutex<Made>);

#[derive(Default)]
struct Made {
    /// Kept alive, so that its address is what it is.
    table: Option<Arc<Table>>,
    documents: HashMap<(&'static str, &'static str), Document>,
}

#[derive(Clone)]
pub struct Document {
    pub body: Bytes,
    pub etag: String,
}

impl Cache {
    pub fn get(
        &self,
        table: &Arc<Table>,
        path: &'static str,
        version: &'static str,
        build: impl FnOnce() -> Value,
    ) -> Document {
        let mut made = self.0.lock();
        if !made.table.as_ref().is_some_and(|known| Arc::ptr_eq(known, table)) {
            *made = Made { table: Some(table.clone()), documents: HashMap::new() };
        }
        let document = made.documents.entry((path, version)).or_insert_with(|| {
            let body = Bytes::from(build().to_string());
            let etag = format!("\"{}\"", hex::encode_upper(Sha256::digest(&body)));
            Document { body, etag }
        });
        document.clone()
    }
}
