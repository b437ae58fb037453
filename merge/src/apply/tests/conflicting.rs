//! Who may not change what, and how that is said.

use super::*;

#[test]
fn changing_what_another_applies_is_a_conflict_that_names_owner_and_field() {
    let object = || Object::of(DEPLOYMENT).apply("a", replicas(3));
    assert_eq!(
        object().conflict("b", replicas(4)),
        r#"Apply failed with 1 conflict: conflict with "a": .spec.replicas"#
    );
    object().force("b", replicas(4)).has(replicas(4)).owned(&[("b", &[".spec.replicas"])]);
}

#[test]
fn conflicts_with_updaters_name_their_version_and_several_are_listed_by_owner() {
    let message = Object::of(DEPLOYMENT)
        .apply("a", json!({"spec": {"replicas": 3, "paused": true}}))
        .patch("hpa", replicas(5))
        .patch("ctl/scale", json!({"spec": {"minReadySeconds": 9}}))
        .conflict("b", json!({"spec": {"replicas": 4, "paused": false, "minReadySeconds": 1}}));
    assert_eq!(
        message,
        "Apply failed with 3 conflicts: conflicts with \"a\":\n- .spec.paused\n\
         conflicts with \"ctl\" with subresource \"scale\" using v1:\n- .spec.minReadySeconds\n\
         conflicts with \"hpa\" using v1:\n- .spec.replicas"
    );
}

#[test]
fn a_conflict_inside_a_list_names_the_item() {
    let image = |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "x", "image": image}]}}}});
    let message = Object::of(DEPLOYMENT).apply("a", image("1")).conflict("b", image("2"));
    assert!(message.ends_with(r#": .spec.template.spec.containers[name="x"].image"#), "{message}");
}

#[test]
fn an_updater_takes_what_it_changes_and_the_applier_gets_it_back_only_by_force() {
    let scaled = Object::of(DEPLOYMENT)
        .apply("a", replicas(3))
        .patch("hpa", replicas(5))
        .owned(&[("hpa*", &[".spec.replicas"])]);
    scaled
        .apply("a", json!({"metadata": {"name": "web"}}))
        .has(json!({"metadata": {"name": "web"}, "spec": {"replicas": 5}}))
        .force("a", replicas(3))
        .owned(&[("a", &[".spec.replicas"])]);
}

#[test]
fn the_same_name_applying_and_updating_is_two_managers() {
    let message = Object::of(DEPLOYMENT).update("a", replicas(3)).conflict("a", replicas(4));
    assert_eq!(message, r#"Apply failed with 1 conflict: conflict with "a" using v1: .spec.replicas"#);
}

#[test]
fn applying_what_is_there_already_shares_it_without_conflict() {
    Object::of(DEPLOYMENT)
        .update("u", replicas(3))
        .apply("a", replicas(3))
        .owned(&[("a", &[".spec.replicas"]), ("u*", &[".spec.replicas"])]);
}
