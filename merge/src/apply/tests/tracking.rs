//! What updates own, and how their entries are kept.

use super::*;

#[test]
fn an_update_that_changes_nothing_changes_no_entry() {
    let object = Object::of(DEPLOYMENT).update("u", replicas(3));
    let before = object.live.clone();
    assert_eq!(object.update("v", replicas(3)).live, before);
}

#[test]
fn a_creator_owns_all_but_what_every_object_has() {
    Object::of(POD)
        .update(
            "u",
            json!({
                "metadata": {"name": "p", "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"app": "p"}},
                "spec": {"containers": [{"name": "x", "ports": [{"containerPort": 80}]}], "nodeSelector": {"a": "b"}},
                "status": {"phase": "Pending"},
            }),
        )
        .owned(&[(
            "u*",
            &[
                ".metadata.labels",
                ".metadata.labels.app",
                r#".spec.containers[name="x"]"#,
                r#".spec.containers[name="x"].name"#,
                r#".spec.containers[name="x"].ports"#,
                r#".spec.containers[name="x"].ports[containerPort=80,protocol="TCP"]"#,
                r#".spec.containers[name="x"].ports[containerPort=80,protocol="TCP"].containerPort"#,
                ".spec.nodeSelector",
            ],
        )]);
}

#[test]
fn what_is_deleted_has_no_owner() {
    Object::of(DEPLOYMENT)
        .apply("a", json!({"spec": {"replicas": 3, "paused": true}}))
        .patch("u", json!({"spec": {"replicas": null}}))
        .owned(&[("a", &[".spec.paused"])]);
}

#[test]
fn status_and_spec_have_separate_entries_and_neither_is_set_through_the_others_door() {
    let object = Object::of(DEPLOYMENT)
        .update("u", replicas(1))
        .patch("u/status", json!({"status": {"replicas": 1}}))
        .owned(&[("u*", &[".spec.replicas"]), ("u*/status", &[".status", ".status.replicas"])]);
    object
        .apply("a", json!({"status": {"replicas": 9}, "metadata": {"labels": {"x": "y"}}}))
        .owned(&[
            ("a", &[".metadata.labels.x"]),
            ("u*", &[".spec.replicas"]),
            ("u*/status", &[".status", ".status.replicas"]),
        ])
        .apply("b/status", json!({"spec": {"replicas": 7}, "status": {"replicas": 1}}))
        .has(json!({"metadata": {"labels": {"x": "y"}}, "spec": {"replicas": 1}, "status": {"replicas": 1}}));
}

#[test]
fn entries_can_be_reset_and_rewritten_but_not_dropped_by_ignorance() {
    let object = Object::of(DEPLOYMENT).apply("a", replicas(3));
    let mut ignorant = object.live.clone().expect("is there");
    super::super::managers::take(&mut ignorant);
    let manager = object.manager("u");
    track(object.live.as_ref(), &mut ignorant, &manager, object.schema);
    assert_eq!(Some(&ignorant), object.live.as_ref());

    let mut reset = replicas(3);
    reset["metadata"] = json!({"managedFields": [{}]});
    let object = object.update("u", reset);
    object
        .owned(&[])
        .apply("b", replicas(3))
        .owned(&[("b", &[".spec.replicas"]), ("before-first-apply*", &[".spec.replicas"])]);
}

#[test]
fn unreadable_entries_are_ignored_rather_than_refused() {
    let mut object = Object::of(DEPLOYMENT).apply("a", replicas(3));
    let mut sent = replicas(4);
    sent["metadata"] = json!({"managedFields": [{"manager": "x", "operation": "Sing", "fieldsType": "FieldsV1"}]});
    object = object.update("u", sent);
    object.owned(&[("u*", &[".spec.replicas"])]);
}

#[test]
fn the_oldest_updaters_are_folded_into_one() {
    let mut object = Object::of(CONFIG_MAP).update("u00", json!({"data": {"k00": "0"}}));
    for number in 1..=14 {
        let mut data = serde_json::Map::new();
        data.insert(format!("k{number:02}"), "0".into());
        object = object.patch(&format!("u{number:02}"), json!({"data": data}));
    }
    let owners = object.owners();
    assert_eq!(owners.len(), 10, "{owners:?}");
    assert_eq!(
        owners["ancient-changes*"],
        [".data", ".data.k00", ".data.k01", ".data.k02", ".data.k03", ".data.k04", ".data.k05"]
    );
    assert!(owners.contains_key("u14*") && owners.contains_key("u06*"));
}
