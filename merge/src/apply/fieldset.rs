//! Sets of field paths, kept as a tree with one node an element, and their stored form `FieldsV1`.

use std::cmp::Ordering;

use serde_json::Value;

use super::element;

mod text;

pub(super) use text::write_element;

/// A set of paths. The node's own path is in the set if it is `owned`; invariant: no node without a path below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    owned: bool,
    /// Sorted by element. Objects are walked in that order, so almost every insertion is at the end.
    children: Vec<(Box<str>, FieldSet)>,
}

impl FieldSet {
    /// The set of nothing but the path of this node.
    pub(super) fn this() -> FieldSet {
        FieldSet { owned: true, children: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        !self.owned && self.children.is_empty()
    }

    /// Whether the path of this node itself is in the set.
    pub(super) fn owned(&self) -> bool {
        self.owned
    }

    pub(super) fn own(&mut self) {
        self.owned = true;
    }

    pub(super) fn disown(&mut self) {
        self.owned = false;
    }

    pub(super) fn child(&self, element: &str) -> Option<&FieldSet> {
        let at = self.place(element).ok()?;
        Some(&self.children[at].1)
    }

    pub(super) fn children(&self) -> impl Iterator<Item = (&str, &FieldSet)> {
        self.children.iter().map(|(element, child)| (&**element, child))
    }

    fn place(&self, element: &str) -> Result<usize, usize> {
        match self.children.last() {
            Some((last, _)) if **last < *element => Err(self.children.len()),
            _ => self.children.binary_search_by(|(name, _)| (**name).cmp(element)),
        }
    }

    /// Adds what is below `element`; nothing if that is empty.
    pub(super) fn insert(&mut self, element: Box<str>, below: FieldSet) {
        if below.is_empty() {
            return;
        }
        match self.place(&element) {
            Ok(at) => self.children[at].1.unite(&below),
            Err(at) => self.children.insert(at, (element, below)),
        }
    }

    /// The set of what is below these elements, which may come in any order and more than once. A list of many
    /// thousand items must not cost an insertion in the middle for each.
    pub(super) fn below(mut children: Vec<(Box<str>, FieldSet)>) -> FieldSet {
        children.sort_by(|a, b| a.0.cmp(&b.0));
        let mut set = FieldSet::default();
        for (element, child) in children {
            set.insert(element, child);
        }
        set
    }

    /// Adds all of `other`.
    pub(super) fn unite(&mut self, other: &FieldSet) {
        self.owned |= other.owned;
        for (element, theirs) in &other.children {
            match self.place(element) {
                Ok(at) => self.children[at].1.unite(theirs),
                Err(at) => self.children.insert(at, (element.clone(), theirs.clone())),
            }
        }
    }

    /// Removes all of `other`.
    pub(super) fn subtract(&mut self, other: &FieldSet) {
        self.owned &= !other.owned;
        let mut theirs = other.children.iter().peekable();
        self.children.retain_mut(|(element, ours)| {
            while theirs.next_if(|(name, _)| name < element).is_some() {}
            if let Some((_, below)) = theirs.next_if(|(name, _)| name == element) {
                ours.subtract(below);
            }
            !ours.is_empty()
        });
    }

    /// What both have.
    pub(super) fn intersection(&self, other: &FieldSet) -> FieldSet {
        let mut both = FieldSet { owned: self.owned && other.owned, children: Vec::new() };
        let (mut ours, mut theirs) = (self.children.iter(), other.children.iter());
        let (mut a, mut b) = (ours.next(), theirs.next());
        while let (Some((x, left)), Some((y, right))) = (a, b) {
            match x.cmp(y) {
                Ordering::Less => a = ours.next(),
                Ordering::Greater => b = theirs.next(),
                Ordering::Equal => {
                    both.insert(x.clone(), left.intersection(right));
                    (a, b) = (ours.next(), theirs.next());
                }
            }
        }
        both
    }

    /// Whether the set that is stored as `fields` has a path of this one. Saves decoding what a write leaves alone.
    pub(super) fn touches(&self, fields: &Value) -> bool {
        let stored = match fields {
            Value::Object(stored) => stored,
            // Reading the text is all that could be saved.
            Value::String(_) => return true,
            _ => return false,
        };
        if self.owned && (stored.is_empty() || stored.contains_key(".")) {
            return true;
        }
        let below = |(element, child): &(Box<str>, FieldSet)| {
            stored.get(&**element).is_some_and(|fields| child.touches(fields))
        };
        self.children.iter().any(below)
    }

    /// Whether `fields` is what [`FieldSet::encode`] makes of this set.
    pub(super) fn is_stored_as(&self, fields: &Value) -> bool {
        let stored = match fields {
            Value::Object(stored) => stored,
            Value::String(text) => return self.encode() == *text,
            _ => return false,
        };
        let dot = usize::from(self.owned && !self.children.is_empty());
        stored.len() == self.children.len() + dot
            && (dot == 0 || stored.contains_key("."))
            && self
                .children
                .iter()
                .all(|(element, child)| stored.get(&**element).is_some_and(|below| child.is_stored_as(below)))
    }

    /// Removes `element` and all below it.
    pub(super) fn remove(&mut self, element: &str) {
        if let Ok(at) = self.place(element) {
            self.children.remove(at);
        }
    }

    /// Every path in the set as Kubernetes writes it: `.spec.template.spec.containers[name="web"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(&mut String::new(), &mut paths);
        paths
    }

    fn collect(&self, prefix: &mut String, paths: &mut Vec<String>) {
        if self.owned {
            paths.push(prefix.clone());
        }
        for (element, child) in &self.children {
            let length = prefix.len();
            prefix.push_str(&element::display(element));
            child.collect(prefix, paths);
            prefix.truncate(length);
        }
    }

    /// `FieldsV1`: a tree of objects in which `{}` and `{".": {}, …}` are paths of the set. As text: compact, its
    /// names sorted.
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(1024);
        text::write(&mut text, self);
        text
    }

    /// The reverse of [`FieldSet::encode`], of text or of the same as JSON; `None` if `fields` is no `FieldsV1`.
    pub fn decode(fields: &Value) -> Option<FieldSet> {
        if let Value::String(text) = fields {
            return text::read(text);
        }
        let mut set = FieldSet::default();
        for (name, below) in fields.as_object()? {
            if name == "." {
                set.owned = true;
                continue;
            }
            let mut child = FieldSet::decode(below)?;
            if child.children.is_empty() {
                child.owned = true;
            }
            set.insert(element::decode(name.as_str().into())?, child);
        }
        Some(set)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(fields: Value) -> FieldSet {
        FieldSet::decode(&fields).expect("is FieldsV1")
    }

    #[test]
    fn what_is_decoded_is_encoded_again_as_it_was() {
        let stored = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}, "f:finalizers": {"v:\"a\"": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}},
        });
        let encoded = set(stored.clone()).encode();
        assert_eq!(encoded, stored.to_string());
        for stored in [stored, Value::String(encoded)] {
            assert_eq!(FieldSet::decode(&stored), Some(set(stored.clone())));
            assert!(set(stored.clone()).is_stored_as(&stored));
        }
    }

    #[test]
    fn a_set_is_not_stored_as_another() {
        let ours = set(json!({"f:a": {".": {}, "f:b": {}}}));
        for other in [
            json!({"f:a": {"f:b": {}}}),
            json!({"f:a": {}}),
            json!({"f:a": {".": {}, "f:c": {}}}),
            json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}}),
        ] {
            assert!(!ours.is_stored_as(&other), "{other}");
        }
    }

    #[test]
    fn keys_have_one_form_however_they_were_written() {
        let loose = json!({"f:ports": {"k:{ \"protocol\": \"TCP\", \"port\": 80 }": {}}});
        let tight = json!({"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {}}});
        assert_eq!(set(loose).encode(), tight.to_string());
    }

    #[test]
    fn what_is_no_field_set_is_not_decoded() {
        for bad in [json!([]), json!({"spec": {}}), json!({"f:a": 1}), json!({"k:{": {}}), json!({"é": {}})] {
            assert_eq!(FieldSet::decode(&bad), None, "{bad}");
        }
    }

    #[test]
    fn paths_are_written_as_conflicts_name_them() {
        let paths = set(json!({
            "f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}}}},
            "f:metadata": {"f:finalizers": {"v:\"a\"": {}}},
        }))
        .paths();
        assert_eq!(
            paths,
            [
                r#".metadata.finalizers[="a"]"#,
                r#".spec.ports[port=80,protocol="TCP"]"#,
                r#".spec.ports[port=80,protocol="TCP"].name"#,
            ]
        );
    }

    #[test]
    fn a_stored_set_is_touched_where_both_have_a_path_and_not_where_one_only_leads_through() {
        let stored = json!({"f:a": {"f:b": {}}, "f:c": {".": {}, "f:d": {}}});
        for (fields, touched) in [
            (json!({"f:a": {"f:b": {}}}), true),
            (json!({"f:c": {}}), true),
            (json!({"f:a": {}}), false),
            (json!({"f:c": {"f:e": {}}}), false),
            (json!({}), false),
        ] {
            assert_eq!(set(fields.clone()).touches(&stored), touched, "{fields}");
            assert_eq!(!set(fields.clone()).intersection(&set(stored.clone())).is_empty(), touched, "{fields}");
        }
    }

    #[test]
    fn difference_and_intersection_share_out_a_set_and_union_puts_it_together() {
        let all = set(json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}}));
        let some = set(json!({"f:a": {"f:b": {}}, "f:d": {}}));
        let mut rest = all.clone();
        rest.subtract(&some);
        assert_eq!(rest.paths(), [".a", ".c"]);
        let shared = all.intersection(&some);
        assert_eq!(shared.paths(), [".a.b"]);
        rest.unite(&shared);
        assert_eq!(rest, all);
        let mut nothing = all.clone();
        nothing.subtract(&all);
        assert!(nothing.is_empty());
    }
}
