//! Protobuf, as typed clients speak it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use timonier_api::protobuf::{Message, envelope};

use super::every_kind::Resource;
use super::fixture::{Answer, As, Client, Cluster, PATIENCE, Protocol};
use super::{CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod};

const PROTOBUF: &str = envelope::MEDIA_TYPE;
const BODY: (&str, &str) = ("content-type", PROTOBUF);
const ACCEPT: (&str, &str) = ("accept", "application/vnd.kubernetes.protobuf,application/json");

fn encoded(object: &Value) -> Vec<u8> {
    let (api_version, kind) =
        (object["apiVersion"].as_str().expect("a version"), object["kind"].as_str().expect("a kind"));
    let message = Message::of_kind(api_version, kind).expect("has protobuf");
    envelope::wrap(api_version, kind, &message.encode(object.to_string().as_bytes()).expect("encodes"))
}

fn decoded(answer: &Answer) -> Value {
    assert_eq!(answer.headers["content-type"], PROTOBUF, "{}", String::from_utf8_lossy(&answer.body));
    envelope::decode(&answer.body).expect("is protobuf")
}

async fn post(client: &Client, path: &str, object: &Value) -> Answer {
    client.send_bytes(Method::POST, path, &[BODY, ACCEPT], encoded(object)).await
}

async fn get(client: &Client, path: &str) -> Value {
    let answer = client.send(Method::GET, path, &[ACCEPT], "").await;
    assert_eq!(answer.code, StatusCode::OK);
    decoded(&answer)
}

#[tokio::test]
async fn what_kubectl_sends_is_created() {
    let cluster = Cluster::start().await;
    let client = cluster.admin();
    let mut created = 0;
    let resources = super::every_kind::resources(&client).await;
    for line in include_str!("../../../api/src/protobuf/kubectl.jsonl").lines() {
        let sample: Value = serde_json::from_str(line).expect("is JSON");
        let is_it =
            |r: &&Resource| sample["object"]["apiVersion"] == r.api_version && sample["object"]["kind"] == r.kind;
        // What is asked for without being kept has other answers, and tokens are asked of a service account.
        let Some(Resource { path, .. }) = resources.iter().find(is_it).filter(|resource| resource.has("list")) else {
            continue;
        };
        let body = STANDARD.decode(sample["body"].as_str().expect("a text")).expect("is base64");
        let path = format!("{path}?fieldManager=kubectl-create&fieldValidation=Strict");
        let answer = client.send_bytes(Method::POST, &path, &[BODY, ACCEPT], body).await;
        assert_eq!(answer.code, StatusCode::CREATED, "{}", String::from_utf8_lossy(&answer.body));
        let object = decoded(&answer);
        assert_eq!(object["metadata"]["name"], sample["object"]["metadata"]["name"]);
        assert!(object["metadata"]["uid"].is_string() && object["metadata"]["resourceVersion"].is_string());
        // Nobody owns anything of what has nothing but a name.
        if object["kind"] == "Deployment" {
            assert_eq!(object["metadata"]["managedFields"][0]["manager"], "kubectl-create");
        }
        created += 1;
    }
    assert!(created >= 6, "{created}");
}

#[tokio::test]
async fn every_verb_has_the_same_object_in_both_encodings() {
    let cluster = Cluster::start().await;
    let client = cluster.admin();
    for (path, object) in [(PODS, pod("a")), (DEPLOYMENTS, deployment("a")), (CONFIG_MAPS, config_map("a"))] {
        let created = decoded(&post(&client, path, &object).await);
        let one = format!("{path}/a");
        assert_eq!(get(&client, &one).await, client.get(&one).await.ok(), "{path}");
        assert_eq!(get(&client, &one).await, created);
        assert_eq!(get(&client, path).await["items"].as_array().map(Vec::len), Some(1));
        let mut changed = created.clone();
        changed["metadata"]["labels"] = json!({"x": "y"});
        let answer = client.send_bytes(Method::PUT, &one, &[BODY, ACCEPT], encoded(&changed)).await;
        assert_eq!(decoded(&answer)["metadata"]["labels"]["x"], "y");
        assert_eq!(get(&client, &format!("{path}?labelSelector=x=y")).await["items"][0]["metadata"]["name"], "a");
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
            "preconditions": {"uid": created["metadata"]["uid"]}});
        let answer = client.send_bytes(Method::DELETE, &one, &[BODY, ACCEPT], encoded(&options)).await;
        assert_eq!(answer.code, StatusCode::OK);
        decoded(&answer);
        assert_eq!(client.get(&one).await.code, StatusCode::NOT_FOUND);
    }
    // Items of a list do not say their kind again, so their bytes are those of the single object.
    for name in ["a", "b"] {
        post(&client, CONFIG_MAPS, &config_map(name)).await;
    }
    let list = get(&client, CONFIG_MAPS).await;
    assert_eq!((list["kind"].as_str(), list["apiVersion"].as_str()), (Some("ConfigMapList"), Some("v1")));
    assert_eq!(list["items"][1]["data"]["a"], "1");
    assert!(list["items"][1].get("kind").is_none() && list["metadata"]["resourceVersion"].is_string());
    let page = get(&client, &format!("{CONFIG_MAPS}?limit=1")).await;
    assert_eq!((page["items"].as_array().map(Vec::len), &page["metadata"]["remainingItemCount"]), (Some(1), &json!(1)));
}

#[tokio::test]
async fn subresources_and_kinds_with_two_faces_speak_it_too() {
    let cluster = Cluster::start().await;
    let client = cluster.admin();
    post(&client, DEPLOYMENTS, &deployment("w")).await;
    let scale = format!("{DEPLOYMENTS}/w/scale");
    let mut object = get(&client, &scale).await;
    assert_eq!((&object["kind"], &object["spec"]["replicas"]), (&json!("Scale"), &json!(3)));
    object["spec"]["replicas"] = json!(0);
    let answer = client.send_bytes(Method::PUT, &scale, &[BODY, ACCEPT], encoded(&object)).await;
    assert_eq!(answer.code, StatusCode::OK);
    assert_eq!(get(&client, &format!("{DEPLOYMENTS}/w")).await["spec"]["replicas"], 0);
    client.post("/api/v1/nodes", &super::node("n")).await.ok();
    post(&client, PODS, &pod("p")).await;
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"},
        "target": {"kind": "Node", "name": "n"}});
    let status = decoded(&post(&client, &format!("{PODS}/p/binding"), &binding).await);
    assert_eq!((&status["kind"], &status["status"]), (&json!("Status"), &json!("Success")));
    let event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "type": "Normal",
        "reason": "Tested", "action": "Test", "reportingController": "c", "reportingInstance": "i", "note": "n",
        "eventTime": "2026-01-02T03:04:05.000006Z",
        "regarding": {"kind": "Pod", "namespace": "default", "name": "p", "apiVersion": "v1"}});
    let events = "/apis/events.k8s.io/v1/namespaces/default/events";
    assert_eq!(post(&client, events, &event).await.code, StatusCode::CREATED);
    assert_eq!(get(&client, &format!("{events}/e")).await["eventTime"], "2026-01-02T03:04:05.000006Z");
    assert_eq!(get(&client, events).await["items"][0]["note"], "n");
    assert_eq!(get(&client, "/api/v1/namespaces/default/events/e").await["message"], "n");
    assert_eq!(get(&client, "/apis/apps/v1").await["groupVersion"], "apps/v1");
}

#[tokio::test]
async fn refusals_are_protobuf_and_bodies_that_cannot_be_read_are_named() {
    let cluster = Cluster::start().await;
    let client = cluster.admin();
    let answer = client.send(Method::GET, &format!("{PODS}/none"), &[ACCEPT], "").await;
    let status = decoded(&answer);
    assert_eq!((answer.code, &status["reason"]), (StatusCode::NOT_FOUND, &json!("NotFound")));
    assert_eq!((&status["details"]["name"], &status["code"]), (&json!("none"), &json!(404)));
    let invalid =
        decoded(&post(&client, PODS, &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "A"}})).await);
    assert_eq!(invalid["reason"], "Invalid");
    assert!(invalid["details"]["causes"].as_array().is_some_and(|causes| causes.len() > 1), "{invalid}");
    let anonymous = cluster.client(As::Anonymous, Protocol::Http1);
    assert_eq!(anonymous.send(Method::GET, PODS, &[ACCEPT], "").await.code, StatusCode::FORBIDDEN);

    for (body, words) in [
        (b"{}".to_vec(), "expected prefix"),
        (encoded(&config_map("c"))[..30].to_vec(), "unexpected EOF"),
        (envelope::wrap("v1", "Podd", b""), "no kind \"Podd\" is registered for version \"v1\""),
        (encoded(&config_map("c")), "the kind in the data (ConfigMap) does not match the expected kind (Pod)"),
    ] {
        let answer = client.send_bytes(Method::POST, PODS, &[BODY], body).await;
        let (code, _, message) = answer.refused();
        assert!(code == 400 && message.contains(words), "{message}");
    }
    let answer = client.send(Method::POST, PODS, &[("content-type", "application/cbor")], "x").await;
    assert!(answer.code == StatusCode::UNSUPPORTED_MEDIA_TYPE && answer.refused().2.contains(PROTOBUF));
    let answer = client.send(Method::GET, PODS, &[("accept", "application/cbor")], "").await;
    assert!(answer.code == StatusCode::NOT_ACCEPTABLE && answer.refused().2.contains(PROTOBUF));
}

#[tokio::test]
async fn metadata_alone_can_be_protobuf_and_tables_are_json() {
    let cluster = Cluster::start().await;
    let client = cluster.admin();
    post(&client, CONFIG_MAPS, &config_map("c")).await;
    let accept =
        |shape| format!("{PROTOBUF};as={shape};g=meta.k8s.io;v=v1,application/json;as={shape};g=meta.k8s.io;v=v1");
    let list = accept("PartialObjectMetadataList");
    let answer = client.send(Method::GET, CONFIG_MAPS, &[("accept", &list)], "").await;
    let list = decoded(&answer);
    assert_eq!(
        (&list["kind"], &list["items"][0]["metadata"]["name"]),
        (&json!("PartialObjectMetadataList"), &json!("c"))
    );
    let table = client.send(Method::GET, CONFIG_MAPS, &[("accept", &accept("Table"))], "").await;
    assert_eq!(table.headers["content-type"], "application/json");
    assert_eq!(table.ok()["kind"], "Table");
}

#[tokio::test]
async fn a_watch_is_a_stream_of_events_with_their_lengths() {
    let cluster = Cluster::start().await;
    let client = cluster.admin();
    post(&client, CONFIG_MAPS, &config_map("a")).await;
    let path = format!(
        "{CONFIG_MAPS}?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    );
    let mut frames = Frames::open(&client, &path).await;
    let (kind, object) = frames.next().await;
    assert_eq!((&*kind, &object["metadata"]["name"], &object["kind"]), ("ADDED", &json!("a"), &json!("ConfigMap")));
    let (kind, object) = frames.next().await;
    assert_eq!((&*kind, &object["metadata"]["annotations"]["k8s.io/initial-events-end"]), ("BOOKMARK", &json!("true")));
    client.merge(&format!("{CONFIG_MAPS}/a"), &json!({"data": {"a": "2"}})).await.ok();
    let (kind, changed) = frames.next().await;
    assert_eq!((&*kind, &changed["data"]["a"]), ("MODIFIED", &json!("2")));
    client.delete(&format!("{CONFIG_MAPS}/a")).await.ok();
    let (kind, deleted) = frames.next().await;
    assert_eq!(kind, "DELETED");
    let revision = |object: &Value| object["metadata"]["resourceVersion"].as_str().and_then(|r| r.parse::<u64>().ok());
    assert!(revision(&deleted) > revision(&changed), "{deleted}");

    let mut frames = Frames::open(&client, &format!("{CONFIG_MAPS}?watch=1&resourceVersion=1&timeoutSeconds=1")).await;
    let (kind, _) = frames.next().await;
    assert!(matches!(&*kind, "ADDED" | "ERROR"));
}

/// The events of a watch in protobuf.
struct Frames {
    body: Incoming,
    pending: Vec<u8>,
}

impl Frames {
    async fn open(client: &Client, path: &str) -> Frames {
        let response = client.open(Method::GET, path, &[("accept", PROTOBUF)], "").await;
        assert_eq!(response.headers()["content-type"], envelope::WATCH_MEDIA_TYPE);
        Frames { body: response.into_body(), pending: vec![] }
    }

    /// Type and object of the next event.
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some(event) = self.whole() {
                let mut parts = timonier_api::protobuf::wire::Reader(&event);
                let (mut kind, mut object) = (String::new(), Value::Null);
                while let Some((number, _)) = parts.tag().expect("an event") {
                    let bytes = parts.bytes().expect("an event");
                    if number == 1 {
                        kind = String::from_utf8(bytes.to_vec()).expect("a text");
                    } else {
                        let mut raw = timonier_api::protobuf::wire::Reader(bytes);
                        assert_eq!(raw.tag(), Ok(Some((1, 2))));
                        object = envelope::decode(raw.bytes().expect("an object")).expect("an object");
                    }
                }
                return (kind, object);
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("an event in time");
            if let Ok(data) = frame.expect("the stream goes on").expect("a stream").into_data() {
                self.pending.extend_from_slice(&data);
            }
        }
    }

    fn whole(&mut self) -> Option<Vec<u8>> {
        let length = u32::from_be_bytes(self.pending.get(..4)?.try_into().ok()?) as usize;
        if self.pending.len() < 4 + length {
            return None;
        }
        Some(self.pending.drain(..4 + length).skip(4).collect())
    }
}
