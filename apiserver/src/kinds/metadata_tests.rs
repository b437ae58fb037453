use super::super::Table;
use super::*;
use serde_json::json;

fn errors(metadata: Value) -> Vec<String> {
    let table = Table::builtin();
    let row = table.by_plural("", "v1", "configmaps").unwrap();
    let found = validate(&json!({"metadata": metadata}), row);
    found.iter().map(|e| e.to_string()).collect()
}

#[test]
fn metadata_without_fault_passes() {
    let none: Vec<String> = vec![];
    assert_eq!(errors(json!({"name": "a.b", "namespace": "x"})), none);
    assert_eq!(errors(json!({"name": "web-abcde", "generateName": "web-", "namespace": "x"})), none);
    assert_eq!(
        errors(json!({"name": "a", "namespace": "x", "labels": {"app": "", "a.b/c": "d"},
            "annotations": {"Any/Case": "any text at all"}, "finalizers": ["a.b/c"],
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": true}],
            "managedFields": [{"operation": "Apply", "manager": "kctl"}]})),
        none
    );
}

#[test]
fn each_fault_names_its_field() {
    let cases = [
        (json!({"namespace": "x"}), "metadata.name: Required value: name or generateName is required"),
        (json!({"name": "A", "namespace": "x"}), "metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain"),
        (json!({"name": "a"}), "metadata.namespace: Required value"),
        (
            json!({"name": "a", "namespace": "X"}),
            "metadata.namespace: Invalid value: \"X\": a lowercase RFC 1123 label",
        ),
        (
            json!({"name": "a", "namespace": "x", "labels": {"a": "b c"}}),
            "metadata.labels[a]: Invalid value: \"b c\": a valid label must be",
        ),
        (
            json!({"name": "a", "namespace": "x", "labels": {"/": "b"}}),
            "metadata.labels: Invalid value: \"/\": prefix part must be non-empty",
        ),
        (
            json!({"name": "a", "namespace": "x", "annotations": {"a b": "c"}}),
            "metadata.annotations: Invalid value: \"a b\": name part must consist",
        ),
        (
            json!({"name": "a", "namespace": "x", "annotations": {"a": "x".repeat(256 * 1024)}}),
            "metadata.annotations: Too long: may not be more than 262144 bytes",
        ),
        (
            json!({"name": "a", "namespace": "x", "ownerReferences": [{"kind": "A", "name": "b", "uid": "c"}]}),
            "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty",
        ),
        (
            json!({"name": "a", "namespace": "x", "finalizers": ["orphan", "foregroundDeletion"]}),
            "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan",
        ),
        (
            json!({"name": "a", "namespace": "x", "finalizers": ["a.b/c", "mine"]}),
            "metadata.finalizers[1]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully",
        ),
        (
            json!({"name": "a", "namespace": "x", "managedFields": [{"operation": "Guess"}]}),
            "metadata.managedFields[0].operation: Invalid value: \"Guess\": must be `Apply` or `Update`",
        ),
    ];
    for (metadata, expected) in cases {
        let found = errors(metadata);
        assert!(found.iter().any(|e| e.starts_with(expected)), "{expected}: {found:?}");
    }
}

#[test]
fn there_is_one_controller_at_most() {
    let owner = |name| json!({"apiVersion": "v1", "kind": "K", "name": name, "uid": "u", "controller": true});
    let found = errors(json!({"name": "a", "namespace": "x", "ownerReferences": [owner("p"), owner("q")]}));
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("Found \"true\" in references for K/p and K/q"), "{found:?}");
}

#[test]
fn a_namespace_is_refused_where_there_is_none() {
    let table = Table::builtin();
    let row = table.by_plural("", "v1", "nodes").unwrap();
    let found = validate(&json!({"metadata": {"name": "n", "namespace": "x"}}), row);
    assert_eq!(found[0].to_string(), "metadata.namespace: Forbidden: not allowed on this type");
}

#[test]
fn identity_does_not_change() {
    let old =
        json!({"metadata": {"name": "a", "uid": "u", "generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z"}});
    let new = json!({"metadata": {"name": "a", "uid": "v", "generation": 1, "finalizers": ["b.c/d"]}});
    let found: Vec<String> = validate_update(&new, &old).iter().map(|e| e.to_string()).collect();
    assert_eq!(
        found,
        [
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"b.c/d\"}",
            "metadata.generation: Invalid value: 1: must not be decremented",
            "metadata.uid: Invalid value: \"v\": field is immutable",
            "metadata.deletionTimestamp: Invalid value: null: field is immutable",
        ]
    );
    assert!(validate_update(&old, &old).is_empty());
}

#[test]
fn a_status_update_changes_status_and_its_owners_only() {
    let old = json!({"metadata": {"name": "a"}, "spec": {"x": 1}, "status": {"y": 1}});
    let mut new = json!({"metadata": {"name": "a", "labels": {"z": ""}, "managedFields": [1]}, "spec": {"x": 2}, "status": {"y": 2}});
    keep_all_but_status(&mut new, &old);
    assert_eq!(new, json!({"metadata": {"name": "a", "managedFields": [1]}, "spec": {"x": 1}, "status": {"y": 2}}));
}

#[test]
fn age_is_told_roughly() {
    let now: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
    assert_eq!(age(&json!({"metadata": {"creationTimestamp": "2026-01-01T00:55:00Z"}}), now), "5m");
    assert_eq!(age(&json!({}), now), "<unknown>");
}
