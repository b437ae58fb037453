use serde_json::{Value, json};

use super::Structural;

fn schema(spec: Value) -> Structural {
    Structural::compile(&json!({"type": "object", "properties": {"spec": spec}}))
}

/// What is wrong with a `spec`.
fn faults(schema_of_spec: Value, spec: Value) -> Vec<String> {
    let errors = schema(schema_of_spec).validate(&json!({"spec": spec}));
    errors.into_iter().map(|error| error.to_string()).collect()
}

#[test]
fn a_value_is_judged_in_the_words_of_kubernetes() {
    let text = |limits: Value| {
        let mut schema = json!({"type": "string"});
        schema.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        schema
    };
    let cases: &[(Value, Value, &[&str])] = &[
        (json!({"type": "integer"}), json!(3), &[]),
        (json!({"type": "integer"}), json!(3.0), &[]),
        (
            json!({"type": "integer"}),
            json!("3"),
            &["spec: Invalid value: \"string\": spec in body must be of type integer: \"string\""],
        ),
        (
            json!({"type": "string"}),
            json!(null),
            &["spec: Invalid value: \"null\": spec in body must be of type string: \"null\""],
        ),
        (json!({"type": "string", "nullable": true}), json!(null), &[]),
        (
            json!({"x-kubernetes-int-or-string": true}),
            json!(true),
            &["spec: Invalid value: \"boolean\": spec in body must be of type integer,string: \"boolean\""],
        ),
        (json!({"x-kubernetes-int-or-string": true}), json!("50%"), &[]),
        (
            text(json!({"enum": ["a", "b"]})),
            json!("c"),
            &["spec: Unsupported value: \"c\": supported values: \"a\", \"b\""],
        ),
        (
            text(json!({"pattern": r"^\d+$"})),
            json!("x"),
            &[r#"spec: Invalid value: "x": spec in body should match '^\d+$'"#],
        ),
        (text(json!({"maxLength": 2})), json!("abc"), &["spec: Too long: may not be more than 2 bytes"]),
        (
            text(json!({"minLength": 2})),
            json!("a"),
            &["spec: Invalid value: \"a\": spec in body should be at least 2 chars long"],
        ),
        (
            text(json!({"format": "date-time"})),
            json!("today"),
            &["spec: Invalid value: \"today\": spec in body must be of type date-time: \"today\""],
        ),
        (
            json!({"type": "integer", "minimum": 1, "maximum": 10}),
            json!(15),
            &["spec: Invalid value: 15: spec in body should be less than or equal to 10"],
        ),
        (
            json!({"type": "integer", "minimum": 1, "exclusiveMinimum": true}),
            json!(1),
            &["spec: Invalid value: 1: spec in body should be greater than 1"],
        ),
        (
            json!({"type": "integer", "multipleOf": 5}),
            json!(7),
            &["spec: Invalid value: 7: spec in body should be a multiple of 5"],
        ),
        (
            json!({"type": "array", "items": {"type": "integer"}, "minItems": 2}),
            json!(["a"]),
            &[
                "spec[0]: Invalid value: \"string\": spec[0] in body must be of type integer: \"string\"",
                "spec: Invalid value: [\"a\"]: spec in body should have at least 2 items",
            ],
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "maxItems": 1}),
            json!(["a", "b"]),
            &["spec: Too many: 2: must have at most 1 item"],
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}),
            json!(["a", "a"]),
            &["spec[1]: Duplicate value: \"a\""],
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {"name": {"type": "string"}, "x": {"type": "integer"}}}}),
            json!([{"name": "a", "x": 1}, {"name": "a", "x": 2}]),
            &["spec[1]: Duplicate value: {\"name\":\"a\"}"],
        ),
        (
            json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
            json!({}),
            &["spec.a: Required value"],
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            json!({"k": "v"}),
            &["spec.k: Invalid value: \"string\": spec.k in body must be of type integer: \"string\""],
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
            json!({"a": 1, "b": 2}),
            &["spec: Invalid value: {\"a\":1,\"b\":2}: spec in body must validate one and only one schema (oneOf). \
               Found 2 valid alternatives"],
        ),
        (
            json!({"type": "integer", "anyOf": [{"minimum": 10}, {"maximum": 1}]}),
            json!(5),
            &["spec: Invalid value: 5: spec in body must validate at least one schema (anyOf)"],
        ),
        (
            json!({"type": "integer", "not": {"enum": [5]}}),
            json!(5),
            &["spec: Invalid value: 5: spec in body must not validate the schema (not)"],
        ),
        (
            json!({"type": "object", "x-kubernetes-embedded-resource": true,
                "x-kubernetes-preserve-unknown-fields": true}),
            json!({"kind": "Pod"}),
            &["spec.apiVersion: Required value: must not be empty"],
        ),
    ];
    for (schema, value, expected) in cases {
        assert_eq!(faults(schema.clone(), value.clone()), *expected, "{schema} {value}");
    }
}

#[test]
fn formats_tell_good_texts_from_bad_ones() {
    let cases = [
        ("ipv4", "10.0.0.1", "10.0.0.256"),
        ("ipv6", "fe80::1", "fe80::g"),
        ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
        ("mac", "00:1b:63:84:45:e6", "00:1b:63"),
        ("uuid", "8bcbf1c9-1a8a-4c4b-9d7a-5b3a3a0f6f1d", "8bcbf1c9"),
        ("uuid4", "8bcbf1c9-1a8a-4c4b-9d7a-5b3a3a0f6f1d", "8bcbf1c9-1a8a-1c4b-9d7a-5b3a3a0f6f1d"),
        ("email", "a@example.org", "a.example.org"),
        ("hostname", "www.example.org", "-www"),
        ("uri", "https://example.org/a?b", "example"),
        ("byte", "YWJj", "YWJ"),
        ("date", "2026-01-31", "2026-02-31"),
        ("date-time", "2026-01-31T12:00:00Z", "2026-01-31 12:00:00Z"),
        ("duration", "1h30m", "an hour"),
        ("duration", "3 days", "days"),
        ("hexcolor", "#fff", "#ggg"),
        ("isbn", "978-3-16-148410-0", "978-3-16-148410-1"),
        ("creditcard", "4111 1111 1111 1111", "4111 1111 1111 1112"),
        ("bsonobjectid", "507f1f77bcf86cd799439011", "507f"),
    ];
    for (format, good, bad) in cases {
        let schema = || json!({"type": "string", "format": format});
        assert!(faults(schema(), good.into()).is_empty(), "{format} {good}");
        assert_eq!(faults(schema(), bad.into()).len(), 1, "{format} {bad}");
    }
    assert!(faults(json!({"type": "string", "format": "unheard-of"}), "x".into()).is_empty());
}

#[test]
fn what_is_not_specified_is_dropped_and_reported() {
    let schema = schema(json!({"type": "object", "properties": {
        "known": {"type": "string"},
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {"type": "string"}}}},
        "raw": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"strict": {"type": "object", "properties": {"a": {"type": "string"}}}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
        "pod": {"type": "object", "x-kubernetes-embedded-resource": true},
    }}));
    let mut object = json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "n", "odd": 1}, "other": 1, "spec": {
        "known": "k", "unknown": 1, "map": {"k": {"a": "1", "b": 2}},
        "raw": {"any": {"x": 1}, "strict": {"a": "1", "b": 2}},
        "list": [{"a": "1", "b": 2}],
        "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "odd": 1}, "spec": {}},
    }});
    let pruned = schema.prune(&mut object);
    assert!(pruned.type_errors.is_empty());
    assert_eq!(
        pruned.unknown,
        [
            "metadata.odd",
            "other",
            "spec.list[0].b",
            "spec.map.k.b",
            "spec.pod.metadata.odd",
            "spec.pod.spec",
            "spec.raw.strict.b",
            "spec.unknown"
        ]
    );
    let expected = json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "n"}, "spec": {
        "known": "k", "map": {"k": {"a": "1"}}, "raw": {"any": {"x": 1}, "strict": {"a": "1"}}, "list": [{"a": "1"}],
        "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}},
    }});
    assert_eq!(object, expected);
    assert!(schema.prune(&mut object).unknown.is_empty());
    let wrong = schema.prune(&mut json!({"metadata": {"labels": {"a": 1}}}));
    assert_eq!(wrong.type_errors.len(), 1);
}

#[test]
fn defaults_are_filled_in_from_the_outside_to_the_inside() {
    let schema = schema(json!({"type": "object", "properties": {
        "replicas": {"type": "integer", "default": 1},
        "inner": {"type": "object", "default": {}, "properties": {"mode": {"type": "string", "default": "auto"}}},
        "absent": {"type": "object", "properties": {"mode": {"type": "string", "default": "auto"}}},
        "gone": {"type": "string"},
        "kept": {"type": "string", "nullable": true, "default": "x"},
        "list": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer", "default": 7}}}},
    }}));
    let mut object = json!({"spec": {"replicas": null, "gone": null, "kept": null, "list": [{}, {"n": 1}]}});
    schema.default(&mut object);
    let expected =
        json!({"spec": {"replicas": 1, "inner": {"mode": "auto"}, "kept": null, "list": [{"n": 7}, {"n": 1}]}});
    assert_eq!(object, expected);
    schema.default(&mut object);
    assert_eq!(object, expected);
}
