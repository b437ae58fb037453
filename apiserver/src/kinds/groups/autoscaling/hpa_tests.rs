use super::*;
use crate::kinds::groups::faults_of;

const V2: HorizontalPodAutoscaler = HorizontalPodAutoscaler { face: Face::V2 };
const V1: HorizontalPodAutoscaler = HorizontalPodAutoscaler { face: Face::V1 };

fn hpa(more: Value) -> Value {
    let mut o = json!({"apiVersion": "autoscaling/v2", "metadata": {"name": "web"}, "spec": {"maxReplicas": 5,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    for (key, value) in more.as_object().into_iter().flatten() {
        o["spec"][key] = value.clone();
    }
    V2.default(&mut o);
    o
}

#[test]
fn what_is_left_out_is_filled_in() {
    let o = hpa(json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}));
    assert_eq!(o["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
    assert_eq!(o["spec"]["minReplicas"], 1);
    assert_eq!(
        o["spec"]["behavior"],
        json!({
            "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
                {"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]},
            "scaleDown": {"stabilizationWindowSeconds": 60, "selectPolicy": "Max",
                "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
        })
    );
}

#[test]
fn each_fault_names_its_field() {
    assert_eq!(faults_of(&V2, &hpa(json!({}))), Vec::<String>::new());
    let metric = |metric: Value| json!({ "metrics": [metric] });
    let resource = |target: Value| metric(json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
    let up = |rules: Value| json!({"behavior": {"scaleUp": rules}});
    for (more, expected) in [
        (json!({"minReplicas": 0}), "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"),
        (
            json!({"minReplicas": 9}),
            "spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`",
        ),
        (json!({"scaleTargetRef": {"kind": "Deployment"}}), "spec.scaleTargetRef.name: Required value"),
        (
            metric(json!({"type": "Moon"})),
            "spec.metrics[0].type: Unsupported value: \"Moon\": supported values: \"ContainerResource\", \"External\", \
             \"Object\", \"Pods\", \"Resource\"",
        ),
        (
            metric(json!({"type": "Pods"})),
            "spec.metrics[0].pods: Required value: must populate information for the given metric source",
        ),
        (
            metric(
                json!({"type": "Pods", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 1}},
                "pods": {"metric": {"name": "x"}, "target": {"type": "AverageValue", "averageValue": "1"}}}),
            ),
            "spec.metrics[0].resource: Forbidden: must populate the given metric source only",
        ),
        (
            resource(json!({"type": "Utilization"})),
            "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a \
             target utilization",
        ),
        (
            resource(json!({"type": "Utilization", "averageUtilization": 0})),
            "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
        ),
        (
            resource(json!({"type": "AverageValue", "averageValue": "-1"})),
            "spec.metrics[0].resource.target.averageValue: Invalid value: \"-1\": must be positive",
        ),
        (
            metric(
                json!({"type": "External", "external": {"metric": {"name": ""}, "target": {"type": "Value", "value": "1"}}}),
            ),
            "spec.metrics[0].external.metric.name: Required value: must specify a metric name",
        ),
        (
            up(json!({"selectPolicy": "Some"})),
            "spec.behavior.scaleUp.selectPolicy: Unsupported value: \"Some\": supported values: \"Disabled\", \"Max\", \"Min\"",
        ),
        (
            up(json!({"stabilizationWindowSeconds": 4000})),
            "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600",
        ),
        (
            up(json!({"policies": [{"type": "Pods", "value": 0, "periodSeconds": 1}]})),
            "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
        ),
    ] {
        assert_eq!(faults_of(&V2, &hpa(more.clone())), [expected], "{more}");
    }
}

#[test]
fn the_older_face_shows_cpu_in_a_field_and_all_else_in_annotations() {
    let stored = hpa(json!({"metrics": [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
        {"type": "Pods", "pods": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "30"}}},
        {"type": "External", "external": {"metric": {"name": "jobs", "selector": {"matchLabels": {"a": "b"}}},
            "target": {"type": "Value", "value": "5"}}},
        {"type": "Object", "object": {"describedObject": {"kind": "Service", "name": "s"}, "metric": {"name": "hits"},
            "target": {"type": "AverageValue", "averageValue": "2"}}},
        {"type": "ContainerResource", "containerResource": {"name": "memory", "container": "c",
            "target": {"type": "AverageValue", "averageValue": "1Gi"}}}],
        "behavior": {"scaleUp": {"selectPolicy": "Min"}}}));
    let mut served = stored.clone();
    V1.to_served(&mut served);
    assert_eq!(served["apiVersion"], "autoscaling/v1");
    assert_eq!(served["spec"]["targetCPUUtilizationPercentage"], 70);
    assert!(served["spec"].get("metrics").is_none() && served["spec"].get("behavior").is_none());
    let annotation = served["metadata"]["annotations"][faces::METRICS].as_str().expect("an annotation");
    assert!(
        annotation.contains("\"metricName\":\"queue\"") && annotation.contains("\"targetAverageValue\":\"30\""),
        "{annotation}"
    );
    V1.to_storage(&mut served);
    assert_eq!(served, stored);
}

#[test]
fn what_was_written_in_the_older_face_is_kept_in_the_newer() {
    let mut o = json!({"apiVersion": "autoscaling/v1", "metadata": {"name": "web"}, "spec": {"maxReplicas": 3,
        "targetCPUUtilizationPercentage": 50, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        "status": {"currentReplicas": 1, "desiredReplicas": 2, "currentCPUUtilizationPercentage": 40}});
    V1.to_storage(&mut o);
    assert_eq!(o["apiVersion"], "autoscaling/v2");
    assert_eq!(o["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 50);
    assert_eq!(o["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"], 40);
    assert_eq!(V2.cells(&o, Timestamp::UNIX_EPOCH)[2], "cpu: 40%/50%");
    let mut odd = json!({"metadata": {"annotations": {faces::METRICS: "{"}}, "spec": [], "status": 1});
    V1.to_storage(&mut odd);
    V1.to_served(&mut odd);
}

#[test]
fn it_is_shown_as_kubectl_shows_it() {
    let cells = V2.cells(&hpa(json!({})), Timestamp::UNIX_EPOCH);
    assert_eq!(Value::from(cells), json!(["web", "Deployment/web", "cpu: <unknown>/80%", "1", 5, 0, "<unknown>"]));
}
