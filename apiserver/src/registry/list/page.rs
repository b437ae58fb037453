//! Pages: some objects of a snapshot, and the token that finds the rest of the same snapshot.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use timonier_api::status::Status;
use timonier_store::{Key, Revision, Snapshot};

use crate::object::Object;
use crate::registry::select::Selection;

pub struct Page {
    pub objects: Vec<Arc<Object>>,
    /// The last key of this page, when more follow.
    pub next: Option<String>,
    /// How many follow; unknown when selectors are used.
    pub remaining: Option<usize>,
}

/// Up to `limit` matching objects (0: all) behind the key `after`.
pub fn take(snapshot: &Snapshot, selection: &Selection, after: Option<&str>, limit: usize) -> Result<Page, Status> {
    let mut page = Page { objects: vec![], next: None, remaining: None };
    if let (Some(name), None) = (&selection.name, after) {
        if let Some(entry) = snapshot.get(&format!("{}{name}", selection.prefix)) {
            let object = Object::of(entry)?;
            if selection.matches(&object) {
                page.objects.push(object);
            }
        }
        return Ok(page);
    }
    let after = after.map(Key::from);
    let all = selection.is_all();
    let mut entries = snapshot.range(&selection.prefix, after.as_ref());
    let mut last: Option<&Key> = None;
    while let Some(entry) = entries.next() {
        let object = Object::of(entry)?;
        if !all && !selection.matches(&object) {
            continue;
        }
        if limit > 0 && page.objects.len() == limit {
            page.next = last.map(Key::to_string);
            page.remaining = all.then(|| 1 + entries.count());
            break;
        }
        last = Some(&entry.key);
        page.objects.push(object);
    }
    Ok(page)
}

/// Where a list goes on. Opaque to clients.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// `None`: at whatever is newest.
    #[serde(rename = "rv", default, skip_serializing_if = "Option::is_none", with = "number")]
    pub revision: Option<Revision>,
    /// The last key that was listed.
    #[serde(rename = "start")]
    pub after: String,
}

mod number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use timonier_store::Revision;

    pub fn serialize<S: Serializer>(revision: &Option<Revision>, serializer: S) -> Result<S::Ok, S::Error> {
        revision.map(|r| r.0).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Revision>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Revision))
    }
}

impl Token {
    pub fn at(revision: Revision, after: &str) -> Token {
        Token { revision: Some(revision), after: after.to_string() }
    }

    pub fn parse(text: &str) -> Result<Token, Status> {
        URL_SAFE_NO_PAD
            .decode(text.trim_end_matches('='))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| Status::bad_request("continue key is not valid: it was not made by this API"))
    }

    /// The 410 that offers to go on at the newest state instead.
    pub fn expired(self) -> Status {
        let mut status = Status::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter, or use the continue token in this response to retrieve the remainder of \
             the results. Continuing with the provided token results in an inconsistent list - objects that were \
             created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        );
        status.metadata.continue_ = Token { revision: None, after: self.after }.to_string();
        status
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_was() {
        let token = Token::at(Revision(7), "pods/a/b");
        assert_eq!(Token::parse(&token.to_string()).ok(), Some(token));
        assert!(Token::parse("nonsense").is_err());
        let offered = Token::at(Revision(7), "pods/a/b").expired().metadata.continue_;
        assert_eq!(Token::parse(&offered).expect("is a token").revision, None);
    }
}
