use super::super::replicaset::ReplicaSet;
use super::*;

fn web() -> Value {
    json!({"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}}})
}

fn with(path: &str, value: Value) -> Value {
    let mut o = web();
    *o.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
    o
}

fn faults(mut o: Value) -> Vec<String> {
    Deployment.default(&mut o);
    Deployment.validate(&o).iter().map(|e| e.to_string()).collect()
}

#[test]
fn what_is_left_out_is_filled_in_once() {
    let mut o = web();
    Deployment.default(&mut o);
    let spec = &o["spec"];
    assert_eq!(spec["replicas"], 1);
    assert_eq!(spec["revisionHistoryLimit"], 10);
    assert_eq!(spec["progressDeadlineSeconds"], 600);
    assert_eq!(
        spec["strategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
    );
    let template = &spec["template"]["spec"];
    assert_eq!(template["restartPolicy"], "Always");
    assert_eq!(template["containers"][0]["imagePullPolicy"], "IfNotPresent");
    assert!(template.get("enableServiceLinks").is_none() && template.get("tolerations").is_none());
    let once = o.clone();
    Deployment.default(&mut o);
    assert_eq!(o, once);
    let mut zero = with("/spec", json!({"replicas": 0, "strategy": {"type": "Recreate"}}));
    Deployment.default(&mut zero);
    assert_eq!(zero["spec"]["replicas"], 0);
    assert_eq!(zero["spec"]["strategy"], json!({"type": "Recreate"}));
}

#[test]
fn a_plain_deployment_passes() {
    assert_eq!(faults(web()), Vec::<String>::new());
    let mut set = web();
    ReplicaSet.default(&mut set);
    assert_eq!(ReplicaSet.validate(&set), vec![]);
    assert_eq!(Deployment.warnings(&set), Vec::<String>::new());
}

#[test]
fn each_fault_names_its_field() {
    let strategy = |value: Value| {
        let mut o = web();
        o["spec"]["strategy"] = value;
        o
    };
    let extra = |key: &str, value: Value| {
        let mut o = web();
        o["spec"][key] = value;
        o
    };
    let cases = [
        (with("/spec/selector", Value::Null), "spec.selector: Required value"),
        (
            with("/spec/selector", json!({})),
            "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
        ),
        (
            with("/spec/template/metadata/labels", json!({"app": "other"})),
            "spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` does not match template `labels`",
        ),
        (
            with("/spec/template/metadata/labels", json!({"app": "web", "a": "b c"})),
            "spec.template.labels[a]: Invalid value: \"b c\"",
        ),
        (with("/spec/template/spec/containers", json!([])), "spec.template.spec.containers: Required value"),
        (
            with("/spec/template/spec", json!({"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"})),
            "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
        ),
        (extra("replicas", json!(-1)), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (
            extra("progressDeadlineSeconds", json!(0)),
            "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds",
        ),
        (
            strategy(json!({"type": "Recreate", "rollingUpdate": {}})),
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ),
        (
            strategy(json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}})),
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0",
        ),
        (
            strategy(json!({"rollingUpdate": {"maxUnavailable": "101%"}})),
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
        ),
        (
            strategy(json!({"rollingUpdate": {"maxSurge": "many"}})),
            "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"many\": a valid percent string",
        ),
        (
            strategy(json!({"type": "Sudden"})),
            "spec.strategy: Unsupported value: {\"type\":\"Sudden\"}: supported values",
        ),
    ];
    for (o, expected) in cases {
        let found = faults(o);
        assert!(found.iter().any(|e| e.starts_with(expected)), "{expected}: {found:?}");
    }
}

#[test]
fn the_selector_stays() {
    let other = with("/spec/selector", json!({"matchLabels": {"app": "x"}}));
    let expected = "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"x\"}}: field is immutable";
    assert_eq!(Deployment.validate_update(&other, &web())[0].to_string(), expected);
    assert_eq!(ReplicaSet.validate_update(&other, &web())[0].to_string(), expected);
    assert!(Deployment.validate_update(&web(), &web()).is_empty());
}

#[test]
fn no_part_of_a_status_exceeds_the_whole() {
    let o = json!({"status": {"replicas": 1, "readyReplicas": 2, "availableReplicas": -1}});
    let found: Vec<String> = Deployment.validate_status_update(&o, &json!({})).iter().map(|e| e.to_string()).collect();
    assert_eq!(
        found,
        [
            "status.availableReplicas: Invalid value: -1: must be greater than or equal to 0",
            "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas"
        ]
    );
}

#[test]
fn status_belongs_to_the_controller() {
    let mut o = with("/metadata", json!({"name": "web"}));
    o["status"] = json!({"replicas": 9});
    Deployment.prepare_create(&mut o);
    assert_eq!(o["status"], json!({}));
    let mut old = web();
    old["status"] = json!({"replicas": 3});
    Deployment.prepare_update(&mut o, &old);
    assert_eq!(o["status"], json!({"replicas": 3}));
}

#[test]
fn both_are_shown_with_counts_and_templates() {
    let mut o = web();
    Deployment.default(&mut o);
    o["status"] = json!({"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1});
    let cells = Deployment.cells(&o, Timestamp::UNIX_EPOCH);
    assert_eq!(Value::from(cells), json!(["web", "1/1", 1, 0, "<unknown>", "c", "web:1", "app=web"]));
    let cells = ReplicaSet.cells(&o, Timestamp::UNIX_EPOCH);
    assert_eq!(Value::from(cells), json!(["web", 1, 1, 1, "<unknown>", "c", "web:1", "app=web"]));
    assert_eq!(COLUMNS.len(), 8);
    assert_eq!(super::super::replicaset::COLUMNS.len(), 8);
}
