use serde_json::{Value, json};

use super::*;

fn message(name: &str) -> &'static Message {
    Message::of(&format!("io.k8s.api.{name}")).expect(name)
}

fn there_and_back(name: &str, object: &Value) -> Value {
    let message = message(name);
    let bytes = message.encode(object.to_string().as_bytes()).expect("encodes");
    Value::Object(message.decode(&bytes).expect("decodes"))
}

#[test]
fn a_pod_comes_back_as_it_was() {
    let pod = json!({
        "metadata": {"name": "a", "labels": {"x": "y", "": ""}, "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}, "time": "1969-12-31T23:59:59Z"}]},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1500m"}},
            "env": [{"name": "E", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": false}}}],
            "livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 3},
            "readinessProbe": {"tcpSocket": {"port": 80}},
            "ports": [{"containerPort": 80, "protocol": "TCP"}]}],
            "ephemeralContainers": [{"name": "e", "image": "i", "command": ["a", ""], "targetContainerName": "c"}],
            "volumes": [{"name": "v", "emptyDir": {}}],
            "terminationGracePeriodSeconds": 0, "hostNetwork": true},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "lastState": {}, "state": {}}]},
    });
    let mut expected = pod.clone();
    expected["spec"]["containers"][0]["readinessProbe"]["tcpSocket"]["port"] = json!(80);
    assert_eq!(there_and_back("core.v1.Pod", &pod), expected);
}

#[test]
fn zeros_stay_where_they_mean_something_and_go_where_they_do_not() {
    let deployment = message("apps.v1.Deployment");
    // spec: replicas 0 (a pointer), minReadySeconds 0, paused false
    let bytes = b"\x12\x06\x08\x00\x28\x00\x38\x00";
    assert_eq!(Value::Object(deployment.decode(bytes).unwrap()), json!({"spec": {"replicas": 0}}));
    let status = message("core.v1.ContainerStatus");
    assert_eq!(
        Value::Object(status.decode(b"\x0a\x00\x20\x00\x28\x00").unwrap()),
        json!({"name": "", "ready": false, "restartCount": 0})
    );
}

#[test]
fn bytes_are_base64_and_maps_of_them_too() {
    let secret = json!({"data": {"a": "YWJj", "empty": ""}, "type": "Opaque"});
    assert_eq!(there_and_back("core.v1.Secret", &secret), secret);
}

#[test]
fn schemas_of_custom_resources_keep_their_either_or() {
    let definition = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
    let schema = Message::of(definition).unwrap();
    let object = json!({"type": "object", "additionalProperties": {"type": "string"}, "default": {"a": [1, null]},
        "enum": ["a", 1], "maximum": 1.5, "x-kubernetes-preserve-unknown-fields": true,
        "properties": {"list": {"items": {"type": "integer"}, "additionalItems": false}},
        "dependencies": {"a": ["b"], "c": {"type": "string"}}});
    let bytes = schema.encode(object.to_string().as_bytes()).unwrap();
    assert_eq!(Value::Object(schema.decode(&bytes).unwrap()), object);
}

#[test]
fn a_message_that_comes_in_pieces_is_one() {
    // metadata twice: name, then resourceVersion and another name
    let bytes = b"\x0a\x03\x0a\x01a\x0a\x06\x32\x01\x37\x0a\x01b";
    let object = message("core.v1.ConfigMap").decode(bytes).unwrap();
    assert_eq!(Value::Object(object), json!({"metadata": {"name": "b", "resourceVersion": "7"}}));
}

#[test]
fn unknown_fields_are_passed_over_and_damage_is_an_error() {
    let config_map = message("core.v1.ConfigMap");
    let object = config_map.decode(b"\xf8\x3f\x01\x12\x06\x0a\x01k\x12\x01v").unwrap();
    assert_eq!(Value::Object(object), json!({"data": {"k": "v"}}));
    for bytes in [&b"\x0a"[..], b"\x0a\x05a", b"\x08\x01", b"\x0a\x03\x0a\x01\xff", b"\x00"] {
        assert!(config_map.decode(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn messages_within_messages_have_an_end() {
    let name = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
    let schema = Message::of(name).unwrap();
    // `not` within `not` within …
    let mut bytes = vec![];
    for _ in 0..1000 {
        let mut around = vec![];
        wire::put_bytes(&mut around, schema.route("not").unwrap().field.number, &bytes);
        bytes = around;
    }
    assert_eq!(schema.decode(&bytes), Err(DecodeError::TooDeep));
}
