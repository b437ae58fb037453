//! Objects of which only some fields are sent, to watchers for whom whole ones are too much.
//!
//! Asked for by `Accept: application/json;as=PartialObject;g=timonier.dev;v=v1` and the query
//! `fields=spec.nodeName,status.phase`. A server that does not know this passes over that clause of the header, so
//! that clients name whole objects as their second choice.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use timonier_api::status::Status;

/// Sent whatever was asked for: without these nobody could tell which object it is.
const ALWAYS: [&str; 6] =
    ["apiVersion", "kind", "metadata.name", "metadata.namespace", "metadata.resourceVersion", "metadata.uid"];
/// More than any kind has fields of use; longer lists are refused.
const MOST: usize = 100;

/// Which fields are sent. Paths go through lists: `spec.containers.name` is the name of each container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    /// Empty: everything from here on.
    below: BTreeMap<String, Projection>,
}

impl Projection {
    /// Reads `fields`: paths with dots between their parts and commas between them; `\.` is a dot inside a part.
    pub fn parse(fields: Option<&str>) -> Result<Projection, Status> {
        let Some(fields) = fields else {
            return Err(Status::bad_request(
                "fields: Required value: name what is to be sent, as in fields=spec.nodeName,status.phase",
            ));
        };
        let mut projection = Projection::default();
        if fields.split(',').count() > MOST {
            return Err(Status::bad_request(format!("fields: Too many: must have at most {MOST} fields")));
        }
        for path in ALWAYS.into_iter().chain(fields.split(',')) {
            let parts = parts(path);
            if parts.iter().any(String::is_empty) {
                let why = "must be names with dots between them, as in status.phase";
                return Err(Status::bad_request(format!("fields: Invalid value: {path:?}: {why}")));
            }
            projection.add(&parts);
        }
        Ok(projection)
    }

    fn add(&mut self, path: &[String]) {
        let Some((first, rest)) = path.split_first() else {
            return self.below.clear();
        };
        match self.below.get_mut(first) {
            // Everything below is sent already.
            Some(known) if known.below.is_empty() => {}
            Some(known) => known.add(rest),
            None => {
                let mut below = Projection::default();
                below.add(rest);
                self.below.insert(first.clone(), below);
            }
        }
    }

    /// The fields of `value` that were asked for and are there.
    pub fn of(&self, value: Value) -> Value {
        if self.below.is_empty() {
            return value;
        }
        match value {
            Value::Object(mut fields) => {
                let kept = self.below.iter().filter_map(|(name, below)| {
                    let (name, value) = fields.remove_entry(name)?;
                    Some((name, below.of(value)))
                });
                Value::Object(kept.collect::<Map<_, _>>())
            }
            Value::Array(items) => items.into_iter().map(|item| self.of(item)).collect(),
            // A text or number where the path goes deeper has no such field.
            _ => Value::Null,
        }
    }
}

fn parts(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' => parts.push(String::new()),
            '\\' => parts.last_mut().into_iter().for_each(|part| part.extend(characters.next())),
            other => parts.last_mut().into_iter().for_each(|part| part.push(other)),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_asked_for_is_sent_with_what_tells_objects_apart() {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "b", "uid": "c", "resourceVersion": "7",
                "labels": {"app": "web", "example.com/tier": "front"}, "managedFields": [{}]},
            "spec": {"nodeName": "n", "containers": [{"name": "x", "image": "i", "ports": []}, {"name": "y"}]},
            "status": {"phase": "Running", "podIP": "10.0.0.1"},
        });
        let identity = json!({"name": "a", "namespace": "b", "uid": "c", "resourceVersion": "7"});
        let with = |more: Value| {
            let mut all = json!({"apiVersion": "v1", "kind": "Pod", "metadata": identity});
            put_into(&mut all, more);
            all
        };
        let cases = [
            ("status.phase", with(json!({"status": {"phase": "Running"}}))),
            ("spec.containers.name", with(json!({"spec": {"containers": [{"name": "x"}, {"name": "y"}]}}))),
            // The whole wins over its parts, in either order.
            ("status,status.phase", with(json!({"status": {"phase": "Running", "podIP": "10.0.0.1"}}))),
            ("status.phase,status", with(json!({"status": {"phase": "Running", "podIP": "10.0.0.1"}}))),
            (
                "metadata.labels.example\\.com/tier",
                with(json!({"metadata": {"labels": {"example.com/tier": "front"}}})),
            ),
            ("spec.nothing", with(json!({"spec": {}}))),
            ("spec.nodeName.more", with(json!({"spec": {"nodeName": null}}))),
        ];
        for (fields, expected) in cases {
            let projection = Projection::parse(Some(fields)).unwrap();
            assert_eq!(projection.of(object.clone()), expected, "{fields}");
        }
    }

    /// As a merge patch without nulls' meaning.
    fn put_into(object: &mut Value, more: Value) {
        match (object, more) {
            (Value::Object(object), Value::Object(more)) => {
                for (name, value) in more {
                    put_into(object.entry(name).or_insert(Value::Null), value);
                }
            }
            (object, more) => *object = more,
        }
    }

    #[test]
    fn paths_that_are_none_are_refused() {
        let message = |fields| Projection::parse(fields).unwrap_err().message;
        assert!(message(None).contains("fields: Required value"), "{}", message(None));
        for bad in ["a..b", ".a", "a.", "a,,b", ","] {
            assert!(message(Some(bad)).contains("fields: Invalid value"), "{bad}");
        }
        let many = vec!["a"; MOST + 1].join(",");
        assert!(message(Some(&many)).contains("Too many"));
    }
}
