//! The crate `kube` in the same process: no socket in between, the same layers.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use serde_json::json;
use timonier_apiserver::Identity;

use crate::fixture::{Cluster, PATIENCE};

fn named(name: &str) -> ConfigMap {
    let mut object = ConfigMap::default();
    object.metadata.name = Some(name.to_string());
    object
}

#[tokio::test]
async fn the_whole_life_of_an_object_through_kube() {
    let cluster = Cluster::start().await;
    let client = Client::new(cluster.server.local(Identity::admin()), "default");
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    api.create(&PostParams::default(), &named("c")).await.expect("creates");
    let parameters = PatchParams::apply("test");
    let patch = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}});
    let applied = api.patch("c", &parameters, &Patch::Apply(&patch)).await.expect("applies");
    assert_eq!(applied.data.expect("data")["k"], "v");
    assert_eq!(api.list(&ListParams::default()).await.expect("lists").items.len(), 1);
    let mut watch = api.watch(&WatchParams::default(), "0").await.expect("watches").boxed();
    let next = async || tokio::time::timeout(PATIENCE, watch.try_next()).await.expect("in time").expect("an event");
    let mut next = next;
    assert!(matches!(next().await, Some(WatchEvent::Added(_))));
    api.delete("c", &DeleteParams::default()).await.expect("deletes");
    assert!(matches!(next().await, Some(WatchEvent::Deleted(_))));
    let error = api.get("c").await.expect_err("is gone");
    assert!(matches!(error, kube::Error::Api(status) if status.code == 404));
}

#[tokio::test]
async fn a_local_client_has_its_identity_and_no_more() {
    let cluster = Cluster::start().await;
    let client = Client::new(cluster.server.local(Identity::node("n1")), "default");
    let nodes: Api<Node> = Api::all(client.clone());
    let mut node = Node::default();
    node.metadata.name = Some("n2".to_string());
    let error = nodes.create(&PostParams::default(), &node).await.expect_err("is refused");
    assert!(matches!(error, kube::Error::Api(status) if status.code == 403));
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    assert!(maps.create(&PostParams::default(), &named("c")).await.is_err());
}
