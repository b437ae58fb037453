use serde_json::{Value, json};

use crate::fixtures::pod;

fn container(cpu: &str) -> Value {
    json!({"name": "c", "resources": {"requests": {"cpu": cpu}}})
}

fn sidecar(cpu: &str) -> Value {
    json!({"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}})
}

/// CPU of a pod, in thousandths.
fn cpu(init: Value, containers: Value, more: Value) -> i64 {
    let mut spec = json!({"initContainers": init, "containers": containers});
    for (key, value) in more.as_object().expect("a map") {
        spec[key] = value.clone();
    }
    pod("p", spec).requests.milli_cpu
}

#[test]
fn a_pod_requests_what_it_takes_at_its_worst_moment() {
    let none = || json!({});
    assert_eq!(cpu(json!([]), json!([container("1"), container("2")]), none()), 3000);
    assert_eq!(cpu(json!([container("2")]), json!([container("1")]), none()), 2000);
    assert_eq!(cpu(json!([container("2"), container("4")]), json!([container("3")]), none()), 4000);
    // A sidecar runs beside the containers, and beside the init containers after it.
    assert_eq!(cpu(json!([sidecar("1")]), json!([container("1")]), none()), 2000);
    assert_eq!(cpu(json!([sidecar("1"), container("5")]), json!([container("1")]), none()), 6000);
    assert_eq!(cpu(json!([container("5"), sidecar("1")]), json!([container("1")]), none()), 5000);
}

#[test]
fn overhead_comes_on_top_of_everything() {
    let overhead = json!({"overhead": {"cpu": "250m"}});
    assert_eq!(cpu(json!([container("2")]), json!([container("1")]), overhead), 2250);
}

#[test]
fn requests_of_the_whole_pod_replace_the_sum() {
    let whole = json!({"resources": {"requests": {"cpu": "500m"}}, "overhead": {"cpu": "100m"}});
    assert_eq!(cpu(json!([]), json!([container("100m"), container("200m")]), whole), 600);
}

#[test]
fn containers_without_requests_weigh_something_in_scores_only() {
    let pod = pod("p", json!({"containers": [{"name": "a"}, {"name": "b"}]}));
    assert!(pod.requests.is_zero());
    assert_eq!(pod.weight, (200, 400 << 20));
}

#[test]
fn an_unreadable_quantity_is_named_with_its_field() {
    let object = json!({"metadata": {"name": "p"}, "spec": {"containers": [
        {"name": "a"}, {"name": "b", "resources": {"requests": {"cpu": "lots"}}},
    ]}});
    let object = serde_json::from_value(object).expect("a pod");
    let error = crate::Pod::parse(&object).expect_err("no number").to_string();
    assert!(error.starts_with("spec.containers[1].resources.requests[cpu]: "), "{error}");
}
