//! What a watcher wants to see.

use std::sync::Arc;

use crate::Event;

/// Selects events by key and, optionally, by tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    /// `""` for everything, `"pods/"`, `"pods/default/"`, or a whole key when `exact`.
    pub prefix: Arc<str>,
    pub exact: bool,
    /// Only entries with this tag, in their old or their new value: a watcher must also learn
    /// that an entry has left it.
    pub tag: Option<Arc<str>>,
}

impl Filter {
    pub fn prefix(prefix: impl Into<Arc<str>>) -> Filter {
        Filter { prefix: prefix.into(), exact: false, tag: None }
    }

    pub fn exact(key: impl Into<Arc<str>>) -> Filter {
        Filter { prefix: key.into(), exact: true, tag: None }
    }

    pub fn tagged(self, tag: impl Into<Arc<str>>) -> Filter {
        Filter { tag: Some(tag.into()), ..self }
    }

    pub fn matches(&self, event: &Event) -> bool {
        let key = event.key.as_str();
        let by_key = if self.exact { key == &*self.prefix } else { key.starts_with(&*self.prefix) };
        by_key
            && self.tag.as_ref().is_none_or(|tag| {
                let has =
                    |entry: &Option<Arc<crate::Entry>>| entry.as_ref().is_some_and(|e| e.tag.as_ref() == Some(tag));
                has(&event.previous) || has(&event.current)
            })
    }
}
