//! The parts that values share, by content.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::value::{Part, Value};

/// Finds the parts of a value that others are likely to have too: ranges in order, none beginning before the one before it
/// has ended.
pub type FindParts = fn(&[u8]) -> Vec<Range<usize>>;

/// The texts are looked through for some that nobody has any more when there are twice as many as after the last time, and
/// at least so many.
const FEW: usize = 1024;

/// The texts of one store. A text that no value has any more goes at some later time, before there are twice as many texts.
pub(crate) struct Pool {
    find: FindParts,
    texts: Mutex<Texts>,
}

struct Texts {
    all: HashSet<Arc<[u8]>>,
    most: usize,
}

impl Pool {
    pub(crate) fn new(find: FindParts) -> Arc<Pool> {
        Arc::new(Pool { find, texts: Mutex::new(Texts { all: HashSet::new(), most: FEW }) })
    }

    /// A pool for values that share nothing.
    pub(crate) fn none() -> Arc<Pool> {
        Pool::new(|_| Vec::new())
    }

    /// These bytes, their parts shared with the values that have them already.
    pub(crate) fn value(&self, bytes: &[u8]) -> Value {
        let mut own = Vec::new();
        let mut parts = Vec::new();
        let mut done = 0;
        let found = (self.find)(bytes);
        let shared: usize = found.iter().map(Range::len).sum();
        own.reserve_exact(bytes.len().saturating_sub(shared));
        for range in found {
            let (Some(before), Some(text)) = (bytes.get(done..range.start), bytes.get(range.clone())) else {
                break;
            };
            own.extend_from_slice(before);
            parts.push(Part { at: own.len() as u32, text: self.text(text) });
            done = range.end;
        }
        own.extend_from_slice(&bytes[done..]);
        Value::with_parts(Bytes::from(own), parts)
    }

    fn text(&self, text: &[u8]) -> Arc<[u8]> {
        let mut texts = self.texts.lock();
        if let Some(known) = texts.all.get(text) {
            return known.clone();
        }
        if texts.all.len() >= texts.most {
            texts.all.retain(|text| Arc::strong_count(text) > 1);
            texts.most = FEW.max(2 * texts.all.len());
        }
        let new: Arc<[u8]> = text.into();
        texts.all.insert(new.clone());
        new
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("texts", &self.texts.lock().all.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in parentheses.
    fn parenthesized(bytes: &[u8]) -> Vec<Range<usize>> {
        let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'(').map(|(at, _)| at);
        starts.filter_map(|at| Some(at..at + 1 + bytes[at..].iter().position(|byte| *byte == b')')?)).collect()
    }

    #[test]
    fn a_value_is_what_it_was_made_from() {
        let pool = Pool::new(parenthesized);
        for text in ["", "a", "(a)", "a(b)c", "(a)(b)c", "x(", "a(b)(b)"] {
            let value = pool.value(text.as_bytes());
            assert_eq!(value.to_bytes(), text.as_bytes());
            assert_eq!(value.runs().collect::<Vec<_>>().concat(), text.as_bytes());
            assert_eq!(value.len(), text.len(), "{text}");
            assert_eq!(value, Value::from(Bytes::from(text)));
            assert!(text.as_bytes().starts_with(&value.head()));
        }
    }

    #[test]
    fn equal_parts_are_the_same_and_go_when_nobody_has_them() {
        let pool = Pool::new(parenthesized);
        let (a, b) = (pool.value(b"1(same)"), pool.value(b"2(same)3"));
        let part = |value: &Value| value.runs().nth(1).map(<[u8]>::as_ptr);
        assert_eq!(part(&a), part(&b));
        assert_eq!((a.own_len(), b.own_len()), (1, 2));
        for n in 0..10 * FEW {
            pool.value(format!("({n})").as_bytes());
        }
        let texts = pool.texts.lock();
        assert!(texts.all.len() <= FEW && texts.all.contains(&b"(same)"[..]));
    }
}
