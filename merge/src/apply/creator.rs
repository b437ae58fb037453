//! What a creator owns, written down at once: the same as encoding [`created`](super::compare::created), without the set.
//! Most objects are created once and seldom written again.

use serde_json::Value;
use timonier_api::schema::Schema;

use super::compare::{is_always_there, member_of};
use super::fieldset::write_element;
use super::walk::{Depth, View, view};

/// A list names an item twice: what is owned of the two is to be put together first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repeated;

/// `FieldsV1` of a new object, as text; empty if nothing in it has an owner. `skipped` are members of the object that nobody
/// comes to own this way.
pub(super) fn text(object: &Value, schema: &Schema, skipped: &[&str]) -> Result<String, Repeated> {
    let mut out = String::with_capacity(1024);
    Writer { out: &mut out, skipped }.fresh(schema, object, Depth::Object)?;
    Ok(out)
}

struct Writer<'a> {
    out: &'a mut String,
    skipped: &'a [&'a str],
}

impl Writer<'_> {
    /// What every object of its kind has from the start is not owned, only what is inside it. Writes nothing where nothing
    /// is owned.
    fn fresh(&mut self, schema: &Schema, value: &Value, depth: Depth) -> Result<(), Repeated> {
        let begin = self.out.len();
        match view(schema, value) {
            View::Leaf => self.out.push_str("{}"),
            _ => {
                self.out.push('{');
                self.below(schema, value, depth, true)?;
                self.end(begin);
            }
        }
        Ok(())
    }

    /// A value with its own path.
    fn everything(&mut self, schema: &Schema, value: &Value, depth: Depth) -> Result<(), Repeated> {
        self.out.push('{');
        let own = self.out.len();
        // Sorts before all elements, and is left out where there are none.
        self.out.push_str(r#"".":{},"#);
        let children = self.out.len();
        self.below(schema, value, depth, false)?;
        if self.out.len() == children {
            self.out.truncate(own);
        } else {
            self.out.pop();
        }
        self.out.push('}');
        Ok(())
    }

    /// Closes what began there, or takes it back if it is empty.
    fn end(&mut self, begin: usize) {
        if self.out.len() == begin + 1 {
            self.out.truncate(begin);
        } else {
            self.out.pop();
            self.out.push('}');
        }
    }

    /// The elements of a value, each with a comma behind it.
    fn below(&mut self, schema: &Schema, value: &Value, depth: Depth, fresh: bool) -> Result<(), Repeated> {
        match view(schema, value) {
            View::Leaf => {}
            View::Members(members) => {
                let mut fields = schema.fields_in_order();
                for (name, value) in members {
                    let at = depth;
                    let Some(depth) = depth.member(name) else { continue };
                    if at == Depth::Object && self.skipped.contains(&&**name) {
                        continue;
                    }
                    let field = fields.find(name);
                    let schema = member_of(schema, field, name);
                    let begin = self.out.len();
                    write_element(self.out, "f:", name);
                    self.out.push(':');
                    let inner = self.out.len();
                    if fresh && field.is_some_and(is_always_there) {
                        self.fresh(schema, value, depth)?;
                    } else {
                        self.everything(schema, value, depth)?;
                    }
                    if self.out.len() == inner {
                        self.out.truncate(begin);
                    } else {
                        self.out.push(',');
                    }
                }
            }
            View::Items(items, kind) => {
                let mut named: Vec<(Box<str>, &Value)> =
                    items.iter().enumerate().map(|(index, item)| (kind.element_at(item, index), item)).collect();
                named.sort_by(|a, b| a.0.cmp(&b.0));
                if named.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                    return Err(Repeated);
                }
                for (element, item) in named {
                    write_element(self.out, "", &element);
                    self.out.push(':');
                    self.everything(kind.items(), item, Depth::Inside)?;
                    self.out.push(',');
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::apply::compare::created;
    use crate::apply::element;

    /// The long way.
    fn encoded(object: &Value, schema: &Schema, skipped: &[&str]) -> String {
        let mut set = created(object, schema);
        skipped.iter().for_each(|name| set.remove(&element::field(name)));
        if set.is_empty() { String::new() } else { set.encode() }
    }

    fn schema(kind: &str) -> &'static Schema {
        Schema::of(&format!("io.k8s.api.{kind}")).expect("is a kind")
    }

    /// Values with members that pods have, at places where they may or may not belong.
    fn values() -> impl Strategy<Value = Value> {
        let names = "metadata|spec|status|labels|name|containers|ports|containerPort|protocol|env|finalizers|ownerReferences|uid|volumes|nodeSelector|resources|a\"b";
        let leaf = prop_oneof![Just(json!(null)), Just(json!("x")), Just(json!(80)), Just(json!({})), Just(json!([]))];
        leaf.prop_recursive(6, 60, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(names, inner, 0..5).prop_map(|members| json!(members)),
            ]
        })
    }

    #[test]
    fn a_pod_is_written_as_its_set_is() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "labels": {"a\"b\\c": "x", "d": "e"}, "finalizers": ["b", "a"], "annotations": {}},
            "spec": {"containers": [{"name": "b", "ports": [{"containerPort": 80}, {"containerPort": 9}], "env": []},
                {"name": "a", "resources": {"limits": {"cpu": "1"}}}], "tolerations": [{"key": "x"}], "nodeName": null},
            "status": {"phase": "Pending"}});
        for skipped in [&["status"][..], &["spec"], &[]] {
            let written = text(&pod, schema("core.v1.Pod"), skipped);
            assert_eq!(written, Ok(encoded(&pod, schema("core.v1.Pod"), skipped)));
        }
        let repeated = json!({"spec": {"containers": [{"name": "a"}, {"name": "a"}]}});
        assert_eq!(text(&repeated, schema("core.v1.Pod"), &[]), Err(Repeated));
    }

    proptest! {
        #[test]
        fn anything_is_written_as_its_set_is(object in values()) {
            for kind in ["core.v1.Pod", "core.v1.ConfigMap", "apps.v1.Deployment"] {
                if let Ok(written) = text(&object, schema(kind), &["status"]) {
                    prop_assert_eq!(written, encoded(&object, schema(kind), &["status"]));
                }
            }
        }
    }
}
