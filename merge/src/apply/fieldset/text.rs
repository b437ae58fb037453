//! Sets as the text in which they are stored, without a tree of JSON in between.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::FieldSet;
use crate::apply::element;

pub(super) fn write(out: &mut String, set: &FieldSet) {
    out.push('{');
    if set.owned && !set.children.is_empty() {
        // Sorts before all elements.
        out.push_str(r#"".":{},"#);
    }
    for (position, (element, child)) in set.children.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_element(out, "", element);
        out.push(':');
        write(out, child);
    }
    out.push('}');
}

/// Writes an element, or a name with what goes before it in one, as a JSON string.
pub(in crate::apply) fn write_element(out: &mut String, prefix: &str, text: &str) {
    if text.bytes().any(|byte| byte < b' ') {
        out.push_str(&serde_json::Value::from(format!("{prefix}{text}")).to_string());
        return;
    }
    out.push('"');
    out.push_str(prefix);
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\']) {
        out.push_str(&rest[..at]);
        out.push('\\');
        out.push_str(&rest[at..at + 1]);
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// `None`: this is no set.
pub(super) fn read(text: &str) -> Option<FieldSet> {
    serde_json::from_str(text).ok()
}

impl<'de> Deserialize<'de> for FieldSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FieldSet, D::Error> {
        deserializer.deserialize_map(Node)
    }
}

struct Node;

impl<'de> Visitor<'de> for Node {
    type Value = FieldSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FieldsV1")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<FieldSet, A::Error> {
        let mut set = FieldSet::default();
        while let Some(name) = entries.next_key::<Box<str>>()? {
            let mut child: FieldSet = entries.next_value()?;
            if &*name == "." {
                set.owned = true;
                continue;
            }
            if child.children.is_empty() {
                child.owned = true;
            }
            let element = element::decode(name).ok_or_else(|| A::Error::custom("no path element"))?;
            set.insert(element, child);
        }
        Ok(set)
    }
}
