use serde_json::json;

use super::*;
use crate::kinds::groups::faults_of;

fn job(more: Value) -> Value {
    let mut o = json!({"metadata": {"name": "pi", "uid": "u1"}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "perl"}]}}}});
    for (key, value) in more.as_object().into_iter().flatten() {
        o["spec"][key] = value.clone();
    }
    Job.default(&mut o);
    Job.prepare_create(&mut o);
    Job.named(&mut o, "");
    o
}

#[test]
fn defaults_are_filled_in_and_pods_are_selected_by_uid() {
    let o = job(json!({}));
    let spec = &o["spec"];
    for (field, expected) in [
        ("completions", json!(1)),
        ("parallelism", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ("suspend", json!(false)),
        ("selector", json!({"matchLabels": {UID_LABEL: "u1"}})),
    ] {
        assert_eq!(spec[field], expected, "{field}");
    }
    let labels = json!({UID_LABEL: "u1", OLD_UID_LABEL: "u1", NAME_LABEL: "pi", OLD_NAME_LABEL: "pi"});
    assert_eq!((&spec["template"]["metadata"]["labels"], &o["metadata"]["labels"]), (&labels, &labels));
    assert_eq!(job(json!({"parallelism": 3}))["spec"].get("completions"), None);
    let indexed = job(json!({"completionMode": "Indexed", "completions": 2, "backoffLimitPerIndex": 1}));
    assert_eq!(indexed["spec"]["backoffLimit"], i32::MAX);
}

#[test]
fn another_name_takes_the_place_of_one_that_was_taken() {
    let mut o = job(json!({}));
    o["metadata"]["name"] = "pi2".into();
    Job.named(&mut o, "pi");
    let labels = &o["spec"]["template"]["metadata"]["labels"];
    assert_eq!((&labels[NAME_LABEL], &labels[OLD_NAME_LABEL]), (&json!("pi2"), &json!("pi2")));
    assert_eq!(labels, &o["metadata"]["labels"]);
    assert_eq!(faults_of(&Job, &o), Vec::<String>::new());
}

#[test]
fn each_fault_names_its_field() {
    assert_eq!(faults_of(&Job, &job(json!({}))), Vec::<String>::new());
    let template = |policy: &str, labels: Value| {
        json!({"template": {"metadata": {"labels": labels}, "spec": {"restartPolicy": policy,
            "containers": [{"name": "c", "image": "perl"}]}}})
    };
    for (more, expected) in [
        (
            template("Always", json!({})),
            "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"",
        ),
        (json!({"backoffLimit": -1}), "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"),
        (
            json!({"completionMode": "Some"}),
            "spec.completionMode: Unsupported value: \"Some\": supported values: \"NonIndexed\", \"Indexed\"",
        ),
        (
            json!({"completionMode": "Indexed", "parallelism": 1}),
            "spec.completions: Required value: when completion mode is Indexed",
        ),
        (
            json!({"completionMode": "Indexed", "completions": 1, "parallelism": 100_001}),
            "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed",
        ),
        (
            json!({"backoffLimitPerIndex": 1}),
            "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
        ),
        (json!({"selector": {"matchLabels": {"app": "x"}}}), "spec.template.metadata.labels: Invalid value"),
        (
            json!({"managedBy": "me"}),
            "spec.managedBy: Invalid value: \"me\": must be a domain-prefixed path (such as \"acme.io/foo\")",
        ),
        (template("Never", json!({OLD_NAME_LABEL: "other"})), "spec.template.metadata.labels[job-name]: Invalid value"),
        (json!({"manualSelector": true}), "spec.selector: Required value"),
        (
            json!({"podReplacementPolicy": "Soon"}),
            "spec.podReplacementPolicy: Unsupported value: \"Soon\": supported values: \"Failed\", \"TerminatingOrFailed\"",
        ),
    ] {
        let found = faults_of(&Job, &job(more.clone()));
        assert!(found.iter().any(|fault| fault.starts_with(expected)), "{more}: {found:?}");
    }
}

#[test]
fn rules_about_failed_pods_are_checked_one_by_one() {
    let rules = |rules: Value| job(json!({"podFailurePolicy": {"rules": rules}}));
    let good = rules(json!([
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1, 42]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
    ]));
    assert_eq!(faults_of(&Job, &good), Vec::<String>::new());
    let codes = |codes: Value| json!([{"action": "Count", "onExitCodes": codes}]);
    let at = "spec.podFailurePolicy.rules[0]";
    for (given, expected) in [
        (
            json!([{"action": "Count"}]),
            format!("{at}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required"),
        ),
        (
            json!([{"action": "Stop", "onPodConditions": [{"type": "A"}]}]),
            format!(
                "{at}.action: Unsupported value: \"Stop\": supported values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\""
            ),
        ),
        (
            codes(json!({"operator": "In", "values": []})),
            format!("{at}.onExitCodes.values: Invalid value: []: at least one value is required"),
        ),
        (
            codes(json!({"operator": "In", "values": [0]})),
            format!("{at}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"),
        ),
        (
            codes(json!({"operator": "In", "values": [2, 1]})),
            format!("{at}.onExitCodes.values: Invalid value: [2,1]: must be ordered"),
        ),
        (codes(json!({"operator": "In", "values": [2, 2]})), format!("{at}.onExitCodes.values[1]: Duplicate value: 2")),
        (
            codes(json!({"operator": "In", "values": [1], "containerName": "x"})),
            format!(
                "{at}.onExitCodes.containerName: Invalid value: \"x\": must be one of the container or initContainer names in the pod template"
            ),
        ),
    ] {
        assert_eq!(faults_of(&Job, &rules(given.clone())), [expected], "{given}");
    }
}

#[test]
fn success_needs_indexes() {
    let with =
        |policy: Value, mode: &str| job(json!({"completions": 3, "completionMode": mode, "successPolicy": policy}));
    let policy = json!({"rules": [{"succeededIndexes": "0-1,2", "succeededCount": 2}]});
    assert_eq!(faults_of(&Job, &with(policy.clone(), "Indexed")), Vec::<String>::new());
    let found = faults_of(&Job, &with(policy, "NonIndexed"));
    assert!(found[0].ends_with("requires indexed completion mode"), "{found:?}");
    let at = "spec.successPolicy.rules";
    for (rules, expected) in [
        (
            json!([]),
            format!("{at}: Required value: at least one rules must be specified when the successPolicy is specified"),
        ),
        (
            json!([{}]),
            format!("{at}[0]: Required value: at least one of succeededCount or succeededIndexes must be specified"),
        ),
        (
            json!([{"succeededIndexes": "0-5"}]),
            format!("{at}[0].succeededIndexes: Invalid value: \"0-5\": too large index: \"5\""),
        ),
        (
            json!([{"succeededCount": 4}]),
            format!(
                "{at}[0].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of specified completions)"
            ),
        ),
    ] {
        assert_eq!(faults_of(&Job, &with(json!({"rules": rules}), "Indexed")), [expected]);
    }
}

#[test]
fn what_pods_are_made_from_stays() {
    let old = job(json!({"completions": 2, "completionMode": "Indexed", "parallelism": 2}));
    let change = |pointer: &str, value: Value| {
        let mut new = old.clone();
        *new.pointer_mut(pointer).expect("a field") = value;
        Job.validate_update(&new, &old).iter().map(|error| error.to_string()).collect::<Vec<_>>()
    };
    assert!(change("/spec/suspend", json!(true)).is_empty());
    assert!(change("/spec/parallelism", json!(1)).is_empty());
    assert_eq!(
        change("/spec/completions", json!(3)),
        ["spec.completions: Invalid value: 3: can only be modified in tandem with parallelism"]
    );
    assert!(change("/spec/template/spec/containers/0/image", json!("x"))[0].ends_with("field is immutable"));
    assert!(change("/spec/completionMode", json!("NonIndexed"))[0].starts_with("spec.completionMode: Invalid value"));
    let mut suspended = old.clone();
    suspended["spec"]["suspend"] = true.into();
    let mut moved = suspended.clone();
    moved["spec"]["template"]["spec"]["nodeSelector"] = json!({"zone": "a"});
    assert!(Job.validate_update(&moved, &suspended).is_empty());
    assert!(!Job.validate_update(&moved, &old).is_empty());
}

#[test]
fn a_job_ends_one_way_only() {
    let conditions = |types: &[&str]| {
        let list: Vec<Value> = types.iter().map(|t| json!({"type": t, "status": "True"})).collect();
        json!({"status": {"conditions": list, "active": 0, "startTime": "2026-01-01T00:00:00Z",
            "completionTime": "2026-01-01T00:00:00Z"}})
    };
    let found = |new: &Value, old: &Value| -> Vec<String> {
        Job.validate_status_update(new, old).iter().map(|e| e.to_string()).collect()
    };
    let (done, both) = (conditions(&["Complete"]), conditions(&["Complete", "Failed"]));
    assert!(found(&done, &json!({})).is_empty());
    assert!(found(&both, &json!({}))[0].ends_with("cannot set Complete=True and Failed=true conditions"));
    assert!(found(&json!({"status": {}}), &done)[0].contains("cannot disable a terminal job condition"));
    let negative = json!({"status": {"active": -1}});
    assert_eq!(found(&negative, &json!({})), ["status.active: Invalid value: -1: must be greater than or equal to 0"]);
}

#[test]
fn it_is_shown_as_kubectl_shows_it() {
    let mut o = job(json!({"completions": 3}));
    let now = "2026-01-01T00:01:10Z".parse().expect("is a time");
    assert_eq!(Job.cells(&o, now)[1..4], [json!("Running"), json!("0/3"), json!("")]);
    o["status"] = json!({"succeeded": 2, "startTime": "2026-01-01T00:00:00Z"});
    assert_eq!(Job.cells(&o, now)[1..4], [json!("Running"), json!("2/3"), json!("70s")]);
    o["status"]["completionTime"] = "2026-01-01T00:00:05Z".into();
    o["status"]["conditions"] = json!([{"type": "Complete", "status": "True"}]);
    assert_eq!(Job.cells(&o, now)[1..4], [json!("Complete"), json!("2/3"), json!("5s")]);
    assert_eq!(Job.cells(&o, now).len(), columns::JOB.len());
    let mut many = job(json!({"parallelism": 4}));
    many["spec"]["suspend"] = true.into();
    many["status"]["conditions"] = json!([{"type": "Suspended", "status": "True"}]);
    assert_eq!(Job.cells(&many, now)[1..3], [json!("Suspended"), json!("0/1 of 4")]);
}
