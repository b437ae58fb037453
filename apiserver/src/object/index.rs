//! The small index that stands before an object's JSON.

use std::collections::BTreeMap;

use serde_json::Value;

use super::meta;
use crate::kinds::Row;

/// What selectors, lists and the garbage collector want to know of an object without parsing it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    pub name: String,
    pub namespace: String,
    pub labels: BTreeMap<String, String>,
    /// The kind's selectable fields, besides name and namespace.
    pub fields: Vec<(String, String)>,
    /// The uids of the owners.
    pub owners: Vec<String>,
}

impl Index {
    pub fn of(object: &Value, row: &Row) -> Index {
        Index {
            name: meta::text(object, "name").to_string(),
            namespace: meta::text(object, "namespace").to_string(),
            labels: meta::labels(object),
            fields: row.hooks.fields(object).into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
            owners: object["metadata"]["ownerReferences"]
                .as_array()
                .map(|owners| owners.iter().filter_map(|o| o["uid"].as_str()).map(str::to_string).collect())
                .unwrap_or_default(),
        }
    }

    /// The value that a field selector compares with; an unset field is empty.
    pub fn field(&self, name: &str) -> &str {
        match name {
            "metadata.name" => &self.name,
            "metadata.namespace" => &self.namespace,
            _ => self.fields.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v),
        }
    }

    /// Lists of strings, each with its length before it.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        write(&mut out, &self.name);
        write(&mut out, &self.namespace);
        write_length(&mut out, self.labels.len());
        for (key, value) in &self.labels {
            write(&mut out, key);
            write(&mut out, value);
        }
        write_length(&mut out, self.fields.len());
        for (key, value) in &self.fields {
            write(&mut out, key);
            write(&mut out, value);
        }
        write_length(&mut out, self.owners.len());
        for owner in &self.owners {
            write(&mut out, owner);
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Index, String> {
        let mut reader = Reader(bytes);
        let mut index = Index { name: reader.text()?, namespace: reader.text()?, ..Index::default() };
        for _ in 0..reader.length()? {
            let key = reader.text()?;
            index.labels.insert(key, reader.text()?);
        }
        for _ in 0..reader.length()? {
            index.fields.push((reader.text()?, reader.text()?));
        }
        for _ in 0..reader.length()? {
            index.owners.push(reader.text()?);
        }
        Ok(index)
    }
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&(length as u32).to_le_bytes());
}

fn write(out: &mut Vec<u8>, text: &str) {
    write_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Result<&[u8], String> {
        if self.0.len() < length {
            return Err("the index is cut short".to_string());
        }
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }

    fn length(&mut self) -> Result<usize, String> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| "the index is not UTF-8".to_string())
    }
}
