use serde_json::{Value, json};
use timonier_api::schema::Schema;

use super::super::{PatchError, strategic};

fn pod_spec() -> &'static Schema {
    Schema::of("io.k8s.api.core.v1.PodSpec").expect("pods have specs")
}

fn check(law: &str, before: Value, patch: Value, expected: Value) {
    let patched = strategic(&before, &patch, pod_spec());
    assert_eq!(patched, Ok(expected), "{law}");
}

fn refused(before: Value, patch: Value) -> String {
    match strategic(&before, &patch, pod_spec()) {
        Err(error) => error.to_string(),
        Ok(patched) => panic!("was patched to {patched}"),
    }
}

#[test]
fn objects_merge_and_null_removes() {
    check(
        "as a merge patch",
        json!({"hostNetwork": true, "nodeSelector": {"a": "1", "b": "2"}}),
        json!({"hostNetwork": null, "nodeSelector": {"a": null, "c": "3"}, "nodeName": "n"}),
        json!({"nodeSelector": {"b": "2", "c": "3"}, "nodeName": "n"}),
    );
    check(
        "nulls that match nothing leave no trace",
        json!({}),
        json!({"securityContext": {"runAsUser": null, "runAsGroup": 1}, "nodeName": null}),
        json!({"securityContext": {"runAsGroup": 1}}),
    );
}

#[test]
fn keyed_lists_merge_by_their_merge_key() {
    check(
        "the item with the key is merged, others stay",
        json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}),
        json!({"containers": [{"name": "b", "image": "2"}]}),
        json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}),
    );
    check(
        "a new item comes first, as Kubernetes has it",
        json!({"containers": [{"name": "a"}]}),
        json!({"containers": [{"name": "b"}]}),
        json!({"containers": [{"name": "b"}, {"name": "a"}]}),
    );
    check(
        "lists inside items merge too",
        json!({"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}], "args": ["1"]}]}),
        json!({"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}], "args": ["2"]}]}),
        json!({"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}], "args": ["2"]}]}),
    );
}

#[test]
fn lists_without_a_merge_strategy_are_replaced() {
    check(
        "tolerations",
        json!({"tolerations": [{"key": "a"}]}),
        json!({"tolerations": [{"key": "b"}]}),
        json!({"tolerations": [{"key": "b"}]}),
    );
}

#[test]
fn patch_delete_removes_an_item_or_empties_an_object() {
    check(
        "item",
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"name": "a", "$patch": "delete"}]}),
        json!({"containers": [{"name": "b"}]}),
    );
    check(
        "item that is not there",
        json!({}),
        json!({"containers": [{"name": "a", "$patch": "delete"}, {"name": "b"}]}),
        json!({"containers": [{"name": "b"}]}),
    );
    check(
        "object",
        json!({"nodeSelector": {"a": "1"}}),
        json!({"nodeSelector": {"$patch": "delete"}}),
        json!({"nodeSelector": {}}),
    );
}

#[test]
fn patch_replace_replaces_an_object_or_a_whole_list() {
    check(
        "object",
        json!({"nodeSelector": {"a": "1"}}),
        json!({"nodeSelector": {"$patch": "replace", "b": "2"}}),
        json!({"nodeSelector": {"b": "2"}}),
    );
    check(
        "list",
        json!({"containers": [{"name": "a"}, {"name": "b", "image": "1"}]}),
        json!({"containers": [{"name": "b"}, {"$patch": "replace"}]}),
        json!({"containers": [{"name": "b"}]}),
    );
    check(
        "merge is what happens anyway",
        json!({"nodeSelector": {"a": "1"}}),
        json!({"nodeSelector": {"$patch": "merge", "b": "2"}}),
        json!({"nodeSelector": {"a": "1", "b": "2"}}),
    );
}

#[test]
fn retain_keys_clears_the_other_members_of_a_union() {
    check(
        "volume source",
        json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
        json!({"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}),
        json!({"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}),
    );
    let error = refused(
        json!({"volumes": [{"name": "v"}]}),
        json!({"volumes": [{"name": "v", "$retainKeys": ["name"], "emptyDir": {}}]}),
    );
    assert!(error.starts_with("volumes[0].$retainKeys:"), "{error}");
}

#[test]
fn set_element_order_places_the_named_and_keeps_the_others_where_they_were() {
    check(
        "with items",
        json!({"containers": [{"name": "a"}, {"name": "x"}, {"name": "b"}]}),
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}], "containers": [{"name": "c"}]}),
        json!({"containers": [{"name": "x"}, {"name": "b"}, {"name": "c"}, {"name": "a"}]}),
    );
    check(
        "without items",
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
        json!({"containers": [{"name": "b"}, {"name": "a"}]}),
    );
    check(
        "with a deletion",
        json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
        json!({"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": [{"name": "b", "$patch": "delete"}]}),
        json!({"containers": [{"name": "c"}, {"name": "a"}]}),
    );
    let error =
        refused(json!({}), json!({"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}));
    assert_eq!(error, r#"containers: the item "b" is not in its $setElementOrder list"#);
}

#[test]
fn lists_of_scalars_merge_as_sets() {
    let meta = Schema::of("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta").expect("ObjectMeta");
    let patched = strategic(
        &json!({"finalizers": ["a", "b"]}),
        &json!({
            "$deleteFromPrimitiveList/finalizers": ["a"],
            "$setElementOrder/finalizers": ["b", "c"],
            "finalizers": ["c"],
        }),
        meta,
    );
    assert_eq!(patched, Ok(json!({"finalizers": ["b", "c"]})));
}

#[test]
fn an_item_without_its_merge_key_is_refused_by_name() {
    let error = refused(json!({}), json!({"containers": [{"name": "a"}, {"image": "x"}]}));
    assert_eq!(error, "containers[1]: does not contain declared merge key: name");
    let error = refused(json!({}), json!({"nodeSelector": {"$patch": "swap"}}));
    assert_eq!(error, r#"nodeSelector.$patch: unknown patch type: "swap""#);
    let not_an_object = strategic(&json!({}), &json!([]), pod_spec());
    assert!(matches!(not_an_object, Err(PatchError::Malformed(_))));
}

#[test]
fn the_strategy_of_a_deployment_can_be_switched_by_kubectl_apply() {
    let deployment = Schema::of("io.k8s.api.apps.v1.Deployment").expect("deployments");
    let patched = strategic(
        &json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}),
        &json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
        deployment,
    );
    assert_eq!(patched, Ok(json!({"spec": {"strategy": {"type": "Recreate"}}})));
}
