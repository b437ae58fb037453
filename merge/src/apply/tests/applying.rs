//! What appliers set, share and take away.

use super::*;

#[test]
fn an_applier_owns_what_it_names_and_no_more() {
    Object::of(DEPLOYMENT)
        .apply(
            "a",
            json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
                "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
            }),
        )
        .owned(&[(
            "a",
            &[
                ".metadata.labels.app",
                ".spec.replicas",
                r#".spec.template.spec.containers[name="web"]"#,
                r#".spec.template.spec.containers[name="web"].image"#,
                r#".spec.template.spec.containers[name="web"].name"#,
            ],
        )]);
}

#[test]
fn entries_are_stored_as_kubernetes_stores_them() {
    let object = Object::of(DEPLOYMENT).apply("a", json!({"metadata": {"name": "web"}, "spec": {"replicas": 3}}));
    assert_eq!(
        object.live.expect("is there")["metadata"]["managedFields"],
        json!([{
            "manager": "a",
            "operation": "Apply",
            "apiVersion": "v1",
            "time": "1970-01-01T00:01:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": r#"{"f:spec":{"f:replicas":{}}}"#,
        }])
    );
}

#[test]
fn what_an_applier_no_longer_applies_is_removed() {
    Object::of(DEPLOYMENT)
        .apply("a", json!({"metadata": {"labels": {"x": "1", "y": "2"}}, "spec": {"replicas": 3, "paused": true}}))
        .apply("a", json!({"metadata": {"labels": {"x": "1"}}, "spec": {"replicas": 3}}))
        .has(json!({"metadata": {"labels": {"x": "1"}}, "spec": {"replicas": 3}}))
        .apply("a", json!({"spec": {"replicas": 3}}))
        .has(json!({"spec": {"replicas": 3}}))
        .owned(&[("a", &[".spec.replicas"])]);
}

#[test]
fn metadata_that_nobody_owns_survives_the_last_label() {
    let named = json!({"name": "web", "uid": "1"});
    Object::of(DEPLOYMENT)
        .apply("a", json!({"metadata": {"name": "web", "uid": "1", "labels": {"x": "1"}}}))
        .apply("a", json!({"metadata": {"name": "web"}}))
        .has(json!({"metadata": named}));
}

#[test]
fn an_item_that_is_no_longer_applied_goes_with_its_defaults() {
    Object::of(POD)
        .apply("a", containers(&["x", "y"]))
        .patch(
            "defaults",
            json!({"spec": {"containers": [
                {"name": "x", "image": "x:1", "imagePullPolicy": "Always"},
                {"name": "y", "image": "y:1", "imagePullPolicy": "Always"},
            ]}}),
        )
        .apply("a", containers(&["x"]))
        .has(json!({"spec": {"containers": [{"name": "x", "image": "x:1", "imagePullPolicy": "Always"}]}}))
        .owned(&[
            (
                "a",
                &[
                    r#".spec.containers[name="x"]"#,
                    r#".spec.containers[name="x"].image"#,
                    r#".spec.containers[name="x"].name"#,
                ],
            ),
            ("defaults*", &[r#".spec.containers[name="x"].imagePullPolicy"#]),
        ]);
}

#[test]
fn what_others_own_too_stays_when_one_stops_applying_it() {
    Object::of(DEPLOYMENT)
        .apply("a", replicas(3))
        .apply("b", replicas(3))
        .owned(&[("a", &[".spec.replicas"]), ("b", &[".spec.replicas"])])
        .apply("a", json!({"spec": {"paused": true}}))
        .has(json!({"spec": {"paused": true, "replicas": 3}}))
        .owned(&[("a", &[".spec.paused"]), ("b", &[".spec.replicas"])])
        .apply("b", json!({"metadata": {"name": "web"}}))
        .has(json!({"metadata": {"name": "web"}, "spec": {"paused": true}}))
        .owned(&[("a", &[".spec.paused"])]);
}

#[test]
fn items_that_others_applied_stay() {
    Object::of(POD)
        .apply("a", containers(&["x", "y"]))
        .apply("b", containers(&["y", "z"]))
        .apply("a", containers(&["x"]))
        .has(containers(&["x", "y", "z"]))
        .apply("a", json!({}))
        .has(containers(&["y", "z"]));
}

#[test]
fn service_ports_are_told_apart_by_port_and_protocol() {
    let port = |name: &str, protocol: &str| json!({"port": 53, "name": name, "protocol": protocol});
    let object = Object::of(SERVICE)
        .apply("a", json!({"spec": {"ports": [{"port": 53, "name": "tcp"}]}}))
        .apply("b", json!({"spec": {"ports": [port("udp", "UDP")]}}))
        .has(json!({"spec": {"ports": [{"port": 53, "name": "tcp"}, port("udp", "UDP")]}}));
    let message = object.conflict("b", json!({"spec": {"ports": [port("dns", "TCP")]}}));
    assert!(message.ends_with(r#".spec.ports[port=53,protocol="TCP"].name"#), "{message}");
}

#[test]
fn atomic_values_are_owned_and_replaced_whole() {
    Object::of(SERVICE)
        .apply("a", json!({"spec": {"selector": {"app": "a", "x": "1"}}}))
        .apply("a", json!({"spec": {"selector": {"app": "b"}}}))
        .has(json!({"spec": {"selector": {"app": "b"}}}))
        .owned(&[("a", &[".spec.selector"])]);
    let message = Object::of(SERVICE)
        .apply("a", json!({"spec": {"selector": {"app": "a"}}}))
        .conflict("b", json!({"spec": {"selector": {"tier": "b"}}}));
    assert!(message.ends_with(": .spec.selector"), "{message}");
}

#[test]
fn sets_are_owned_item_by_item() {
    let finalizers = |items: &[&str]| json!({"metadata": {"finalizers": items}});
    Object::of(CONFIG_MAP)
        .apply("a", finalizers(&["x.io/1", "x.io/2"]))
        .apply("b", finalizers(&["x.io/2", "x.io/3"]))
        .has(finalizers(&["x.io/1", "x.io/2", "x.io/3"]))
        .apply("a", json!({}))
        .has(finalizers(&["x.io/2", "x.io/3"]))
        .owned(&[("b", &[r#".metadata.finalizers[="x.io/2"]"#, r#".metadata.finalizers[="x.io/3"]"#])]);
}

#[test]
fn an_empty_struct_can_be_applied_and_taken_back() {
    let volume = |source: Value| {
        let mut volume = json!({"name": "v"});
        volume.as_object_mut().expect("is an object").extend(source.as_object().cloned().unwrap_or_default());
        json!({"spec": {"volumes": [volume]}})
    };
    Object::of(POD)
        .apply("a", volume(json!({"emptyDir": {"medium": "Memory"}})))
        .apply("a", volume(json!({"emptyDir": {}})))
        .has(volume(json!({"emptyDir": {}})))
        .apply("a", volume(json!({"hostPath": {"path": "/x"}})))
        .has(volume(json!({"hostPath": {"path": "/x"}})));
}

#[test]
fn a_repeated_item_is_refused_by_name() {
    let error = Object::of(POD).conflict("a", containers(&["x", "x"]));
    assert_eq!(error, r#".spec.containers[1]: duplicate entries for key [name="x"]"#);
    let error = Object::of(POD).conflict("a", json!({"spec": {"containers": [{"image": "x"}]}}));
    assert!(error.starts_with(".spec.containers[0]: associative list with keys has an element that omits"), "{error}");
}

#[test]
fn nobody_may_apply_managed_fields() {
    let error = Object::of(POD).conflict("a", json!({"metadata": {"managedFields": []}}));
    assert_eq!(error, ".metadata.managedFields: must be nil");
}

#[test]
fn applying_again_changes_nothing_not_even_a_time() {
    let first = Object::of(DEPLOYMENT).apply("a", replicas(3)).patch("u", json!({"spec": {"paused": true}}));
    let before = first.live.clone();
    let second = first.apply("a", replicas(3));
    assert_eq!(second.live, before);
    let third = second.apply("a", replicas(4));
    assert_eq!(third.time("a").as_deref(), Some("1970-01-01T00:04:00Z"));
}
