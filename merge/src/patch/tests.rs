use serde_json::{Value, json};

use super::*;

#[test]
fn a_json_patch_is_all_or_nothing_and_names_the_operation_that_failed() {
    let doc = json!({"a": 1, "b": [1, 2]});
    let patched = json_patch(
        &doc,
        &json!([
            {"op": "test", "path": "/a", "value": 1},
            {"op": "add", "path": "/b/-", "value": 3},
            {"op": "move", "from": "/a", "path": "/c"},
        ]),
    );
    assert_eq!(patched, Ok(json!({"b": [1, 2, 3], "c": 1})));

    let error = json_patch(&doc, &json!([{"op": "remove", "path": "/a"}, {"op": "remove", "path": "/zz"}]));
    let Err(PatchError::Operation { index, operation, path, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!((index, &*operation, &*path), (1, "remove", "/zz"));
}

#[test]
fn a_json_patch_that_replaces_all_and_then_fails_is_an_error_like_any_other() {
    let patch = json!([{"op": "move", "from": "/a", "path": ""}, {"op": "remove", "path": "/none"}]);
    let error = json_patch(&json!({"a": {"b": 1}}), &patch);
    assert!(matches!(error, Err(PatchError::Operation { index: 1, .. })), "{error:?}");
}

#[test]
fn what_is_no_json_patch_is_malformed() {
    for patch in [json!({}), json!([{"op": "jump", "path": "/a"}]), json!([{"op": "add", "path": "a", "value": 1}])] {
        let result = json_patch(&json!({}), &patch);
        assert!(matches!(result, Err(PatchError::Malformed(_))), "{patch}: {result:?}");
    }
    let long = Value::Array(vec![json!({"op": "add", "path": "/a", "value": 1}); 10_001]);
    assert!(matches!(json_patch(&json!({}), &long), Err(PatchError::Malformed(_))));
}

/// The examples of RFC 7386, appendix A.
#[test]
fn merge_patch_does_what_its_rfc_shows() {
    let examples = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ];
    for (doc, patch, expected) in examples {
        assert_eq!(merge_patch(doc.clone(), &patch), expected, "{doc} + {patch}");
    }
}
