use super::*;
use proptest::prelude::*;
use serde_json::json;

fn one(text: &str) -> Value {
    let mut values = parse_documents(text, "test").unwrap_or_else(|e| panic!("{text:?}: {e}"));
    assert_eq!(values.len(), 1, "{text:?}");
    values.remove(0)
}

#[test]
fn scalars_are_read_as_kubectl_reads_them() {
    let cases = [
        ("yes", json!(true)),
        ("no", json!(false)),
        ("on", json!(true)),
        ("Off", json!(false)),
        ("true", json!(true)),
        ("012", json!(10)),
        ("0o12", json!(10)),
        ("0x1F", json!(31)),
        ("1", json!(1)),
        ("-1", json!(-1)),
        ("1.5", json!(1.5)),
        ("1e3", json!(1000.0)),
        ("9223372036854775807", json!(i64::MAX)),
        ("\"012\"", json!("012")),
        ("'yes'", json!("yes")),
        ("100m", json!("100m")),
        ("1.2.3", json!("1.2.3")),
        ("2020-01-01", json!("2020-01-01")),
        ("~", json!(null)),
        ("null", json!(null)),
        ("", json!(null)),
        ("a b", json!("a b")),
        ("|\n  a\n  b\n", json!("a\nb\n")),
        (">-\n  a\n  b\n", json!("a b")),
    ];
    for (text, expected) in cases {
        assert_eq!(one(&format!("k: {text}"))["k"], expected, "{text:?}");
    }
}

#[test]
fn keys_are_strings_whatever_they_look_like() {
    assert_eq!(one("1: a\n\"b\": c\n"), json!({"1": "a", "b": "c"}));
}

#[test]
fn a_file_holds_many_documents_and_empty_ones_do_not_count() {
    let text = "# only words\n---\na: 1\n---\n---\n# b\n--- # c\nb: 2\n--- {c: 3}\n...\n";
    assert_eq!(parse_documents(text, "f").unwrap(), [json!({"a": 1}), json!({"b": 2}), json!({"c": 3})]);
    assert_eq!(parse_documents("", "f").unwrap(), Vec::<Value>::new());
    assert_eq!(one("text: |\n  a\n  ---\n  b\n"), json!({"text": "a\n---\nb\n"}));
    assert_eq!(one("a: 1\r\nb: 2\r\n"), json!({"a": 1, "b": 2}));
    assert_eq!(one("\u{feff}a: 1\n"), json!({"a": 1}));
}

#[test]
fn json_is_yaml() {
    assert_eq!(
        one("{\"a\": [1, \"b\", null], \"c\": {\"d\": false}}"),
        json!({"a": [1, "b", null], "c": {"d": false}})
    );
}

#[test]
fn anchors_and_merge_keys_are_expanded() {
    assert_eq!(one("a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2\n")["d"], json!({"b": 1, "e": 2}));
}

#[test]
fn a_forgiving_reader_takes_the_last_of_several_keys_and_says_which_there_were() {
    let (values, twice) = parse_forgiving("a: 1\nb: {c: 1}\na: 2\n", "f").unwrap();
    assert_eq!(values, [json!({"a": 2, "b": {"c": 1}})]);
    let twice = twice.unwrap();
    assert_eq!((twice.line, &*twice.message), (3, "duplicate mapping key: a"));
    assert_eq!(parse_forgiving("a: 1\n", "f").unwrap(), (vec![json!({"a": 1})], None));
    assert!(parse_forgiving("a: 1\na: [\n", "f").is_err());
}

#[test]
fn a_duplicate_key_is_an_error_that_names_file_document_and_line() {
    let error = parse_documents("a: 1\n---\nb: 1\nc: 2\nb: 3\n", "web.yaml").unwrap_err();
    assert_eq!((error.document, error.line), (2, 5), "{error}");
    assert!(error.to_string().starts_with("web.yaml: document 2, line 5: "), "{error}");
    assert!(error.message.contains("duplicate"), "{error}");
}

#[test]
fn broken_documents_are_refused_with_their_line() {
    for (text, line) in [("a: [1\n", 2), ("a: b: c\n", 1), ("a: 1\n b: 2\n", 2), ("a: *x\n", 1), ("a: \"x\n", 2)] {
        let error = parse_documents(text, "f").unwrap_err();
        assert!(error.line.abs_diff(line) <= 1, "{text:?}: {error}");
        assert!(!error.message.is_empty());
    }
}

#[test]
fn a_document_that_grows_without_end_is_refused() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..9 {
        let refs = vec![format!("*a{}", i - 1); 10].join(",");
        text.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
    }
    assert!(parse_documents(&text, "bomb").is_err());
}

#[test]
fn documents_are_written_as_kubectl_writes_them() {
    let value = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {}, "name": "a"},
        "spec": {"containers": [{"args": ["x", "yes", "012", "1"], "name": "c"}], "r": 1, "t": true, "z": null}});
    assert_eq!(
        to_string(&value),
        "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\n  name: a\nspec:\n  containers:\n  - args:\n    - x\n    - \"yes\"\n    - \"012\"\n    - \"1\"\n    name: c\n  r: 1\n  t: true\n  z: null\n"
    );
    assert_eq!(to_string(&json!({"a": "x\ny\n"})), "a: |\n  x\n  y\n");
    assert_eq!(one(&to_string(&json!({"a": "x\ny"}))), json!({"a": "x\ny"}));
}

#[test]
fn text_that_looks_like_something_else_stays_text() {
    for text in [
        "yes",
        "no",
        "y",
        "n",
        "on",
        "Off",
        "true",
        "null",
        "~",
        "",
        "012",
        "0o7",
        "0x1f",
        "1e3",
        "1.5",
        "-1",
        ".5",
        "1_000",
        "1:30",
        "2020-01-01",
        "a: b",
        "- a",
        "#a",
        "a #b",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a",
        "{a",
        "[a",
        "a\nb\n",
        "\n",
        " a",
        "a ",
        "\ta",
        "a\n\n",
        "  a\nb",
        ".inf",
        ".NaN",
        "=",
        "<<",
        "---",
        "...",
        "'",
        "\"",
        "|",
        ">",
        "?",
        ":",
        "-",
        "\u{1}",
        "\u{feff}",
        "\u{85}",
        "é",
        "😀",
        "\r\n",
        "a\r\nb",
    ] {
        let value = json!({"k": text, "l": [text]});
        assert_eq!(one(&to_string(&value)), value, "{text:?}: {}", to_string(&value));
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[ -~\n]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z0-9./_-]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(value in any_value()) {
        let value = json!({"v": value});
        let text = to_string(&value);
        prop_assert_eq!(parse_documents(&text, "f").map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?, vec![value]);
    }

    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "[ -~\n]{0,80}") {
        let _ = parse_documents(&text, "f");
    }
}
