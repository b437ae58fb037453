//! Conversations between managers: what each writes, what the object and its owners are then.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::schema::Schema;

use super::managers::Managers;
use super::*;

const DEPLOYMENT: &str = "io.k8s.api.apps.v1.Deployment";
const SERVICE: &str = "io.k8s.api.core.v1.Service";
const POD: &str = "io.k8s.api.core.v1.Pod";
const CONFIG_MAP: &str = "io.k8s.api.core.v1.ConfigMap";

/// An object and its writers. Each write is a minute after the one before.
struct Object {
    schema: &'static Schema,
    live: Option<Value>,
    minutes: i64,
}

impl Object {
    fn of(definition: &str) -> Object {
        Object { schema: Schema::of(definition).expect("is a kind"), live: None, minutes: 0 }
    }

    fn manager<'a>(&self, name: &'a str) -> Manager<'a> {
        let (name, subresource) = name.split_once('/').unwrap_or((name, ""));
        Manager {
            name,
            api_version: "v1",
            subresource,
            time: Timestamp::from_second(self.minutes * 60).expect("is a time"),
        }
    }

    fn try_apply(&mut self, name: &str, config: &Value, force: bool) -> Result<(), ApplyError> {
        self.minutes += 1;
        let applied = apply(self.live.as_ref(), config, &self.manager(name), force, self.schema)?;
        self.live = Some(applied);
        Ok(())
    }

    #[track_caller]
    fn apply(mut self, name: &str, config: Value) -> Object {
        if let Err(error) = self.try_apply(name, &config, false) {
            panic!("{error}");
        }
        self
    }

    #[track_caller]
    fn force(mut self, name: &str, config: Value) -> Object {
        self.try_apply(name, &config, true).expect("force does not conflict");
        self
    }

    #[track_caller]
    fn conflict(mut self, name: &str, config: Value) -> String {
        match self.try_apply(name, &config, false) {
            Err(error) => error.to_string(),
            Ok(()) => panic!("{name} had no conflict"),
        }
    }

    /// Replaces the object as a client does that read it before.
    fn update(mut self, name: &str, mut object: Value) -> Object {
        self.minutes += 1;
        let sent = object.pointer("/metadata/managedFields").cloned();
        if let (None, Some(live)) = (sent, &self.live)
            && let Some(kept) = live.pointer("/metadata/managedFields")
        {
            object["metadata"]["managedFields"] = kept.clone();
        }
        track(self.live.as_ref(), &mut object, &self.manager(name), self.schema);
        self.live = Some(object);
        self
    }

    /// Changes the live object with a merge patch.
    fn patch(mut self, name: &str, patch: Value) -> Object {
        self.minutes += 1;
        let live = self.live.take().expect("is there");
        let mut object = crate::merge_patch(live.clone(), &patch);
        track(Some(&live), &mut object, &self.manager(name), self.schema);
        self.live = Some(object);
        self
    }

    #[track_caller]
    fn has(self, expected: Value) -> Object {
        let mut object = self.live.clone().expect("is there");
        super::managers::take(&mut object);
        if object.get("metadata") == Some(&json!({})) {
            object.as_object_mut().expect("is an object").remove("metadata");
        }
        assert_eq!(object, expected);
        self
    }

    /// `owners`: as `name`, or `name*` for those by update, with `/subresource`; then the paths.
    #[track_caller]
    fn owned(self, owners: &[(&str, &[&str])]) -> Object {
        let expected: BTreeMap<String, Vec<String>> = owners
            .iter()
            .map(|(name, paths)| ((*name).to_owned(), paths.iter().map(|path| (*path).to_owned()).collect()))
            .collect();
        assert_eq!(self.owners(), expected);
        self
    }

    fn owners(&self) -> BTreeMap<String, Vec<String>> {
        let live = self.live.as_ref().expect("is there");
        let managers = Managers::of(super::managers::stored(live).to_vec()).expect("entries are readable");
        let named = managers.iter().map(|entry| {
            let mut name = entry.manager.clone();
            if entry.operation == Operation::Update {
                name.push('*');
            }
            if !entry.subresource.is_empty() {
                name.push('/');
                name.push_str(&entry.subresource);
            }
            (name, entry.set().paths())
        });
        named.collect()
    }

    fn time(&self, manager: &str) -> Option<String> {
        let live = self.live.as_ref()?;
        let entry = Managers::of(super::managers::stored(live).to_vec())?
            .iter()
            .find(|entry| entry.manager == manager)?
            .clone();
        entry.time
    }
}

fn replicas(replicas: u32) -> Value {
    json!({"spec": {"replicas": replicas}})
}

fn containers(names: &[&str]) -> Value {
    let containers: Vec<Value> = names.iter().map(|name| json!({"name": name, "image": format!("{name}:1")})).collect();
    json!({"spec": {"containers": containers}})
}

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
fn entries_can_be_reset_and_rewritten_but_not_dropped_by_ignorance() {
    let object = Object::of(DEPLOYMENT).apply("a", replicas(3));
    let mut ignorant = object.live.clone().expect("is there");
    super::managers::take(&mut ignorant);
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

mod from_client_side_apply {
    use super::*;

    const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

    fn annotated(replicas: u32, last: u32) -> Value {
        let last = super::replicas(last).to_string();
        json!({"metadata": {"annotations": {ANNOTATION: last}}, "spec": {"replicas": replicas}})
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
}
