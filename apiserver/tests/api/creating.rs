use http::Method;
use serde_json::json;

use crate::fixture::{Cluster, JSON};
use crate::{CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod};

#[tokio::test]
async fn what_was_created_is_served_with_what_the_server_decides() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut given = config_map("c");
    given["metadata"]["uid"] = "mine".into();
    given["metadata"]["creationTimestamp"] = "2001-01-01T00:00:00Z".into();
    let answer = admin.post(CONFIG_MAPS, &given).await;
    assert_eq!(answer.code, 201);
    let created = answer.ok();
    let metadata = &created["metadata"];
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["uid"].as_str().map(str::len), Some(36));
    assert_ne!(metadata["creationTimestamp"], "2001-01-01T00:00:00Z");
    assert!(metadata["resourceVersion"].as_str().is_some_and(|v| v.parse::<u64>().is_ok_and(|v| v > 0)));
    assert_eq!(admin.get(&format!("{CONFIG_MAPS}/c")).await.ok(), created);
    let (code, reason, message) = admin.post(CONFIG_MAPS, &given).await.refused();
    assert_eq!((code, &*reason, &*message), (409, "AlreadyExists", "configmaps \"c\" already exists"));
}

#[tokio::test]
async fn a_generated_name_begins_with_its_prefix_and_is_new_each_time() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut names = std::collections::HashSet::new();
    for _ in 0..10 {
        let created = admin.post(CONFIG_MAPS, &json!({"metadata": {"generateName": "g-"}})).await.ok();
        let name = created["metadata"]["name"].as_str().expect("a name").to_string();
        assert!(name.starts_with("g-") && name.len() == 7, "{name}");
        assert!(names.insert(name));
    }
    let (code, _, message) = admin.post(CONFIG_MAPS, &json!({"metadata": {}})).await.refused();
    assert_eq!(code, 422);
    assert!(message.contains("metadata.name: Required value: name or generateName is required"), "{message}");
}

#[tokio::test]
async fn generation_counts_the_specs_of_kinds_that_have_one() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let created = admin.post(DEPLOYMENTS, &deployment("web")).await.ok();
    assert_eq!(created["metadata"]["generation"], 1);
    let path = format!("{DEPLOYMENTS}/web");
    let labelled = admin.merge(&path, &json!({"metadata": {"labels": {"x": "y"}}})).await.ok();
    assert_eq!(labelled["metadata"]["generation"], 1);
    let scaled = admin.merge(&path, &json!({"spec": {"replicas": 5}})).await.ok();
    assert_eq!(scaled["metadata"]["generation"], 2);
}

#[tokio::test]
async fn unknown_and_duplicate_fields_are_refused_named_or_dropped_as_the_client_wishes() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let body = r#"{"metadata":{"name":"c","nam":"x"},"data":{"a":"1","a":"2"},"date":{}}"#;
    let send =
        async |mode: &str| admin.send(Method::POST, &format!("{CONFIG_MAPS}?dryRun=All{mode}"), &[JSON], body).await;
    let (code, reason, message) = send("&fieldValidation=Strict").await.refused();
    assert_eq!((code, &*reason), (400, "BadRequest"));
    assert_eq!(
        message,
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: \
         duplicate field \"data.a\", unknown field \"date\", unknown field \"metadata.nam\""
    );
    let warned = send("").await;
    assert_eq!(warned.warnings().len(), 3, "{:?}", warned.warnings());
    assert!(warned.warnings().contains(&"299 - \"unknown field \\\"date\\\"\"".to_string()));
    assert_eq!(warned.ok()["data"]["a"], "2");
    let ignored = send("&fieldValidation=Ignore").await;
    assert!(ignored.warnings().is_empty());
    assert_eq!(ignored.ok().get("date"), None);
}

#[tokio::test]
async fn a_key_that_comes_twice_in_yaml_is_the_last_one_named_or_refused() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let yaml = ("content-type", "application/yaml");
    let text = "metadata:\n  name: twice\ndata:\n  a: '1'\n  a: '2'\n";
    let post = async |validation: &str| {
        let path = format!("{CONFIG_MAPS}?dryRun=All&fieldValidation={validation}");
        admin.send(http::Method::POST, &path, &[yaml], text).await
    };
    let said = "yaml: unmarshal errors: line 5: key \"a\" already set in map";
    let warned = post("Warn").await;
    assert!(warned.warnings().iter().any(|w| w.contains(&said.replace('"', "\\\""))), "{:?}", warned.warnings());
    assert_eq!(warned.ok()["data"]["a"], "2");
    let ignored = post("Ignore").await;
    assert_eq!(ignored.warnings(), Vec::<String>::new());
    let (code, _, message) = post("Strict").await.refused();
    assert_eq!(code, 400);
    assert!(message.contains(&format!("strict decoding error: {said}")), "{message}");
}

#[tokio::test]
async fn a_dry_run_answers_as_if_and_stores_nothing() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let dry = admin.post(&format!("{CONFIG_MAPS}?dryRun=All"), &config_map("c")).await;
    assert_eq!(dry.code, 201);
    assert_eq!(dry.ok()["metadata"].get("resourceVersion"), None);
    assert_eq!(admin.get(&format!("{CONFIG_MAPS}/c")).await.code, 404);
    admin.post(CONFIG_MAPS, &config_map("c")).await.ok();
    let path = format!("{CONFIG_MAPS}/c");
    let changed = admin.merge(&format!("{path}?dryRun=All"), &json!({"data": {"a": "2"}})).await.ok();
    assert_eq!(changed["data"]["a"], "2");
    assert_eq!(admin.delete(&format!("{path}?dryRun=All")).await.code, 200);
    assert_eq!(admin.get(&path).await.ok()["data"]["a"], "1");
}

#[tokio::test]
async fn an_invalid_object_is_refused_with_every_cause() {
    let cluster = Cluster::start().await;
    let mut pod = pod("Bad_Name");
    pod["spec"]["containers"][0]["image"] = "".into();
    let answer = cluster.admin().post(PODS, &pod).await;
    let (code, reason, message) = answer.refused();
    assert_eq!((code, &*reason), (422, "Invalid"));
    assert!(message.contains("spec.containers[0].image: Required value"), "{message}");
    assert!(answer.json()["details"]["causes"].as_array().is_some_and(|causes| causes.len() >= 2));
}

#[tokio::test]
async fn nothing_is_created_in_a_namespace_that_is_missing_or_ends() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let path = "/api/v1/namespaces/gone/configmaps";
    assert_eq!(
        admin.post(path, &config_map("c")).await.refused(),
        (404, "NotFound".to_string(), "namespaces \"gone\" not found".to_string())
    );
    admin.post("/api/v1/namespaces", &json!({"metadata": {"name": "gone"}})).await.ok();
    let ending = admin.delete("/api/v1/namespaces/gone").await.ok();
    assert_eq!(ending["status"]["phase"], "Terminating");
    let answer = admin.post(path, &config_map("c")).await;
    assert_eq!(answer.refused().0, 403);
    assert_eq!(answer.json()["details"]["causes"][0]["reason"], "NamespaceTerminating");
    let done = json!({"metadata": {"name": "gone"}, "spec": {"finalizers": []}});
    admin.put("/api/v1/namespaces/gone/finalize", &done).await.ok();
    assert_eq!(admin.get("/api/v1/namespaces/gone").await.code, 404);
}

#[tokio::test]
async fn a_kind_that_is_only_stored_says_so() {
    let cluster = Cluster::start().await;
    let service = json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
    let answer = cluster.admin().post("/api/v1/namespaces/default/services", &service).await;
    assert_eq!(answer.code, 201, "{answer:?}");
    assert!(answer.warnings().iter().any(|w| w.contains("not enforced by this version")), "{:?}", answer.warnings());
}

#[tokio::test]
async fn what_names_no_class_gets_the_default_one() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let networking = "/apis/networking.k8s.io/v1";
    let ingresses = format!("{networking}/namespaces/default/ingresses");
    let ingress = |name: &str| json!({"metadata": {"name": name}, "spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}});
    let made = admin.post(&ingresses, &ingress("before")).await.ok();
    assert!(made["spec"]["ingressClassName"].is_null(), "{made}");
    let class = json!({"metadata": {"name": "c", "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
        "spec": {"controller": "example.com/c"}});
    admin.post(&format!("{networking}/ingressclasses"), &class).await.ok();
    assert_eq!(admin.post(&ingresses, &ingress("after")).await.ok()["spec"]["ingressClassName"], "c");
    let mut annotated = ingress("annotated");
    annotated["metadata"]["annotations"] = json!({"kubernetes.io/ingress.class": "old"});
    let made = admin.post(&ingresses, &annotated).await.ok();
    assert!(made["spec"]["ingressClassName"].is_null(), "{made}");

    let priorities = "/apis/scheduling.k8s.io/v1/priorityclasses";
    let high = json!({"metadata": {"name": "high"}, "value": 1000, "globalDefault": true});
    admin.post(priorities, &high).await.ok();
    let made = admin.post(PODS, &pod("p")).await.ok();
    assert_eq!((&made["spec"]["priority"], &made["spec"]["priorityClassName"]), (&json!(1000), &json!("high")));
    let mut other = pod("other");
    other["spec"]["priorityClassName"] = "gone".into();
    let refused = admin.post(PODS, &other).await.refused();
    assert_eq!(
        (refused.0, &*refused.2),
        (403, "pods \"other\" is forbidden: no PriorityClass with name gone was found")
    );
}
