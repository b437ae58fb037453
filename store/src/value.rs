//! Values as memory has them: parts that many values have are kept once.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// An immutable value. Cheap to clone.
///
/// It is one run of bytes, in which parts may stand that are shared with other values ([`Options::parts`](crate::Options)).
#[derive(Clone, Default)]
pub struct Value {
    /// All but the parts.
    own: Bytes,
    parts: Option<Arc<[Part]>>,
}

pub(crate) struct Part {
    /// How many of the own bytes precede it.
    pub(crate) at: u32,
    pub(crate) text: Arc<[u8]>,
}

impl Value {
    pub(crate) fn with_parts(own: Bytes, parts: Vec<Part>) -> Value {
        Value { own, parts: (!parts.is_empty()).then(|| parts.into()) }
    }

    fn parts(&self) -> &[Part] {
        self.parts.as_deref().unwrap_or_default()
    }

    /// How many bytes it is.
    pub fn len(&self) -> usize {
        self.own.len() + self.parts().iter().map(|part| part.text.len()).sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes no other value has.
    pub(crate) fn own_len(&self) -> usize {
        self.own.len()
    }

    /// The bytes, run by run.
    pub fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let parts = self.parts();
        let ends = parts.iter().map(|part| part.at as usize).chain([self.own.len()]);
        let mut start = 0;
        ends.enumerate().flat_map(move |(index, end)| {
            let own = &self.own[start..end];
            start = end;
            [own, parts.get(index).map_or(&[][..], |part| &part.text)]
        })
    }

    /// The bytes in one run: a copy if there are parts.
    pub fn to_bytes(&self) -> Bytes {
        if self.parts.is_none() {
            return self.own.clone();
        }
        let mut whole = Vec::with_capacity(self.len());
        self.runs().for_each(|run| whole.extend_from_slice(run));
        whole.into()
    }

    /// The own bytes before the first part: where what every value begins with is to be found.
    pub fn head(&self) -> Bytes {
        match self.parts().first() {
            Some(part) => self.own.slice(..part.at as usize),
            None => self.own.clone(),
        }
    }
}

impl From<Bytes> for Value {
    fn from(own: Bytes) -> Value {
        Value { own, parts: None }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (&self.parts, &other.parts) {
            (None, None) => self.own == other.own,
            _ => self.len() == other.len() && self.to_bytes() == other.to_bytes(),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_bytes())
    }
}
