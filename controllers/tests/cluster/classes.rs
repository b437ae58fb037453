use serde_json::{Value, json};
use timonier_client::Resource;

use crate::harness::*;

const CLASSES: Resource = Resource::of("storage.k8s.io", "v1", "storageclasses");
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_from_before_there_was_a_default_class_gets_it() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(&["persistentvolume-binder"], None);
    for class in cluster.list(&CLASSES, None).await {
        let name = class["metadata"]["name"].as_str().expect("a name");
        cluster.delete(&CLASSES, None, name, "Background").await;
    }
    let claim = |name: &str, class: Value| {
        json!({"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": {"requests": {"storage": "1Gi"}}}})
    };
    for (name, class) in [("any", Value::Null), ("none", json!(""))] {
        let made = cluster.create(&CLAIMS, Some("default"), claim(name, class.clone())).await;
        assert_eq!(made["spec"]["storageClassName"], class, "{made}");
    }
    let class = json!({"metadata": {"name": "fast", "annotations": {DEFAULT: "true"}}, "provisioner": "example.com/p"});
    cluster.create(&CLASSES, None, class).await;
    cluster
        .until("the class is the claim's, and its provisioner is asked", async || {
            let found = cluster.get(&CLAIMS, Some("default"), "any").await.unwrap_or_default();
            let asked = &found["metadata"]["annotations"]["volume.kubernetes.io/storage-provisioner"];
            let is_fast = found["spec"]["storageClassName"] == "fast" && asked == "example.com/p";
            if is_fast { Ok(()) } else { Err(found) }
        })
        .await;
    let none = cluster.get(&CLAIMS, Some("default"), "none").await.expect("is there");
    assert_eq!(none["spec"]["storageClassName"], "", "who wants no class gets none");
}
