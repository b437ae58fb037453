//! Sets of field paths, kept as a tree with one node an element, and their stored form `FieldsV1`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Map, Value};

use super::element;

/// A set of paths. The node's own path is in the set if it is `owned`; invariant: no node without a path below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    owned: bool,
    children: BTreeMap<Box<str>, FieldSet>,
}

impl FieldSet {
    /// The set of nothing but the path of this node.
    pub(super) fn this() -> FieldSet {
        FieldSet { owned: true, children: BTreeMap::new() }
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
        self.children.get(element)
    }

    pub(super) fn children(&self) -> impl Iterator<Item = (&str, &FieldSet)> {
        self.children.iter().map(|(element, child)| (&**element, child))
    }

    /// Adds what is below `element`; nothing if that is empty.
    pub(super) fn insert(&mut self, element: Box<str>, below: FieldSet) {
        if below.is_empty() {
            return;
        }
        match self.children.entry(element) {
            Entry::Vacant(place) => {
                place.insert(below);
            }
            Entry::Occupied(mut place) => place.get_mut().unite(&below),
        }
    }

    /// Adds all of `other`.
    pub(super) fn unite(&mut self, other: &FieldSet) {
        self.owned |= other.owned;
        for (element, theirs) in &other.children {
            match self.children.get_mut(element) {
                Some(ours) => ours.unite(theirs),
                None => {
                    self.children.insert(element.clone(), theirs.clone());
                }
            }
        }
    }

    /// Removes all of `other`.
    pub(super) fn subtract(&mut self, other: &FieldSet) {
        self.owned &= !other.owned;
        for (element, theirs) in &other.children {
            if let Some(ours) = self.children.get_mut(element) {
                ours.subtract(theirs);
                if ours.is_empty() {
                    self.children.remove(element);
                }
            }
        }
    }

    /// What both have.
    pub(super) fn intersection(&self, other: &FieldSet) -> FieldSet {
        let mut both = FieldSet { owned: self.owned && other.owned, children: BTreeMap::new() };
        for (element, theirs) in &other.children {
            if let Some(ours) = self.children.get(element) {
                both.insert(element.clone(), ours.intersection(theirs));
            }
        }
        both
    }

    /// Removes `element` and all below it.
    pub(super) fn remove(&mut self, element: &str) {
        self.children.remove(element);
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

    /// `FieldsV1`: a tree of objects in which `{}` and `{".": {}, …}` are paths of the set.
    pub fn encode(&self) -> Value {
        let mut node = Map::new();
        if self.owned && !self.children.is_empty() {
            node.insert(".".into(), Value::Object(Map::new()));
        }
        for (element, child) in &self.children {
            node.insert(element.to_string(), child.encode());
        }
        Value::Object(node)
    }

    /// The reverse of [`FieldSet::encode`]; `None` if `fields` is no `FieldsV1`.
    pub fn decode(fields: &Value) -> Option<FieldSet> {
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
            set.insert(element::decode(name)?, child);
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
        assert_eq!(set(stored.clone()).encode(), stored);
    }

    #[test]
    fn keys_have_one_form_however_they_were_written() {
        let loose = json!({"f:ports": {"k:{ \"protocol\": \"TCP\", \"port\": 80 }": {}}});
        let tight = json!({"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {}}});
        assert_eq!(set(loose).encode(), tight);
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
