//! Which fields of a pod spec are accepted without effect, and the warnings that say so. The list is a data file.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde_json::Value;

use crate::kinds::json;

static LIST: &str = include_str!("not_enforced.txt");
static TREE: LazyLock<Node> = LazyLock::new(|| Node::of(LIST));

/// The list as a tree, so that a spec is walked once: what fields of an object, or items of a list, have no effect.
#[derive(Clone, Default)]
struct Node {
    members: BTreeMap<&'static str, Node>,
    items: Option<Box<Node>>,
    /// A line ends here: the values that ask for nothing.
    harmless: Option<Vec<Value>>,
}

impl Node {
    fn of(list: &'static str) -> Node {
        let mut tree = Node::default();
        for line in lines(list) {
            let (path, harmless) = line.split_once(' ').unwrap_or((line, ""));
            let mut node = &mut tree;
            for part in path.split('.') {
                let key = part.strip_suffix("[*]");
                node = node.members.entry(key.unwrap_or(part)).or_default();
                if key.is_some() {
                    node = node.items.get_or_insert_default();
                }
            }
            let harmless = harmless.split('|').filter_map(|value| serde_json::from_str(value).ok());
            node.harmless = Some(harmless.collect());
        }
        // What is said of containers holds for containers of every sort.
        if let Some(containers) = tree.members.get("containers").cloned() {
            tree.members.insert("ephemeralContainers", containers.clone());
            tree.members.insert("initContainers", containers);
        }
        tree
    }

    /// Adds the path of every place where a field asks for something.
    fn find(&self, value: &Value, at: &At<'_>, found: &mut Vec<String>) {
        let asks = |harmless: &Vec<Value>| !json::equivalent(value, &Value::Null) && !harmless.contains(value);
        if self.harmless.as_ref().is_some_and(asks) {
            found.push(at.to_string());
        }
        match value {
            Value::Object(members) => {
                // Both are in order, and every pod that is created comes by here.
                let mut members = members.iter().peekable();
                for (name, node) in &self.members {
                    while members.next_if(|(key, _)| key.as_str() < *name).is_some() {}
                    if let Some((key, value)) = members.next_if(|(key, _)| key == name) {
                        node.find(value, &At::Key(at, key), found);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(node) = &self.items {
                    for (i, item) in items.iter().enumerate() {
                        node.find(item, &At::Item(at, i), found);
                    }
                }
            }
            _ => {}
        }
    }
}

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Where a search is, written out only when there is something to say.
enum At<'a> {
    Spec(&'a str),
    Key(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Spec(path) => f.write_str(path),
            At::Key(parent, key) => write!(f, "{parent}.{key}"),
            At::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A warning for each field of the pod spec at `path` that has no effect yet.
pub fn warnings_of_spec(spec: &Value, path: &str) -> Vec<String> {
    let mut found = vec![];
    TREE.find(spec, &At::Spec(path), &mut found);
    found.into_iter().map(|path| format!("{path} is not enforced by this version")).collect()
}

#[cfg(test)]
mod tests {
    use timonier_api::schema::Schema;

    use super::*;

    #[test]
    fn every_line_of_the_list_names_a_field_of_a_pod_spec() {
        fn check(node: &Node, at: &Schema) {
            for (key, node) in &node.members {
                check(node, at.member(key).unwrap_or_else(|| panic!("no field {key}")));
            }
            if let Some(node) = &node.items {
                check(node, at.items().unwrap());
            }
        }
        check(&TREE, Schema::of("io.k8s.api.core.v1.PodSpec").unwrap());
        assert!(!TREE.members.is_empty());
    }

    #[test]
    fn every_harmless_value_is_json() {
        let lines = lines(LIST).filter_map(|line| line.split_once(' '));
        for (field, values) in lines {
            for value in values.split('|') {
                assert!(serde_json::from_str::<Value>(value).is_ok(), "{field}: {value}");
            }
        }
    }
}
