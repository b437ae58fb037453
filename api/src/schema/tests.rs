use serde_json::{Value, json};

use super::*;

fn schema(definition: &str) -> &'static Schema {
    Schema::of(definition).expect(definition)
}

fn pod() -> &'static Schema {
    schema("io.k8s.api.core.v1.Pod")
}

fn pruned(definition: &str, mut object: Value) -> (Value, Pruned) {
    let report = schema(definition).prune(&mut object);
    (object, report)
}

#[test]
fn every_root_has_a_schema_and_every_reference_leads_to_one() {
    for root in roots::ROOTS {
        let name = (root.definition)();
        let mut waiting = vec![schema(&name)];
        let mut seen = Vec::new();
        while let Some(schema) = waiting.pop() {
            if let Some(name) = schema.definition() {
                if seen.contains(&name) {
                    continue;
                }
                seen.push(name);
            }
            match schema.shape() {
                Shape::Object { fields, .. } => {
                    for field in fields.iter() {
                        if let Link::Definition { name, .. } = &field.link {
                            assert_eq!(field.schema().definition(), Some(&**name));
                        }
                        waiting.push(Box::leak(Box::new(field.schema().clone())));
                    }
                }
                Shape::Map { values: link, .. } | Shape::List { items: link, .. } => {
                    waiting.push(Box::leak(Box::new(link.schema().clone())));
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_part_is_found_without_its_kind_being_asked_for_first() {
    assert!(Schema::of("io.k8s.api.core.v1.PodSpec").is_some());
    assert!(Schema::of("io.k8s.api.core.v1.NoSuchThing").is_none());
}

#[test]
fn marks_are_where_merging_looks_for_them() {
    let spec = schema("io.k8s.api.core.v1.PodSpec");
    let volumes = spec.field("volumes").unwrap();
    assert!(volumes.patch.merge && volumes.patch.retain_keys);
    assert_eq!(volumes.patch.merge_key.as_deref(), Some("name"));
    assert!(matches!(volumes.schema().list_kind(), Some(ListKind::Map { keys }) if *keys[0] == *"name"));
    assert!(spec.member("nodeSelector").unwrap().is_atomic());
    assert!(!spec.member("containers").unwrap().is_atomic());
    assert!(schema("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector").is_atomic());
    assert!(!schema("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta").member("labels").unwrap().is_atomic());
    let port = schema("io.k8s.api.core.v1.ContainerPort");
    assert_eq!(port.member("protocol").unwrap().key_default(), Some(&json!("TCP")));
    let strategy = schema("io.k8s.api.apps.v1.DeploymentSpec").field("strategy").unwrap();
    assert!(strategy.patch.retain_keys && !strategy.patch.merge);
}

#[test]
fn unknown_fields_are_removed_and_named_as_strict_decoding_names_them() {
    let (object, report) = pruned(
        "io.k8s.api.core.v1.Pod",
        json!({"bogus": 1, "spec": {"foo": true, "containers": [{"name": "a", "bar": {}}]}}),
    );
    assert_eq!(object, json!({"spec": {"containers": [{"name": "a"}]}}));
    assert_eq!(report.unknown, ["bogus", "spec.containers[0].bar", "spec.foo"]);
    assert_eq!(report.type_errors, []);
}

#[test]
fn null_is_unset_in_a_struct_and_the_zero_value_in_a_map_or_list() {
    let (object, report) = pruned(
        "io.k8s.api.core.v1.Pod",
        json!({
            "metadata": {"creationTimestamp": null, "labels": {"a": null}},
            "spec": {"nodeName": null, "containers": [{"name": "a", "args": [null, "x"]}]},
        }),
    );
    assert_eq!(report, Pruned::default());
    assert_eq!(
        object,
        json!({
            "metadata": {"labels": {"a": ""}},
            "spec": {"containers": [{"name": "a", "args": ["", "x"]}]},
        })
    );
}

#[test]
fn empty_lists_and_maps_are_unset_but_empty_structs_and_required_lists_are_not() {
    let (object, _) = pruned(
        "io.k8s.api.core.v1.Pod",
        json!({
            "metadata": {"labels": {}},
            "spec": {"tolerations": [], "containers": [], "volumes": [{"name": "v", "emptyDir": {}}]},
        }),
    );
    assert_eq!(object, json!({"metadata": {}, "spec": {"containers": [], "volumes": [{"name": "v", "emptyDir": {}}]}}));
}

#[test]
fn a_wrong_type_is_worded_as_kubernetes_words_it() {
    let cases = [
        (
            json!({"spec": {"replicas": "3"}}),
            "spec.replicas",
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            json!({"spec": {"template": {"spec": {"containers": [{"env": [{"name": "A", "value": 1}]}]}}}}),
            "spec.template.spec.containers[0].env[0].value",
            "json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
        ),
        (
            json!({"spec": {"template": {"spec": {"containers": {}}}}}),
            "spec.template.spec.containers",
            "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            json!({"metadata": {"labels": {"a": true}}}),
            "metadata.labels.a",
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            json!({"spec": {"replicas": 1.5}}),
            "spec.replicas",
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            json!({"spec": {"replicas": 3000000000u32}}),
            "spec.replicas",
            "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (json!([]), "", "json: cannot unmarshal array into Go value of type v1.Deployment"),
    ];
    for (object, path, message) in cases {
        let (_, report) = pruned("io.k8s.api.apps.v1.Deployment", object);
        let [error] = &report.type_errors[..] else {
            panic!("{report:?}");
        };
        assert_eq!((&*error.path, &*error.message), (path, message));
    }
}

#[test]
fn int_or_string_takes_both_and_raw_values_take_anything() {
    let (_, report) = pruned(
        "io.k8s.api.apps.v1.Deployment",
        json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}}}}),
    );
    assert_eq!(report, Pruned::default());
    let entry = json!({"metadata": {"managedFields": [{"fieldsV1": {"f:spec": {"f:x": {}, ".": {}}}}]}});
    let (object, report) = pruned("io.k8s.api.core.v1.Pod", entry.clone());
    assert_eq!((object, report), (entry, Pruned::default()));
}

#[test]
fn quantities_and_times_are_written_one_way_only() {
    let (object, report) = pruned(
        "io.k8s.api.core.v1.Pod",
        json!({
            "metadata": {"creationTimestamp": "2026-01-01T01:00:00+01:00"},
            "spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": 2, "memory": "1024Mi"}}}]},
        }),
    );
    assert_eq!(report, Pruned::default());
    assert_eq!(object["metadata"]["creationTimestamp"], "2026-01-01T00:00:00Z");
    let limits = &object["spec"]["containers"][0]["resources"]["limits"];
    assert_eq!(limits, &json!({"cpu": "2", "memory": "1Gi"}));
}

#[test]
fn bytes_must_be_base64() {
    let (object, report) = pruned("io.k8s.api.core.v1.Secret", json!({"data": {"a": "YWJj\n"}}));
    assert_eq!((object, report), (json!({"data": {"a": "YWJj"}}), Pruned::default()));
    let (_, report) = pruned("io.k8s.api.core.v1.Secret", json!({"data": {"a": "no base64"}}));
    assert_eq!(report.type_errors[0].path, "data.a");
    assert!(report.type_errors[0].message.contains("illegal base64 data at input byte 2"));
}

#[test]
fn what_k8s_openapi_writes_is_pruned_to_itself() {
    use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
    let typed = Pod {
        spec: Some(PodSpec {
            containers: vec![Container { name: "web".into(), ..Default::default() }],
            ..Default::default()
        }),
        ..Default::default()
    };
    let before = serde_json::to_value(&typed).unwrap();
    let mut after = before.clone();
    assert_eq!(pod().prune(&mut after), Pruned::default());
    assert_eq!(before, after);
}

mod documents {
    use super::*;

    const KINDS: &[&str] = &["io.k8s.api.apps.v1.Deployment", "io.k8s.api.core.v1.Service"];

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    found.push(target.clone());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_to_a_definition_of_the_same_document() {
        for (document, prefix) in
            [(openapi::v2(KINDS), "#/definitions/"), (openapi::v3(KINDS), "#/components/schemas/")]
        {
            let mut found = Vec::new();
            document.values().for_each(|schema| references(schema, &mut found));
            assert!(found.len() > 100);
            for target in found {
                let name = target.strip_prefix(prefix).expect(&target);
                assert!(document.contains_key(name), "{target}");
            }
        }
    }

    #[test]
    fn kinds_and_lists_say_which_group_version_and_kind_they_are() {
        let document = openapi::v3(KINDS);
        let identity = |name: &str| document[name]["x-kubernetes-group-version-kind"].clone();
        assert_eq!(
            identity("io.k8s.api.apps.v1.Deployment"),
            json!([{"group": "apps", "version": "v1", "kind": "Deployment"}])
        );
        assert_eq!(
            identity("io.k8s.api.apps.v1.DeploymentList"),
            json!([{"group": "apps", "version": "v1", "kind": "DeploymentList"}])
        );
        assert_eq!(
            openapi::list_of("io.k8s.api.apps.v1.Deployment").as_deref(),
            Some("io.k8s.api.apps.v1.DeploymentList")
        );
    }

    #[test]
    fn a_described_reference_is_an_all_of_in_version_3_and_a_plain_one_in_version_2() {
        let strategy = |document: serde_json::Map<String, Value>| {
            document["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["strategy"].clone()
        };
        let v3 = strategy(openapi::v3(KINDS));
        assert_eq!(v3["allOf"], json!([{"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy"}]));
        assert!(v3["description"].is_string() && v3.get("$ref").is_none());
        let v2 = strategy(openapi::v2(KINDS));
        assert_eq!(v2["$ref"], "#/definitions/io.k8s.api.apps.v1.DeploymentStrategy");
        assert_eq!(v2["x-kubernetes-patch-strategy"], "retainKeys");
    }
}
