//! What is stored: keys, entries and the events that change them.

use std::any::Any;
use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use crate::memo::Memo;
use crate::value::Value;

/// A point in the store's history. One counter for the whole store; it is what clients see as
/// `resourceVersion`. An empty store is already at a revision above zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl Revision {
    pub(crate) fn next(self) -> Revision {
        Revision(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl FromStr for Revision {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Revision)
    }
}

/// A key: path segments joined by `/`, ordered as bytes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    pub fn new(key: impl Into<Arc<str>>) -> Key {
        Key(key.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Key {
    fn from(key: &str) -> Key {
        Key::new(key)
    }
}

impl From<String> for Key {
    fn from(key: String) -> Key {
        Key::new(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// One key's value at one revision. Immutable, shared by everybody who reads it.
pub struct Entry {
    pub key: Key,
    /// The revision that last wrote this value.
    pub revision: Revision,
    /// The revision that created the key (since it was last absent).
    pub created: Revision,
    pub value: Value,
    /// A secondary name that watchers may filter by.
    pub tag: Option<Arc<str>>,
    memo: Memo,
}

impl Entry {
    pub(crate) fn new(
        key: Key,
        revision: Revision,
        created: Revision,
        value: impl Into<Value>,
        tag: Option<Arc<str>>,
    ) -> Entry {
        Entry { key, revision, created, value: value.into(), tag, memo: Memo::default() }
    }

    /// The value in decoded form: decoded by the first reader, shared by all later ones.
    ///
    /// An entry remembers one type; a reader that asks for a second one decodes for itself.
    pub fn view<T: Any + Send + Sync>(&self, decode: impl FnOnce(&Entry) -> T) -> Arc<T> {
        self.memo.get(|| decode(self))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.key == other.key
            && self.revision == other.revision
            && self.created == other.created
            && self.value == other.value
            && self.tag == other.tag
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}@{:?}({} bytes, created {:?}, tag {:?})",
            self.key,
            self.revision,
            self.value.len(),
            self.created,
            self.tag
        )
    }
}

/// One key's change at one revision. A transaction on several keys makes several events with the
/// same revision.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub revision: Revision,
    pub key: Key,
    /// The entry before; `None` when the key was created.
    pub previous: Option<Arc<Entry>>,
    /// The entry now; `None` when the key was deleted.
    pub current: Option<Arc<Entry>>,
}

impl Event {
    /// Roughly the memory that this event keeps alive, in bytes, but for the previous value.
    pub(crate) fn weight(&self) -> usize {
        const OVERHEAD: usize = 256;
        OVERHEAD + self.key.len() + self.current.as_ref().map_or(0, |entry| entry.value.own_len())
    }
}
