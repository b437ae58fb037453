//! The small index that stands before an object's JSON.
//!
//! Lists of strings, each with its length before it: name, namespace, labels (key, value), the kind's selectable fields
//! (name, value), the uids of the owners.

use bytes::Bytes;
use serde_json::Value;

use crate::kinds::{Row, json};
use crate::object::meta;

/// What selectors, lists and the garbage collector want to know of an object without parsing it. It stays as it is
/// stored, and shares its bytes with the entry.
#[derive(Clone, Debug)]
pub struct Index(Bytes);

impl Index {
    /// Appends the index of an object to `out`.
    pub(super) fn write(out: &mut Vec<u8>, object: &Value, row: &Row) {
        write(out, meta::text(object, "name"));
        write(out, meta::text(object, "namespace"));
        let labels = json::at(object, &["metadata", "labels"]).as_object();
        let labels = || labels.into_iter().flatten().filter_map(|(key, value)| Some((key, value.as_str()?)));
        write_length(out, labels().count());
        for (key, value) in labels() {
            write(out, key);
            write(out, value);
        }
        let fields = row.hooks.fields(object);
        write_length(out, fields.len());
        for (key, value) in &fields {
            write(out, key);
            write(out, value);
        }
        let owners = json::list(json::get(object, "metadata"), "ownerReferences");
        let owners = || owners.iter().filter_map(|owner| json::get(owner, "uid").as_str());
        write_length(out, owners().count());
        owners().for_each(|owner| write(out, owner));
    }

    /// Takes stored bytes for an index, if they are one.
    pub(super) fn read(bytes: Bytes) -> Result<Index, String> {
        let damaged = || "the index is damaged".to_string();
        let mut reader = Reader(&bytes);
        reader.skip(2).ok_or_else(damaged)?;
        for strings in [2, 2, 1] {
            let entries = reader.length().ok_or_else(damaged)?;
            let strings = entries.checked_mul(strings).ok_or_else(damaged)?;
            reader.skip(strings).ok_or_else(damaged)?;
        }
        Ok(Index(bytes))
    }

    pub fn name(&self) -> &str {
        Reader(&self.0).text().unwrap_or("")
    }

    pub fn namespace(&self) -> &str {
        let mut reader = Reader(&self.0);
        reader.text();
        reader.text().unwrap_or("")
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        let mut reader = Reader(&self.0);
        reader.skip(2);
        reader.find(key)
    }

    /// The value that a field selector compares with; an unset field is empty.
    pub fn field(&self, name: &str) -> &str {
        match name {
            "metadata.name" => self.name(),
            "metadata.namespace" => self.namespace(),
            _ => {
                let mut reader = Reader(&self.0);
                reader.skip(2);
                let labels = reader.length().unwrap_or(0);
                reader.skip(2 * labels);
                reader.find(name).unwrap_or("")
            }
        }
    }
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&(length as u32).to_le_bytes());
}

fn write(out: &mut Vec<u8>, text: &str) {
    write_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Reads on from some place. `None`: nothing of the kind is there.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn length(&mut self) -> Option<usize> {
        let bytes = self.take(4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn skip(&mut self, strings: usize) -> Option<()> {
        for _ in 0..strings {
            self.text()?;
        }
        Some(())
    }

    /// The value of `key` in the list of pairs that begins here.
    fn find(&mut self, key: &str) -> Option<&'a str> {
        for _ in 0..self.length()? {
            let found = self.text()? == key;
            let value = self.text()?;
            if found {
                return Some(value);
            }
        }
        None
    }
}
