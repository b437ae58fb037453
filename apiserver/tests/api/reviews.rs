//! Questions about identities and what they may do.

use serde_json::{Value, json};

use super::fixture::{As, Cluster, Protocol};

const AUTHORIZATION: &str = "/apis/authorization.k8s.io/v1";
const AUTHENTICATION: &str = "/apis/authentication.k8s.io/v1";

fn review(group: &str, kind: &str, spec: Value) -> Value {
    json!({"apiVersion": format!("{group}/v1"), "kind": kind, "spec": spec})
}

#[tokio::test]
async fn everyone_may_ask_about_oneself_and_the_admin_about_everyone() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let bob = cluster.client(As::Certificate("bob", ""), Protocol::Http1);
    let node = cluster.client(As::Certificate("system:node:n1", "system:nodes"), Protocol::Http1);
    let pods = |verb: &str| json!({"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": "default"}});
    let own = format!("{AUTHORIZATION}/selfsubjectaccessreviews");
    for (client, verb, allowed) in [
        (&admin, "create", true),
        (&admin, "*", true),
        (&bob, "list", false),
        (&node, "list", true),
        (&node, "create", true),
        (&node, "update", false),
        (&node, "*", false),
    ] {
        let asked = review("authorization.k8s.io", "SelfSubjectAccessReview", pods(verb));
        let answer = client.post(&own, &asked).await;
        assert_eq!(answer.code, 201, "{verb}");
        let answer = answer.ok();
        assert_eq!(answer["status"], json!({"allowed": allowed}), "{verb}");
        assert_eq!(answer["spec"], asked["spec"]);
    }
    let healthy = json!({"nonResourceAttributes": {"verb": "get", "path": "/healthz"}});
    let answer = bob.post(&own, &review("authorization.k8s.io", "SelfSubjectAccessReview", healthy)).await.ok();
    assert_eq!(answer["status"]["allowed"], true);

    let others = format!("{AUTHORIZATION}/subjectaccessreviews");
    for (user, groups, allowed) in [("x", json!(["system:masters"]), true), ("x", json!([]), false)] {
        let mut spec = pods("delete");
        spec["user"] = user.into();
        spec["groups"] = groups;
        let asked = review("authorization.k8s.io", "SubjectAccessReview", spec);
        assert_eq!(admin.post(&others, &asked).await.ok()["status"]["allowed"], allowed);
        assert_eq!(bob.post(&others, &asked).await.refused().0, 403);
    }
    let rules = review("authorization.k8s.io", "SelfSubjectRulesReview", json!({"namespace": "default"}));
    let answer = bob.post(&format!("{AUTHORIZATION}/selfsubjectrulesreviews"), &rules).await.ok();
    assert_eq!(answer["status"]["resourceRules"].as_array().map(Vec::len), Some(2), "{answer}");
    let answer = bob.post(&format!("{AUTHENTICATION}/selfsubjectreviews"), &json!({})).await.ok();
    assert_eq!(answer["status"]["userInfo"]["username"], "bob");
    let anonymous = cluster.client(As::Anonymous, Protocol::Http1);
    let answer = anonymous.post(&format!("{AUTHENTICATION}/selfsubjectreviews"), &json!({})).await;
    assert_eq!(answer.refused().0, 403);
}

#[tokio::test]
async fn a_token_is_told_to_whom_it_belongs() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let path = format!("{AUTHENTICATION}/tokenreviews");
    let ask = async |token: &str| {
        let asked = review("authentication.k8s.io", "TokenReview", json!({"token": token}));
        admin.post(&path, &asked).await.ok()["status"].clone()
    };
    let known = ask("admin-token").await;
    assert_eq!((&known["authenticated"], &known["user"]["username"]), (&json!(true), &json!("admin")), "{known}");
    let unknown = ask("nobody's").await;
    assert!(unknown["authenticated"].is_null() && unknown["error"].is_string(), "{unknown}");
    let empty = admin.post(&path, &review("authentication.k8s.io", "TokenReview", json!({}))).await.refused();
    assert!(empty.0 == 422 && empty.2.contains("spec.token: Required value"), "{}", empty.2);
}

#[tokio::test]
async fn questions_are_checked_and_never_kept() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let own = format!("{AUTHORIZATION}/selfsubjectaccessreviews");
    let refused =
        admin.post(&own, &review("authorization.k8s.io", "SelfSubjectAccessReview", json!({}))).await.refused();
    assert!(refused.0 == 422 && refused.2.contains("exactly one of"), "{}", refused.2);
    let local = format!("{AUTHORIZATION}/namespaces/default/localsubjectaccessreviews");
    let spec = json!({"user": "x", "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "other"}});
    let refused = admin.post(&local, &review("authorization.k8s.io", "LocalSubjectAccessReview", spec)).await.refused();
    assert!(refused.2.contains("must match metadata.namespace"), "{}", refused.2);
    assert_eq!(admin.get(&own).await.refused().0, 405);
    let resources = admin.get(AUTHORIZATION).await.ok();
    for resource in resources["resources"].as_array().expect("resources") {
        assert_eq!(resource["verbs"], json!(["create"]), "{resource}");
    }
    assert_eq!(resources["resources"].as_array().map(Vec::len), Some(4));
}
