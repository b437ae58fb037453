//! Objects that had writers before anybody applied to them.

use super::*;

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn annotated(replicas: u32, last: u32) -> Value {
    let last = super::replicas(last).to_string();
    json!({"metadata": {"annotations": {ANNOTATION: last}}, "spec": {"replicas": replicas}})
}

#[test]
fn an_object_that_nobody_tracked_belongs_to_before_first_apply() {
    let mut object = Object::of(DEPLOYMENT);
    object.live = Some(replicas(3));
    object
        .patch("u", json!({"spec": {"paused": true}}))
        .owned(&[])
        .apply("a", replicas(3))
        .owned(&[("a", &[".spec.replicas"]), ("before-first-apply*", &[".spec.paused", ".spec.replicas"])]);
}

#[test]
fn kubectl_takes_over_what_it_applied_before() {
    let object =
        Object::of(DEPLOYMENT).update("kubectl-client-side-apply", annotated(3, 3)).apply("kubectl", replicas(4));
    assert_eq!(object.owners()["kubectl"], [".spec.replicas"]);
    let live = object.live.expect("is there");
    let text = live["metadata"]["annotations"][ANNOTATION].as_str().expect("still annotated");
    assert_eq!(serde_json::from_str::<Value>(text).expect("is JSON"), replicas(4));
}

#[test]
fn others_conflict_and_so_does_kubectl_where_somebody_changed_the_value_since() {
    let other =
        Object::of(DEPLOYMENT).update("kubectl-client-side-apply", annotated(3, 3)).conflict("helm", replicas(4));
    assert_eq!(
        other,
        r#"Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .spec.replicas"#
    );
    let changed = Object::of(DEPLOYMENT).update("hpa", annotated(5, 3)).conflict("kubectl", replicas(4));
    assert!(changed.contains(r#""hpa""#), "{changed}");
}

/// What kubectl itself sends before its first server-side apply: the entry of its client-side apply, as one that applies.
#[test]
fn an_entry_that_kubectl_has_rewritten_is_one_that_applied() {
    let client_side = annotated(3, 3);
    let mut object = Object::of(DEPLOYMENT).update("kubectl-client-side-apply", client_side);
    let mut migrated = object.live.clone().expect("is there");
    let entry = &mut migrated["metadata"]["managedFields"][0];
    entry["manager"] = "kubectl".into();
    entry["operation"] = "Apply".into();
    let fields = entry["fieldsV1"].as_str().expect("is text").to_owned();
    entry["fieldsV1"] = serde_json::from_str(&fields).expect("is FieldsV1");
    object = object.update("kubectl", migrated);
    object
        // Also what was only in the last client-side configuration goes now.
        .apply("kubectl", json!({"metadata": {"labels": {"x": "1"}}}))
        .has(json!({"metadata": {"labels": {"x": "1"}}}))
        .owned(&[("kubectl", &[".metadata.labels.x"])]);
}
