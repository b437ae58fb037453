//! The documents that are made, kept compressed.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::kinds::Row;

/// Before the names of the documents of version 3.
pub const V3: &str = "v3/";

/// A finished document.
#[derive(Clone)]
pub struct Document {
    pub gzip: Bytes,
    /// Of the uncompressed form, upper-case hexadecimal.
    pub hash: Arc<str>,
    pub content_type: &'static str,
}

/// The documents made so far, each with the rows that it describes: kept alive, so that their addresses are what they are.
/// A kind that comes, changes or goes has the documents made anew that show it, and no others.
#[derive(Default)]
pub struct Cache(Mutex<HashMap<String, Made>>);

struct Made {
    of: Vec<Arc<Row>>,
    document: Document,
}

impl Cache {
    pub fn get(&self, rows: &[Arc<Row>], name: &str, build: impl FnOnce() -> Option<Document>) -> Option<Document> {
        let mut made = self.0.lock();
        if let Some(Made { of, document }) = made.get(name)
            && of.len() == rows.len()
            && of.iter().zip(rows).all(|(a, b)| Arc::ptr_eq(a, b))
        {
            return Some(document.clone());
        }
        let document = build()?;
        made.insert(name.to_string(), Made { of: rows.to_vec(), document: document.clone() });
        Some(document)
    }

    /// Forgets the documents of groups that are gone.
    pub fn retain(&self, names: &HashSet<String>) {
        self.0.lock().retain(|name, _| !name.starts_with(V3) || names.contains(name));
    }
}

pub fn compress(body: &[u8], content_type: &'static str) -> Option<Document> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(body).ok()?;
    Some(Document {
        gzip: encoder.finish().ok()?.into(),
        hash: hex::encode_upper(Sha256::digest(body)).into(),
        content_type,
    })
}
