use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};

use crate::fixture::{As, Client, Cluster, Protocol};
use crate::{PODS, node, pod};

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

async fn account(admin: &Client, name: &str) -> Value {
    admin.post(ACCOUNTS, &json!({"metadata": {"name": name}})).await.ok()
}

async fn request(client: &Client, account: &str, spec: Value) -> crate::fixture::Answer {
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    client.post(&format!("{ACCOUNTS}/{account}/token"), &body).await
}

fn token(answer: &Value) -> String {
    answer["status"]["token"].as_str().expect("a token").to_string()
}

fn claims(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("three parts")).expect("is base64");
    serde_json::from_slice(&claims).expect("is JSON")
}

#[tokio::test]
async fn a_token_is_its_service_account_until_the_account_goes() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let robot = account(&admin, "robot").await;
    let answer = request(&admin, "robot", json!({"expirationSeconds": 900})).await.ok();
    assert_eq!(answer["kind"], "TokenRequest");
    assert_eq!(answer["spec"]["audiences"], json!([ISSUER]));
    let token = token(&answer);
    let claims = claims(&token);
    assert_eq!(claims["sub"], "system:serviceaccount:default:robot");
    assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|at| at + 900));
    assert_eq!(claims["kubernetes.io"]["serviceaccount"], json!({"name": "robot", "uid": robot["metadata"]["uid"]}));

    let bearer = cluster.bearer(&token);
    assert_eq!(bearer.get("/api").await.code, 200);
    let (code, _, message) = bearer.get(PODS).await.refused();
    assert_eq!(code, 403);
    assert!(message.contains("User \"system:serviceaccount:default:robot\" cannot list"), "{message}");
    let keys = bearer.get("/openid/v1/jwks").await.ok();
    assert_eq!((keys["keys"][0]["kty"].as_str(), keys["keys"][0]["crv"].as_str()), (Some("EC"), Some("P-256")));
    let configuration = bearer.get("/.well-known/openid-configuration").await.ok();
    assert_eq!(configuration["issuer"], ISSUER);

    // An account of the same name is another one.
    admin.delete(&format!("{ACCOUNTS}/robot")).await.ok();
    assert_eq!(bearer.get("/api").await.code, 401);
    account(&admin, "robot").await;
    assert_eq!(bearer.get("/api").await.code, 401);
    assert_eq!(request(&admin, "nobody", json!({})).await.code, 404);
}

#[tokio::test]
async fn a_token_for_another_audience_or_a_forged_one_is_refused() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    account(&admin, "robot").await;
    let other = token(&request(&admin, "robot", json!({"audiences": ["vault"]})).await.ok());
    assert_eq!(claims(&other)["aud"], json!(["vault"]));
    assert_eq!(cluster.bearer(&other).get("/api").await.code, 401);
    let mine = token(&request(&admin, "robot", json!({})).await.ok());
    let parts: Vec<&str> = mine.split('.').collect();
    let mut forged = claims(&mine);
    forged["sub"] = "system:serviceaccount:kube-system:admin".into();
    let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(forged.to_string()), parts[2]);
    assert_eq!(cluster.bearer(&forged).get("/api").await.code, 401);
    // Signed by another cluster's key.
    let stranger = Cluster::start().await;
    account(&stranger.admin(), "robot").await;
    let theirs = token(&request(&stranger.admin(), "robot", json!({})).await.ok());
    assert_eq!(cluster.bearer(&theirs).get("/api").await.code, 401);
    let (code, _, message) = request(&admin, "robot", json!({"expirationSeconds": 60})).await.refused();
    assert_eq!(code, 422);
    assert!(message.contains("may not specify a duration less than 10 minutes"), "{message}");
}

#[tokio::test]
async fn a_bound_token_ends_with_its_pod_and_agents_get_only_their_own_pods() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    account(&admin, "default").await;
    account(&admin, "robot").await;
    admin.post("/api/v1/nodes", &node("n1")).await.ok();
    let mut uids = vec![];
    for (name, on) in [("mine", "n1"), ("other", "n2")] {
        let mut pod = pod(name);
        pod["spec"]["nodeName"] = on.into();
        pod["spec"]["serviceAccountName"] = "robot".into();
        uids.push(admin.post(PODS, &pod).await.ok()["metadata"]["uid"].clone());
    }
    let bound = |name: &str, uid: &Value| json!({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": uid}});
    let agent = cluster.client(As::Certificate("system:node:n1", "system:nodes"), Protocol::Http1);
    let token = token(&request(&agent, "robot", bound("mine", &uids[0])).await.ok());
    let own = claims(&token)["kubernetes.io"].clone();
    assert_eq!(own["pod"], json!({"name": "mine", "uid": uids[0]}));
    assert_eq!(own["node"]["name"], "n1");

    let refusals = [
        ("robot", json!({}), "node requested token not bound to a pod"),
        ("robot", bound("mine", &Value::Null), "node requested token with a pod binding without a uid"),
        ("robot", bound("other", &uids[1]), "node requested token bound to a pod scheduled on a different node"),
        ("default", bound("mine", &uids[0]), "to pod running with different serviceaccount name"),
    ];
    for (account, spec, reason) in refusals {
        let (code, _, message) = request(&agent, account, spec).await.refused();
        assert!((code == 403 || code == 400) && message.contains(reason), "{code} {message}");
    }
    let (code, ..) = request(&admin, "robot", bound("mine", &uids[1])).await.refused();
    assert_eq!(code, 409, "another pod of that name is meant");

    assert_eq!(cluster.bearer(&token).get("/api").await.code, 200);
    let now = json!({"gracePeriodSeconds": 0}).to_string();
    let json = [("content-type", "application/json")];
    assert_eq!(admin.send(Method::DELETE, &format!("{PODS}/mine"), &json, &now).await.code, 200);
    assert_eq!(cluster.bearer(&token).get("/api").await.code, 401);
}
