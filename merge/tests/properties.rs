//! Laws that hold whatever managers write, in whatever order.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use timonier_api::schema::Schema;
use timonier_merge::apply::{ApplyError, Manager, apply, fieldset::FieldSet, track};
use timonier_merge::{json_patch, merge_patch, strategic};

fn deployment() -> &'static Schema {
    Schema::of("io.k8s.api.apps.v1.Deployment").expect("is a kind")
}

fn manager(name: &str, second: i64) -> Manager<'_> {
    Manager { name, api_version: "apps/v1", subresource: "", time: Timestamp::from_second(second).expect("is a time") }
}

/// A deployment with a few of everything: scalars, maps, atomic maps, keyed lists in keyed lists, sets, unions.
fn deployments() -> impl Strategy<Value = Value> {
    let text = || prop::sample::select(vec!["a", "b", "c"]);
    let map = move || prop::collection::btree_map(text(), text(), 0..3);
    let env = prop::collection::btree_map(text(), text(), 0..3);
    let ports = prop::collection::btree_set((80..82u16, prop::sample::select(vec!["TCP", "UDP"])), 0..3);
    let container = (prop::option::of(text()), env, ports, prop::collection::vec(text(), 0..2));
    let containers = prop::collection::btree_map(text(), container, 0..3);
    let finalizers = prop::collection::btree_set(text(), 0..3);
    let volumes = prop::collection::btree_map(text(), 0..3usize, 0..3);
    (prop::option::of(0..3u32), any::<bool>(), map(), map(), finalizers, containers, volumes).prop_map(
        |(replicas, paused, labels, selector, finalizers, containers, volumes)| {
            let mut object = json!({
                "metadata": {"name": "web", "labels": labels, "finalizers": finalizers},
                "spec": {
                    "selector": {"matchLabels": selector},
                    "template": {"spec": {
                        "containers": containers.into_iter().map(|(name, (image, env, ports, args))| json!({
                            "name": name,
                            "image": image,
                            "args": args,
                            "env": env.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
                            "ports": ports.into_iter().map(|(port, protocol)| json!({"containerPort": port, "protocol": protocol})).collect::<Vec<_>>(),
                        })).collect::<Vec<_>>(),
                        "volumes": volumes.into_iter().map(|(name, source)| match source {
                            0 => json!({"name": name, "emptyDir": {}}),
                            1 => json!({"name": name, "emptyDir": {"medium": "Memory"}}),
                            _ => json!({"name": name, "hostPath": {"path": "/x"}}),
                        }).collect::<Vec<_>>(),
                    }},
                },
            });
            if let Some(replicas) = replicas {
                object["spec"]["replicas"] = replicas.into();
            }
            if paused {
                object["spec"]["paused"] = true.into();
            }
            let report = deployment().prune(&mut object);
            assert_eq!(report, Default::default());
            object
        },
    )
}

#[derive(Debug, Clone)]
enum Write {
    Apply { manager: &'static str, config: Value, force: bool },
    Replace { manager: &'static str, object: Value },
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let name = || prop::sample::select(vec!["x", "y", "z"]);
    let write = prop_oneof![
        (name(), deployments(), any::<bool>()).prop_map(|(manager, config, force)| Write::Apply {
            manager,
            config,
            force
        }),
        (name(), deployments()).prop_map(|(manager, object)| Write::Replace { manager, object }),
    ];
    prop::collection::vec(write, 1..8)
}

fn carry_out(live: Option<&Value>, write: &Write, second: i64) -> Result<Value, ApplyError> {
    match write {
        Write::Apply { manager: name, config, force } => {
            apply(live, config, &manager(name, second), *force, deployment())
        }
        Write::Replace { manager: name, object } => {
            let mut object = object.clone();
            track(live, &mut object, &manager(name, second), deployment());
            Ok(object)
        }
    }
}

fn history(writes: &[Write]) -> Option<Value> {
    let mut live = None;
    for (second, write) in (1..).zip(writes) {
        if let Ok(object) = carry_out(live.as_ref(), write, second) {
            live = Some(object);
        }
    }
    live
}

fn entries(object: &Value) -> Vec<Value> {
    object.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Every path of a stored set leads somewhere in the object.
fn leads_somewhere(fields: &Map<String, Value>, value: &Value) -> Result<(), String> {
    for (element, below) in fields {
        if element == "." {
            continue;
        }
        let (kind, rest) = element.split_at(2);
        let found = match (kind, value) {
            ("f:", Value::Object(members)) => members.get(rest),
            ("k:", Value::Array(items)) => {
                let keys: Map<String, Value> = serde_json::from_str(rest).expect("is JSON");
                items.iter().find(|item| keys.iter().all(|(key, value)| item.get(key) == Some(value)))
            }
            ("v:", Value::Array(items)) => {
                let wanted: Value = serde_json::from_str(rest).expect("is JSON");
                items.iter().find(|item| **item == wanted)
            }
            _ => None,
        };
        let found = found.ok_or_else(|| format!("{element} is not in {value}"))?;
        leads_somewhere(below.as_object().expect("is FieldsV1"), found)?;
    }
    Ok(())
}

/// A merge patch cannot say "null", and neither can what we store.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..3u8).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from)
    ];
    let value = leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[abc/~]", inner, 0..3).prop_map(|members| members.into_iter().collect()),
        ]
    });
    prop::collection::btree_map("[abc/~]", value, 0..4).prop_map(|members| members.into_iter().collect())
}

/// The merge patch that turns one document into another.
fn difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return to.clone();
    };
    let mut patch = Map::new();
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, new) in to {
        match from.get(name) {
            Some(old) if old == new => {}
            // A merge patch only ever adds to an object that it finds.
            Some(old) => drop(patch.insert(name.clone(), difference(old, new))),
            None => drop(patch.insert(name.clone(), new.clone())),
        }
    }
    Value::Object(patch)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applying_twice_changes_nothing(writes in writes(), config in deployments()) {
        let live = history(&writes);
        let once = apply(live.as_ref(), &config, &manager("x", 100), true, deployment()).expect("force does not conflict");
        let twice = apply(Some(&once), &config, &manager("x", 200), false, deployment());
        prop_assert_eq!(twice, Ok(once));
    }

    #[test]
    fn owners_point_at_fields_that_exist(writes in writes()) {
        if let Some(live) = history(&writes) {
            for entry in entries(&live) {
                let text = entry["fieldsV1"].as_str().expect("is text");
                let fields: Map<String, Value> = serde_json::from_str(text).expect("is FieldsV1");
                prop_assert_eq!(leads_somewhere(&fields, &live), Ok(()));
            }
        }
    }

    #[test]
    fn what_is_stored_is_read_back_as_it_was(writes in writes()) {
        if let Some(live) = history(&writes) {
            for entry in entries(&live) {
                let set = FieldSet::decode(&entry["fieldsV1"]).expect("is FieldsV1");
                prop_assert!(!set.is_empty());
                prop_assert_eq!(&set.encode(), &entry["fieldsV1"]);
                let parsed: Value = serde_json::from_str(&set.encode()).expect("is JSON");
                prop_assert_eq!(parsed.to_string(), set.encode());
                prop_assert_eq!(FieldSet::decode(&parsed), Some(set));
            }
        }
    }

    #[test]
    fn who_applies_what_was_just_applied_shares_it_and_changes_no_field(writes in writes(), config in deployments()) {
        let live = history(&writes);
        let object = apply(live.as_ref(), &config, &manager("x", 100), true, deployment()).expect("force does not conflict");
        let shared = apply(Some(&object), &config, &manager("new", 200), false, deployment()).expect("nothing differs");
        prop_assert_eq!(without_owners(&shared), without_owners(&object));
        let has = |manager: &str| entries(&shared).into_iter().find(|entry| entry["manager"] == manager && entry["operation"] == "Apply");
        prop_assert_eq!(has("new").map(|entry| entry["fieldsV1"].clone()), has("x").map(|entry| entry["fieldsV1"].clone()));
    }

    #[test]
    fn a_refused_apply_succeeds_by_force_and_a_forced_one_owns_all_it_says(writes in writes(), config in deployments()) {
        let live = history(&writes);
        let forced = apply(live.as_ref(), &config, &manager("new", 100), true, deployment()).expect("force does not conflict");
        if let Ok(peaceful) = apply(live.as_ref(), &config, &manager("new", 100), false, deployment()) {
            prop_assert_eq!(peaceful, forced);
        }
    }

    #[test]
    fn a_merge_patch_of_the_difference_leads_from_one_document_to_the_other(from in documents(), to in documents()) {
        prop_assert_eq!(merge_patch(from.clone(), &difference(&from, &to)), to);
    }

    #[test]
    fn a_strategic_patch_without_directives_is_idempotent(from in deployments(), patch in deployments()) {
        let once = strategic(&from, &patch, deployment()).expect("is a patch");
        let twice = strategic(&once, &patch, deployment()).expect("is a patch");
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn patches_of_any_shape_are_refused_but_never_panic(doc in documents(), patch in documents()) {
        let _ = json_patch(&doc, &patch);
        let _ = json_patch(&doc, &json!([patch]));
        let _ = strategic(&doc, &patch, deployment());
        let _ = apply(Some(&doc), &patch, &manager("x", 1), false, deployment());
        let mut new = patch.clone();
        track(Some(&doc), &mut new, &manager("x", 1), deployment());
        deployment().prune(&mut new);
    }
}

fn without_owners(object: &Value) -> Value {
    merge_patch(object.clone(), &json!({"metadata": {"managedFields": null}}))
}
