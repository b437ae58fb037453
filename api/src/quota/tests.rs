use serde_json::json;

use super::*;

fn of(resource: &str, object: Value) -> String {
    words(&usage(&GroupResource::new("", resource), &object))
}

#[test]
fn each_object_is_counted_by_what_it_asks_for() {
    let container = |resources: Value| json!({"name": "c", "resources": resources});
    for (resource, object, expected) in [
        ("configmaps", json!({}), "configmaps=1,count/configmaps=1"),
        ("endpoints", json!({}), "count/endpoints=1"),
        ("pods", json!({"spec": {"containers": [container(json!({}))]}}), "count/pods=1,pods=1"),
        (
            "pods",
            json!({"spec": {"containers": [container(json!({"requests": {"cpu": "500m", "example.com/gpu": "1"},
                "limits": {"cpu": "1", "example.com/gpu": "1"}})), container(json!({"requests": {"cpu": "500m"}}))]}}),
            "count/pods=1,cpu=1,limits.cpu=1,pods=1,requests.cpu=1,requests.example.com/gpu=1",
        ),
        ("pods", json!({"status": {"phase": "Failed"}, "spec": {}}), "count/pods=1"),
        (
            "services",
            json!({"spec": {"type": "LoadBalancer", "ports": [{}, {}]}}),
            "count/services=1,services=1,services.loadbalancers=1,services.nodeports=2",
        ),
        (
            "persistentvolumeclaims",
            json!({"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}}}),
            "count/persistentvolumeclaims=1,fast.storageclass.storage.k8s.io/persistentvolumeclaims=1,\
             fast.storageclass.storage.k8s.io/requests.storage=1Gi,persistentvolumeclaims=1,requests.storage=1Gi",
        ),
    ] {
        assert_eq!(of(resource, object), expected);
    }
    let jobs = GroupResource::new("batch", "jobs");
    assert_eq!(words(&usage(&jobs, &json!({}))), "count/jobs.batch=1");
}

#[test]
fn every_name_of_a_usage_is_about_its_resource() {
    let pod = json!({"spec": {"containers": [{"resources": {"requests": {"cpu": "1", "hugepages-2Mi": "2Mi"}, "limits": {"memory": "1"}}}]}});
    let claim = json!({"spec": {"storageClassName": "a", "resources": {"requests": {"storage": "1"}}}});
    for (name, object) in
        [("pods", pod), ("services", json!({})), ("persistentvolumeclaims", claim), ("secrets", json!({}))]
    {
        let resource = GroupResource::new("", name);
        for amount in usage(&resource, &object).keys() {
            assert!(is_about(amount, &resource), "{amount} {name}");
            assert!(!is_about(amount, &GroupResource::new("apps", name)), "{amount} {name}");
        }
    }
}

#[test]
fn init_containers_count_when_they_need_more_and_sidecars_always() {
    let spec = json!({
        "containers": [{"resources": {"requests": {"cpu": "1"}}}],
        "initContainers": [
            {"restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
            {"resources": {"requests": {"cpu": "4", "memory": "1Gi"}}}],
        "overhead": {"cpu": "500m"}});
    assert_eq!(words(&totals(&spec, "requests")), "cpu=5500m,memory=1Gi");
    assert_eq!(words(&totals(&spec, "limits")), "");
}

#[test]
fn scopes_choose_pods() {
    let pods = GroupResource::new("", "pods");
    let quiet = json!({"spec": {"containers": [{}]}});
    let busy = json!({"spec": {"activeDeadlineSeconds": 5, "priorityClassName": "high",
        "containers": [{"resources": {"requests": {"cpu": "1"}}}]}});
    let select = |scope: &str, operator: &str, values: Value| json!({"scopeSelector": {"matchExpressions": [{"scopeName": scope, "operator": operator, "values": values}]}});
    for (quota, of_quiet, of_busy) in [
        (json!({}), true, true),
        (json!({"scopes": ["BestEffort"]}), true, false),
        (json!({"scopes": ["NotBestEffort", "Terminating"]}), false, true),
        (json!({"scopes": ["NotTerminating"]}), true, false),
        (select("PriorityClass", "In", json!(["high"])), false, true),
        (select("PriorityClass", "NotIn", json!(["high"])), true, false),
        (select("PriorityClass", "Exists", json!([])), false, true),
        (select("PriorityClass", "DoesNotExist", json!([])), true, false),
    ] {
        assert_eq!(covers(&quota, &pods, &quiet), of_quiet, "{quota}");
        assert_eq!(covers(&quota, &pods, &busy), of_busy, "{quota}");
    }
    assert!(!covers(&json!({"scopes": ["BestEffort"]}), &GroupResource::new("", "services"), &json!({})));
}

#[test]
fn what_a_quota_insists_on_is_asked_of_every_container() {
    let spec = json!({"containers": [{"name": "b", "resources": {"requests": {"cpu": "1"}}}, {"name": "a"}]});
    let ask = |names: &[&str]| missing(&spec, names.iter().copied());
    assert_eq!(
        ask(&["pods", "requests.cpu", "limits.memory"]).as_deref(),
        Some("limits.memory for: a,b; requests.cpu for: a")
    );
    assert_eq!(ask(&["pods"]), None);
}

#[test]
fn a_change_has_only_what_differs() {
    let amounts = |value: Value| super::amounts(&value);
    let change = difference(&amounts(json!({"cpu": "2", "pods": "1"})), &amounts(json!({"cpu": "3", "pods": "1"})));
    assert_eq!(words(&change), "cpu=1");
    assert_eq!(words(&difference(&amounts(json!({"pods": 1})), &Amounts::new())), "pods=-1");
}
