use http::Method;
use serde_json::{Value, json};

use crate::fixture::{Client, Cluster};

const AGGREGATED: (&str, &str) =
    ("accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json");

fn find<'a>(list: &'a Value, field: &str, name: &str) -> &'a Value {
    let found = list.as_array().expect("a list").iter().find(|item| item[field] == name);
    found.unwrap_or_else(|| panic!("no {field} {name} in {list}"))
}

#[tokio::test]
async fn new_clients_find_everything_in_two_documents_and_keep_them() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let core = admin.send(Method::GET, "/api", &[AGGREGATED], "").await;
    assert_eq!(core.headers["content-type"], "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    let etag = core.headers["etag"].to_str().expect("a tag").to_string();
    let pods = find(&core.json()["items"][0]["versions"][0]["resources"], "resource", "pods").clone();
    assert_eq!((&pods["scope"], &pods["singularResource"]), (&json!("Namespaced"), &json!("pod")));
    assert_eq!(pods["shortNames"], json!(["po"]));
    find(&pods["subresources"], "subresource", "binding");
    let again = admin.send(Method::GET, "/api", &[AGGREGATED, ("if-none-match", &etag)], "").await;
    assert_eq!(again.code, 304);
    let groups = admin.send(Method::GET, "/apis", &[AGGREGATED], "").await.ok();
    let apps = groups["items"].as_array().expect("groups").iter().find(|g| g["metadata"]["name"] == "apps");
    let deployments = find(&apps.expect("apps")["versions"][0]["resources"], "resource", "deployments").clone();
    let scale = find(&deployments["subresources"], "subresource", "scale");
    assert_eq!(scale["responseKind"], json!({"group": "autoscaling", "version": "v1", "kind": "Scale"}));
}

#[tokio::test]
async fn old_clients_find_the_same_in_many() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    assert_eq!(admin.get("/api").await.ok()["versions"], json!(["v1"]));
    let core = admin.get("/api/v1").await.ok();
    assert_eq!(core["kind"], "APIResourceList");
    assert_eq!(find(&core["resources"], "name", "nodes")["namespaced"], false);
    find(&core["resources"], "name", "pods/log");
    let groups = admin.get("/apis").await.ok();
    let apps = find(&groups["groups"], "name", "apps");
    assert_eq!(apps["preferredVersion"]["groupVersion"], "apps/v1");
    assert_eq!(admin.get("/apis/apps").await.ok()["kind"], "APIGroup");
    let resources = admin.get("/apis/apps/v1").await.ok();
    assert_eq!(find(&resources["resources"], "name", "deployments/scale")["group"], "autoscaling");
    assert_eq!(admin.get("/apis/apps/v9").await.refused().0, 404);
}

async fn document(admin: &Client, path: &str) -> Value {
    admin.get(path).await.ok()
}

#[tokio::test]
async fn openapi_describes_what_is_served() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let v2 = document(&admin, "/openapi/v2").await;
    assert_eq!(v2["swagger"], "2.0");
    assert!(v2["definitions"]["io.k8s.api.apps.v1.Deployment"].is_object());
    assert!(v2["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"].is_object());
    let index = document(&admin, "/openapi/v3").await;
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().expect("a path");
    let v3 = document(&admin, url).await;
    let deployment = &v3["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(deployment["x-kubernetes-group-version-kind"][0]["kind"], "Deployment");
    assert_eq!(admin.get("/openapi/v3/apis/none/v1").await.refused().0, 404);
    let packed = admin.send(Method::GET, "/openapi/v2", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    // kubectl asks with an `@`, but Go reads no media type with one in an answer.
    let wanted = ("accept", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf");
    let protobuf = admin.send(Method::GET, "/openapi/v2", &[wanted], "").await;
    assert_eq!(protobuf.headers["content-type"], "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
    assert_eq!(protobuf.body[..5], *b"\x0a\x032.0");
}

#[tokio::test]
async fn version_and_metrics_bear_the_names_that_tools_know() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let version = admin.get("/version").await.ok();
    assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("36")));
    assert!(version["gitVersion"].as_str().is_some_and(|v| v.starts_with("v1.36.0+timonier")));
    let mut watch = admin.watch("/api/v1/namespaces?watch=1").await;
    watch.next().await;
    let text = String::from_utf8(admin.get("/metrics").await.body.to_vec()).expect("text");
    for line in [
        "apiserver_request_total{verb=\"GET\",group=\"\",version=\"\",resource=\"\",subresource=\"\",code=\"200\"} 1",
        "apiserver_longrunning_requests{verb=\"WATCH\",group=\"\",version=\"v1\",resource=\"namespaces\",subresource=\"\"} 1",
        "apiserver_request_duration_seconds_count",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
