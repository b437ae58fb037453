//! Requests that nobody would write: objects and patches in every encoding, broken by chance, sent to every kind. The
//! server refuses or takes them; it never fails, never panics and always answers.
//!
//! The chance is the same at each run. `make fuzz` goes on for longer, and from another beginning each time:
//! `FUZZ_ROUNDS`, `FUZZ_SEED`.

mod mutate;

use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use timonier_api::protobuf::{Message, envelope};
use timonier_apiserver::{Identity, Local};
use tower::ServiceExt;

use crate::every_kind::{Resource, Samples, resources};
use crate::fixture::Cluster;

const ROUNDS: u64 = 4000;
/// Nothing takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

const QUERIES: [&str; 14] = [
    "labelSelector=a%20in%20(b,c),!d",
    "fieldSelector=metadata.name=a,spec.nodeName!=b",
    "limit=3&continue=eyJydiI6MSwic3RhcnQiOiJhIn0",
    "resourceVersion=1&resourceVersionMatch=Exact",
    "resourceVersion=0&resourceVersionMatch=NotOlderThan",
    "fieldValidation=Strict",
    "fieldValidation=Ignore&dryRun=All",
    "fieldManager=fuzz&force=true",
    "fieldManager=fuzz",
    "dryRun=All",
    "propagationPolicy=Foreground&gracePeriodSeconds=0",
    "orphanDependents=true",
    "includeObject=Object&pretty=1",
    "",
];

const ACCEPTS: [&str; 5] = [
    "application/json",
    "application/yaml",
    envelope::MEDIA_TYPE,
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,*/*",
];

#[tokio::test]
async fn whatever_is_sent_is_answered_and_nothing_breaks_the_server() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (rounds, seed) = (number("FUZZ_ROUNDS").unwrap_or(ROUNDS), number("FUZZ_SEED").unwrap_or(1));
    let cluster = Cluster::start().await;
    let server = cluster.server.local(Identity::admin());
    let kinds = resources(&cluster.admin()).await;
    let samples = Samples::read();
    let mut codes = std::collections::BTreeMap::<u16, u64>::new();
    for round in 0..rounds {
        // Each round can be had again by itself.
        let mut chance = StdRng::seed_from_u64(seed.wrapping_mul(1 << 32).wrapping_add(round));
        let case = Case::make(&mut chance, &kinds, &samples);
        let code =
            case.send(&server).await.unwrap_or_else(|said| panic!("seed {seed}, round {round}: {said}: {case:?}"));
        *codes.entry(code.as_u16()).or_default() += 1;
    }
    println!("{rounds} requests from seed {seed}, answers by code: {codes:?}");
    // Chance must not be so wild that nothing is ever understood.
    assert!(codes.keys().any(|code| *code < 300) && codes.contains_key(&400) && codes.contains_key(&422), "{codes:?}");
    assert_eq!(cluster.admin().get("/readyz").await.code, StatusCode::OK);
}

struct Case {
    method: &'static str,
    path: String,
    content_type: &'static str,
    accept: &'static str,
    body: Vec<u8>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Case { method, path, content_type, accept, body } = self;
        write!(f, "{method} {path} ({content_type}, for {accept}): {}", body.escape_ascii())
    }
}

impl Case {
    fn make(chance: &mut StdRng, kinds: &[Resource], samples: &Samples) -> Case {
        let kind = kinds.choose(chance).expect("there are kinds");
        let mut object = samples.of(&kind.api_version, &kind.kind).expect("has a sample");
        let name = object["metadata"]["name"].as_str().unwrap_or("sample").to_string();
        for _ in 0..chance.random_range(0..4) {
            mutate::value(chance, &mut object);
        }
        let (method, part, content_type) = *[
            ("POST", "", "application/json"),
            ("POST", "", "application/yaml"),
            ("POST", "", envelope::MEDIA_TYPE),
            ("PUT", "/name", "application/json"),
            ("PUT", "/name/status", envelope::MEDIA_TYPE),
            ("PATCH", "/name", "application/json-patch+json"),
            ("PATCH", "/name", "application/merge-patch+json"),
            ("PATCH", "/name", "application/strategic-merge-patch+json"),
            ("PATCH", "/name", "application/apply-patch+yaml"),
            ("PATCH", "/name/status", "application/apply-patch+yaml"),
            ("PATCH", "/name/scale", "application/merge-patch+json"),
            ("DELETE", "/name", "application/json"),
            ("GET", "", ""),
            ("GET", "/name", ""),
        ]
        .choose(chance)
        .expect("there are some");
        let mut body = match content_type {
            "" => vec![],
            envelope::MEDIA_TYPE => protobuf(kind, &object),
            "application/yaml" => timonier_api::yaml::to_string(&object).into_bytes(),
            "application/json-patch+json" => mutate::json_patch(chance, &object).to_string().into_bytes(),
            "application/strategic-merge-patch+json" => {
                mutate::directives(chance, &mut object);
                object.to_string().into_bytes()
            }
            _ if method == "DELETE" => json!({"preconditions": object, "dryRun": ["All"]}).to_string().into_bytes(),
            _ => object.to_string().into_bytes(),
        };
        if chance.random_ratio(1, 3) {
            mutate::bytes(chance, &mut body);
        }
        let mut query = QUERIES.choose(chance).expect("there are some").to_string();
        if chance.random_ratio(1, 4) {
            query = mutate::query(chance, &query);
        }
        let path = format!("{}{}?{query}", kind.path, part.replace("name", &name));
        Case { method, path, content_type, accept: ACCEPTS.choose(chance).expect("there are some"), body }
    }

    async fn send(&self, server: &Local) -> Result<StatusCode, String> {
        let request = Request::builder().method(self.method).uri(&self.path).header("accept", self.accept);
        let request = match self.content_type {
            "" => request,
            content_type => request.header("content-type", content_type),
        };
        let request = request.body(Body::from(self.body.clone())).map_err(|error| error.to_string())?;
        let answering = async {
            let Ok(answer) = server.clone().oneshot(request).await;
            let code = answer.status();
            let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok::<_, String>((code, body))
        };
        let (code, body) = tokio::time::timeout(PATIENCE, answering).await.map_err(|_| "no answer")??;
        // A revision that has not come yet is waited for, and then said not to be there.
        let broken = code.is_server_error() && code != StatusCode::GATEWAY_TIMEOUT;
        if broken { Err(format!("{code}: {}", body.escape_ascii())) } else { Ok(code) }
    }
}

/// As much of it as there is protobuf for.
fn protobuf(kind: &Resource, object: &Value) -> Vec<u8> {
    let message = Message::of_kind(&kind.api_version, &kind.kind);
    let raw = message.and_then(|message| message.encode(object.to_string().as_bytes()).ok()).unwrap_or_default();
    envelope::wrap(&kind.api_version, &kind.kind, &raw)
}
