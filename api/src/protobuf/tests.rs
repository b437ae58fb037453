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

/// What kubectl 1.33 and 1.36 sent for some commands (recorded by `tools/kubectl-bodies`), beside what the same commands
/// print with `--dry-run=client -o json`, without its nulls.
const KUBECTL: &str = include_str!("kubectl.jsonl");

#[test]
fn what_kubectl_sends_is_what_it_prints() {
    use base64::Engine;
    for line in KUBECTL.lines() {
        let sample: Value = serde_json::from_str(line).unwrap();
        let body = base64::engine::general_purpose::STANDARD.decode(sample["body"].as_str().unwrap()).unwrap();
        let object = envelope::decode(&body).unwrap();
        assert_eq!(object, sample["object"], "{}", sample["command"]);
        let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let raw = Message::of_kind(api_version, kind).unwrap().encode(object.to_string().as_bytes()).unwrap();
        assert_eq!(envelope::decode(&envelope::wrap(api_version, kind, &raw)).unwrap(), object);
    }
}

/// Every kind of which we know the schema.
mod every_kind {
    use super::*;
    use crate::schema::{Schema, Shape, StringFormat};
    use proptest::prelude::*;

    fn schemas() -> impl Iterator<Item = (&'static Message, &'static Schema)> {
        Message::all()
            .iter()
            .filter(|message| message.form == table::Form::Fields)
            .filter_map(|message| Some((message, Schema::of(message.name)?)))
    }

    #[test]
    fn every_field_has_a_number() {
        let mut count = 0;
        for (message, schema) in schemas() {
            let Shape::Object { fields, .. } = schema.shape() else { continue };
            for field in fields.iter().filter(|field| !matches!(&*field.name, "apiVersion" | "kind")) {
                assert!(message.has(&field.name), "{} {}", message.name, field.name);
                count += 1;
            }
        }
        assert!(count > 500, "{count}");
    }

    /// Makes objects that fit a schema, no two alike.
    struct Maker {
        state: u64,
        /// Of ten optional fields, how many are there.
        tenths: u64,
        /// What is being made: within itself, a definition has texts alone.
        open: Vec<&'static str>,
    }

    impl Maker {
        fn next(&mut self, below: u64) -> u64 {
            self.state = self.state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.state >> 33) % below
        }

        /// A text that is not empty: an empty one is left out where it means nothing.
        fn text(&mut self) -> String {
            format!("{}{}", ["a", "ä", "\"\\\n", "x".repeat(150).as_str()][self.next(4) as usize], self.next(1000))
        }

        fn value(&mut self, schema: &'static Schema) -> Value {
            match schema.shape() {
                Shape::Any => match schema.definition().map(|name| name.rsplit('.').next().unwrap_or("")) {
                    Some("JSONSchemaPropsOrArray" | "JSONSchemaPropsOrBool") => json!({"type": "string"}),
                    Some("JSONSchemaPropsOrStringArray") => json!(["a"]),
                    _ => json!({"a": [1, null, {"b": 1.5}], "": self.text()}),
                },
                Shape::Object { fields, .. } => {
                    let definition = schema.definition().unwrap_or("");
                    let mut object = serde_json::Map::new();
                    let within_itself = self.open.contains(&definition);
                    self.open.push(definition);
                    for field in fields.iter() {
                        let fits = !within_itself || matches!(field.schema().shape(), Shape::String(_));
                        let wanted = field.required || (fits && self.next(10) < self.tenths);
                        let type_meta = matches!(&*field.name, "apiVersion" | "kind")
                            && !Message::of(definition).is_some_and(|message| message.has(&field.name));
                        if wanted && !type_meta {
                            object.insert(field.name.to_string(), self.value(field.schema()));
                        }
                    }
                    self.open.pop();
                    Value::Object(object)
                }
                Shape::Map { values, .. } => {
                    let count = 1 + self.next(2);
                    let entries = (0..count).map(|_| (self.text(), self.value(values.schema())));
                    Value::Object(entries.collect())
                }
                Shape::List { items, .. } => {
                    let count = 1 + self.next(2);
                    Value::Array((0..count).map(|_| self.value(items.schema())).collect())
                }
                Shape::String(StringFormat::Plain) => self.text().into(),
                Shape::String(StringFormat::Byte) => "YWJj/w==".into(),
                Shape::String(StringFormat::Time) => format!("{}-02-03T04:05:06Z", 1900 + self.next(200)).into(),
                Shape::String(StringFormat::MicroTime) => {
                    format!("{}-02-03T04:05:06.{:06}Z", 1900 + self.next(200), self.next(1000000)).into()
                }
                Shape::Integer { bits: 32 } => json!(1 + self.next(1 << 31) as i64 - (1 << 31)).clone(),
                Shape::Integer { .. } => {
                    json!((1 + self.next(1 << 31) as i64) * if self.next(2) == 0 { -(1 << 32) } else { 1 })
                }
                Shape::Number => json!(self.next(1000) as f64 + 0.5),
                Shape::Boolean => json!(true),
                Shape::IntOrString if self.next(2) == 0 => json!(1 + self.next(1000)),
                Shape::IntOrString => json!("25%"),
                Shape::Quantity => json!("1500m"),
            }
        }
    }

    fn comes_back(seed: u64, tenths: u64) -> Result<(), TestCaseError> {
        for (message, schema) in schemas() {
            let object = Maker { state: seed, tenths, open: vec![] }.value(schema);
            let bytes = message.encode(object.to_string().as_bytes()).unwrap();
            let back = Value::Object(message.decode(&bytes).unwrap());
            prop_assert_eq!(&back, &object, "{}", message.name);
        }
        Ok(())
    }

    #[test]
    fn comes_back_with_every_field_filled() {
        for seed in 0..3 {
            comes_back(seed, 10).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn comes_back_with_any_fields_filled(seed: u64, tenths in 0u64..8) {
            comes_back(seed, tenths)?;
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes: Vec<u8>, at in 0usize..200, to: u8) {
            let pod = message("core.v1.Pod");
            let _ = pod.decode(&bytes);
            let _ = envelope::decode(&bytes);
            let mut damaged = pod.encode(Maker { state: 1, tenths: 3, open: vec![] }.value(Schema::of(pod.name).unwrap()).to_string().as_bytes()).unwrap();
            let at = at % damaged.len();
            damaged[at] = to;
            let _ = pod.decode(&damaged);
        }
    }
}
