use serde_json::{Value, json};
use timonier_api::field::Path;

use super::{Rules, faults};

fn schema(rules: &Value) -> Value {
    json!({"type": "object", "x-kubernetes-validations": [{"rule": "self.metadata.name != 'bad'", "message": "a bad name"}],
        "properties": {"spec": {"type": "object", "x-kubernetes-validations": rules, "properties": {
            "min": {"type": "integer"}, "max": {"type": "integer"}, "class": {"type": "string",
                "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "class is immutable"}]},
            "port": {"x-kubernetes-int-or-string": true},
            "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
                    "x-kubernetes-validations": [{"rule": "self.size >= oldSelf.size", "fieldPath": ".size",
                        "reason": "FieldValueForbidden", "messageExpression": "'was ' + string(oldSelf.size)"}]}},
            "labels": {"type": "object", "additionalProperties": {"type": "string",
                "x-kubernetes-validations": [{"rule": "self.size() < 4"}]}}}}}})
}

fn said(rules: &Value, new: Value, old: Option<Value>) -> Vec<String> {
    let whole = |spec: Value| json!({"metadata": {"name": "n"}, "spec": spec});
    let compiled = Rules::compile(&schema(rules)).expect("rules");
    let mut errors = vec![];
    compiled.check(&whole(new), old.map(whole).as_ref(), &mut errors);
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn what_breaks_a_rule_is_said_where_it_is() {
    let rules = json!([{"rule": "self.min <= self.max"}]);
    let none = Vec::<String>::new();
    assert_eq!(said(&rules, json!({"min": 1, "max": 2}), None), none);
    let broken = "spec: Invalid value: \"object\": failed rule: self.min <= self.max";
    assert_eq!(said(&rules, json!({"min": 3, "max": 2}), None), [broken]);
    // What was so before may stay.
    assert_eq!(said(&rules, json!({"min": 3, "max": 2}), Some(json!({"min": 3, "max": 2}))), none);
    assert_eq!(said(&rules, json!({"min": 3, "max": 2}), Some(json!({"min": 1, "max": 2}))), [broken]);
    let missing = "spec: Invalid value: \"object\": no such key: max evaluating rule: self.min <= self.max";
    assert_eq!(said(&rules, json!({"min": 3}), None), [missing]);
    let rules = json!([{"rule": "self.port > 1", "message": "a port above one"}]);
    assert_eq!(said(&rules, json!({"port": 2}), None), none);
    assert_eq!(
        said(&rules, json!({"port": "x"}), None),
        [
            "spec: Invalid value: \"object\": 'no such overload': call arguments did not match a supported operator, function or \
          macro signature for rule: a port above one"
        ]
    );
    let long = said(&json!([]), json!({"labels": {"a": "b", "c": "long"}}), None);
    assert_eq!(long, ["spec.labels[c]: Invalid value: \"string\": failed rule: self.size() < 4"]);
    let mut errors = vec![];
    let compiled = Rules::compile(&schema(&json!([]))).expect("rules");
    compiled.check(&json!({"metadata": {"name": "bad"}}), None, &mut errors);
    assert_eq!(errors[0].to_string(), "<nil>: Invalid value: \"object\": a bad name");
}

#[test]
fn rules_about_changes_run_when_there_was_something() {
    let none = Vec::<String>::new();
    let item = |name: &str, size: i64| json!({"name": name, "size": size});
    let rules = json!([]);
    assert_eq!(said(&rules, json!({"class": "a"}), None), none);
    assert_eq!(said(&rules, json!({"class": "a"}), Some(json!({}))), none);
    assert_eq!(
        said(&rules, json!({"class": "b"}), Some(json!({"class": "a"}))),
        ["spec.class: Invalid value: \"string\": class is immutable"]
    );
    let old = json!({"items": [item("a", 5), item("b", 5)]});
    assert_eq!(said(&rules, json!({"items": [item("b", 6), item("a", 5), item("c", 1)]}), Some(old.clone())), none);
    assert_eq!(said(&rules, json!({"items": [item("b", 4)]}), Some(old)), ["spec.items[0].size: Forbidden: was 5"]);
    let rules =
        json!([{"rule": "oldSelf.hasValue() || self.min == 1", "optionalOldSelf": true, "message": "begin with one"}]);
    assert_eq!(said(&rules, json!({"min": 2}), None), ["spec: Invalid value: \"object\": begin with one"]);
    assert_eq!(said(&rules, json!({"min": 2}), Some(json!({"min": 1}))), none);
}

#[test]
fn an_object_has_only_so_much_time() {
    let rules =
        json!([{"rule": "self.items.all(a, self.items.all(b, self.items.all(c, a.size + b.size + c.size > 0)))"}]);
    let items: Vec<Value> = (0..300).map(|i| json!({"name": format!("n{i}"), "size": 1})).collect();
    let said = said(&rules, json!({"items": items}), None);
    assert!(
        said[0].contains("'operation cancelled: actual cost limit exceeded': no further validation rules"),
        "{said:?}"
    );
}

#[test]
fn a_rule_that_cannot_be_right_is_refused_with_its_place() {
    let cases = [
        (json!({"rule": ""}), "rule: Required value: rule is not specified"),
        (
            json!({"rule": "self.mn > 1"}),
            "rule: Invalid value: \"self.mn > 1\": compilation failed: ERROR: <input>:1:5: undefined field 'mn'",
        ),
        (
            json!({"rule": "self.min +"}),
            "rule: Invalid value: \"self.min +\": compilation failed: ERROR: <input>:1:11: Syntax error",
        ),
        (json!({"rule": "self.min"}), "rule: Invalid value: \"self.min\": cel expression must evaluate to a bool"),
        (
            json!({"rule": "true", "message": "a\nb"}),
            "message: Invalid value: \"a\\nb\": message must not contain line breaks",
        ),
        (
            json!({"rule": "true", "message": " "}),
            "message: Invalid value: \" \": message must be non-empty if specified",
        ),
        (
            json!({"rule": "true", "messageExpression": "self.min"}),
            "messageExpression: Invalid value: \"self.min\": messageExpression must evaluate to a string",
        ),
        (json!({"rule": "true", "reason": "Mood"}), "reason: Unsupported value: \"Mood\""),
        (
            json!({"rule": "true", "fieldPath": ".nothing"}),
            "fieldPath: Invalid value: \".nothing\": fieldPath must be a valid path",
        ),
        (
            json!({"rule": "true", "fieldPath": "min"}),
            "fieldPath: Invalid value: \"min\": fieldPath must be a valid path",
        ),
        (
            json!({"rule": "true", "optionalOldSelf": true}),
            "optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule",
        ),
    ];
    for (rule, expected) in cases {
        let errors = faults(&schema(&json!([rule])), &Path::new("schema"));
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let place = "schema.properties[spec].x-kubernetes-validations[0].";
        assert!(said.len() == 1 && said[0].starts_with(&format!("{place}{expected}")), "{rule}: {said:?}");
    }
    let list = json!({"type": "array", "items": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}});
    let errors = faults(&json!({"type": "object", "properties": {"l": list}}), &Path::new("schema"));
    assert!(errors[0].to_string().contains("oldSelf cannot be used on the uncorrelatable portion"), "{errors:?}");
    assert!(faults(&schema(&json!([{"rule": "true", "fieldPath": ".labels['a b']"}])), &Path::new("s")).is_empty());
}
