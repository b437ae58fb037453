//! `apply` and `create`.

use super::fixture::Cluster;
use super::{config_map, deployment, pod};

#[tokio::test(flavor = "multi_thread")]
async fn each_document_is_applied_and_named() {
    let cluster = Cluster::start().await;
    let yaml = [config_map("a", "x"), deployment("web", "web:1")].join("---\n");
    let file = cluster.file("web.yaml", &yaml);
    let said = cluster.kctl(&format!("apply -f {file}")).await.ok();
    assert_eq!(said, "configmap/a serverside-applied\ndeployment.apps/web serverside-applied\n");
    assert_eq!(cluster.kctl("get cm a -o jsonpath={.data.key}").await.ok(), "x");
    assert_eq!(
        cluster.kctl("get cm a --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}").await.ok(),
        "kctl"
    );
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_no_longer_mentioned_goes() {
    let cluster = Cluster::start().await;
    cluster.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1', y: '2'}\n").await;
    cluster.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1'}\n").await;
    assert_eq!(cluster.kctl("get cm a -o jsonpath={.data}").await.ok(), "{\"x\":\"1\"}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_names_the_field_and_the_way_out() {
    let cluster = Cluster::start().await;
    cluster.apply(&config_map("a", "mine")).await;
    let yours = config_map("a", "yours");
    let error = cluster.kctl_with("apply --field-manager=you -f -", &yours).await.fails();
    assert!(error.contains("Apply failed with 1 conflict: conflict with \"kctl\""), "{error}");
    assert!(error.contains(".data.key") && error.contains("--force-conflicts"), "{error}");
    cluster.kctl_with("apply --field-manager=you --force-conflicts -f -", &yours).await.ok();
    assert_eq!(cluster.kctl("get cm a -o jsonpath={.data.key}").await.ok(), "yours");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_document_does_not_keep_the_others() {
    let cluster = Cluster::start().await;
    let parts =
        [config_map("a", "x"), "apiVersion: v1\nkind: Nothing\nmetadata: {name: b}\n".into(), config_map("c", "z")];
    let file = cluster.file("parts.yaml", &parts.join("---\n"));
    let outcome = cluster.kctl(&format!("apply -f {file}")).await;
    assert_eq!(outcome.out, "configmap/a serverside-applied\nconfigmap/c serverside-applied\n");
    let error = outcome.fails();
    assert!(
        error.contains("no matches for kind \"Nothing\" in version \"v1\"") && error.contains("parts.yaml"),
        "{error}"
    );
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_field_is_refused_unless_validation_is_off() {
    let cluster = Cluster::start().await;
    let yaml = config_map("a", "x") + "nosuch: 1\n";
    let error = cluster.kctl_with("create -f -", &yaml).await.fails();
    assert!(error.contains("unknown field \"nosuch\""), "{error}");
    let outcome = cluster.kctl_with("create --validate=warn -f -", &yaml).await;
    assert!(outcome.err.contains("Warning: unknown field \"nosuch\""), "{}", outcome.err);
    assert_eq!(outcome.ok(), "configmap/a created\n");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_stores_nothing() {
    let cluster = Cluster::start().await;
    let said = cluster.kctl_with("apply --dry-run=server -f -", &config_map("a", "x")).await.ok();
    assert_eq!(said, "configmap/a serverside-applied (server dry run)\n");
    let error = cluster.kctl("get cm a").await.fails();
    assert_eq!(error, "Error from server (NotFound): configmaps \"a\" not found\n");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_object_lists_its_causes_in_kubectls_words() {
    let cluster = Cluster::start().await;
    let yaml = pod("web").replace("name: web, image: web", "name: Web");
    let error = cluster.kctl_with("create -f -", &yaml).await.fails();
    assert!(error.starts_with("The Pod \"web\" is invalid: \n* spec.containers[0]"), "{error}");
    assert!(error.contains("\n* spec.containers[0].image: Required value"), "{error}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_is_not_created_again() {
    let cluster = Cluster::start().await;
    assert_eq!(cluster.kctl("create namespace shop").await.ok(), "namespace/shop created\n");
    let error = cluster.kctl("create namespace shop").await.fails();
    assert_eq!(error, "Error from server (AlreadyExists): namespaces \"shop\" already exists\n");
    cluster.stop().await;
}
