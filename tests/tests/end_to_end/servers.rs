//! Two API servers on one etcd: what is decided through one holds at the other, without a restart.

use anyhow::{Context, Result, ensure};
use http::{Method, Request};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use timonier_tests::cluster::Store;
use timonier_tests::processes::{ApiServer, Ground};
use timonier_tests::wait::eventually;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/example.org/v1/namespaces/default/widgets";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// A server, asked as somebody.
#[derive(Clone)]
struct Asked {
    client: Client,
    user: Option<&'static str>,
}

impl Asked {
    async fn of(server: &ApiServer) -> Result<Asked> {
        Ok(Asked { client: server.client().await?, user: None })
    }

    fn by(&self, user: &'static str) -> Asked {
        Asked { user: Some(user), ..self.clone() }
    }

    /// The answer, whatever it is.
    async fn send(&self, method: Method, path: &str, body: &Value) -> Result<(u16, Value)> {
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let mut request = Request::builder().method(method).uri(path).header("content-type", kind);
        if let Some(user) = self.user {
            request = request.header("impersonate-user", user);
        }
        let body = if body.is_null() { vec![] } else { serde_json::to_vec(body)? };
        let answer = self.client.send(request.body(Body::from(body))?).await?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// The answer, which must be a success.
    async fn done(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let (status, answer) = self.send(method.clone(), path, body).await?;
        ensure!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        Ok(answer)
    }

    async fn get(&self, path: &str) -> Result<(u16, Value)> {
        self.send(Method::GET, path, &Value::Null).await
    }

    /// Waits until a GET is answered with this status.
    async fn answers(&self, path: &str, status: u16) -> Result<Value> {
        let what = format!("{path} is answered with {status}");
        eventually(&what, || async {
            let (found, answer) = self.get(path).await?;
            ensure!(found == status, "{found}: {answer}");
            Ok(answer)
        })
        .await
    }
}

fn definition() -> Value {
    let spec = json!({"type": "object", "properties": {"size": {"type": "integer"}}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}],
        },
    })
}

fn widget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_through_one_server_holds_at_the_other() -> Result<()> {
    let mut ground = Ground::new(Store::Etcd).await?;
    let (first, second) = (ground.api_server("first").await?, ground.api_server("second").await?);
    let (a, b) = (Asked::of(&first).await?, Asked::of(&second).await?);
    kinds(&a, &b).await?;
    roles(&a, &b).await
}

/// A kind comes, changes and goes.
async fn kinds(a: &Asked, b: &Asked) -> Result<()> {
    ensure!(b.get(WIDGETS).await?.0 == 404);
    a.done(Method::POST, DEFINITIONS, &definition()).await?;
    // Whoever was told that it is there finds it at the other server, at once.
    a.answers(WIDGETS, 200).await?;
    let made = b.done(Method::POST, WIDGETS, &widget("one", json!({"size": 1, "unknown": 2}))).await?;
    ensure!(made["spec"] == json!({"size": 1}), "pruned: {made}");
    let (_, found) = a.get(&format!("{WIDGETS}/one")).await?;
    ensure!(found["metadata"]["uid"] == made["metadata"]["uid"], "{found}");
    for server in [a, b] {
        let discovered = server.answers("/apis/example.org/v1", 200).await?;
        ensure!(discovered["resources"][0]["shortNames"] == json!(["wd"]), "{discovered}");
        let documented = server.answers("/openapi/v3/apis/example.org/v1", 200).await?;
        ensure!(documented["paths"].get("/apis/example.org/v1/namespaces/{namespace}/widgets").is_some());
    }

    // Stricter in one place, wider in another, by the other server.
    let mut stricter = definition()["spec"]["versions"].clone();
    stricter[0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = json!({"type": "object", "properties": {"size": {"type": "integer", "maximum": 5}, "color": {"type": "string"}}});
    let changed = json!({"spec": {"versions": stricter}});
    b.done(Method::PATCH, &format!("{DEFINITIONS}/widgets.example.org"), &changed).await?;
    for (server, name) in [(a, "two"), (b, "three")] {
        eventually("the schema's change", || async {
            let too_large = widget("never", json!({"size": 6}));
            let (status, refused) = server.send(Method::POST, &format!("{WIDGETS}?dryRun=All"), &too_large).await?;
            ensure!(status == 422 && refused["details"]["causes"][0]["field"] == "spec.size", "{status}: {refused}");
            Ok(())
        })
        .await?;
        let kept = server.done(Method::POST, WIDGETS, &widget(name, json!({"size": 5, "color": "red"}))).await?;
        ensure!(kept["spec"]["color"] == "red", "{kept}");
    }

    a.done(Method::DELETE, &format!("{DEFINITIONS}/widgets.example.org"), &Value::Null).await?;
    for server in [a, b] {
        server.answers(&format!("{DEFINITIONS}/widgets.example.org"), 404).await?;
        server.answers(WIDGETS, 404).await?;
        server.answers("/apis/example.org/v1", 404).await?;
    }
    // Its objects have gone with it.
    b.done(Method::POST, DEFINITIONS, &definition()).await?;
    for server in [a, b] {
        let none = server.answers(WIDGETS, 200).await?;
        ensure!(none["items"].as_array().context("a list")?.is_empty(), "{none}");
    }
    Ok(())
}

/// A role is bound, changed and taken back.
async fn roles(a: &Asked, b: &Asked) -> Result<()> {
    let ann = b.by("ann");
    ensure!(ann.get(PODS).await?.0 == 403);
    let may = |resources: Value| json!([{"apiGroups": [""], "resources": resources, "verbs": ["list"]}]);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "reader"}, "rules": may(json!(["pods"]))});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}});
    a.done(Method::POST, &format!("{ROLES}/roles"), &role).await?;
    a.done(Method::POST, &format!("{ROLES}/rolebindings"), &binding).await?;
    // The server that answered knows it already, the other a moment later.
    ensure!(a.by("ann").get(PODS).await?.0 == 200);
    ann.answers(PODS, 200).await?;

    let services = PODS.replace("pods", "services");
    ensure!(ann.get(&services).await?.0 == 403);
    let changed = json!({"rules": may(json!(["services"]))});
    a.done(Method::PATCH, &format!("{ROLES}/roles/reader"), &changed).await?;
    ann.answers(&services, 200).await?;
    ensure!(ann.get(PODS).await?.0 == 403);

    b.done(Method::DELETE, &format!("{ROLES}/rolebindings/reader"), &Value::Null).await?;
    ensure!(ann.get(&services).await?.0 == 403);
    a.by("ann").answers(&services, 403).await.map(drop)
}
