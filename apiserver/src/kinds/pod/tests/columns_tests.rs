use super::*;

fn shown(spec: Value, status: Value, deleted: bool) -> (String, String, String) {
    let mut o = json!({"metadata": {"name": "p"}, "spec": spec, "status": status});
    if deleted {
        o["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    }
    let now = "2026-01-01T00:10:00Z".parse().unwrap();
    let cells = POD.cells(&o, now);
    assert_eq!(cells.len(), COLUMNS.len());
    let text = |i: usize| cells[i].as_str().unwrap().to_owned();
    assert_eq!(text(2), status_word(&o));
    (text(1), text(2), text(3))
}

fn two() -> Value {
    json!({"containers": [{"name": "a"}, {"name": "b"}]})
}

#[test]
fn a_pod_is_told_in_a_word() {
    let running = |name: &str| json!({"name": name, "ready": true, "restartCount": 0, "state": {"running": {}}});
    let cases = [
        (json!({"phase": "Pending"}), "0/2", "Pending", "0"),
        (json!({"phase": "Running", "containerStatuses": [running("a"), running("b")]}), "2/2", "Running", "0"),
        (
            json!({"phase": "Pending", "containerStatuses": [
                {"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}},
                {"name": "b", "state": {"waiting": {"reason": "ContainerCreating"}}}]}),
            "0/2",
            "ContainerCreating",
            "0",
        ),
        (
            json!({"phase": "Running", "containerStatuses": [running("a"),
                {"name": "b", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"finishedAt": "2026-01-01T00:05:00Z"}}}]}),
            "1/2",
            "CrashLoopBackOff",
            "2 (5m ago)",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [
                {"name": "a", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}),
            "0/2",
            "Error",
            "0",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 3}}}]}),
            "0/2",
            "ExitCode:3",
            "0",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [{"name": "a", "state": {"terminated": {"signal": 9}}}]}),
            "0/2",
            "Signal:9",
            "0",
        ),
        (
            json!({"phase": "Succeeded", "containerStatuses": [
                {"name": "a", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}]}),
            "0/2",
            "Completed",
            "0",
        ),
        (
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [
                {"name": "a", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}, running("b")]}),
            "1/2",
            "Running",
            "0",
        ),
        (
            json!({"phase": "Running", "containerStatuses": [
                {"name": "a", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}, running("b")]}),
            "1/2",
            "NotReady",
            "0",
        ),
        (json!({"phase": "Failed", "reason": "Evicted"}), "0/2", "Evicted", "0"),
        (
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}),
            "0/2",
            "SchedulingGated",
            "0",
        ),
    ];
    for (status, ready, word, restarts) in cases {
        let expected = (ready.to_owned(), word.to_owned(), restarts.to_owned());
        assert_eq!(shown(two(), status.clone(), false), expected, "{status}");
    }
}

#[test]
fn a_deleted_pod_terminates_unless_it_has_ended() {
    let word = |status| shown(two(), status, true).1;
    assert_eq!(word(json!({"phase": "Running"})), "Terminating");
    assert_eq!(word(json!({"phase": "Succeeded"})), "Succeeded");
    assert_eq!(word(json!({"phase": "Running", "reason": "NodeLost"})), "Unknown");
}

#[test]
fn init_containers_are_counted_until_they_are_done() {
    let spec = json!({"containers": [{"name": "a"}], "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}]});
    let init = |first: Value, second: Value| {
        let status = json!({"phase": "Pending", "initContainerStatuses": [
            {"name": "i", "restartCount": 1, "state": first}, {"name": "s", "started": true, "ready": true, "state": second}]});
        shown(spec.clone(), status, false)
    };
    let same = |ready: &str, word: &str, restarts: &str| (ready.to_owned(), word.to_owned(), restarts.to_owned());
    let running = json!({"running": {}});
    assert_eq!(init(running.clone(), json!({})), same("0/2", "Init:0/2", "1"));
    assert_eq!(init(json!({"waiting": {"reason": "ErrImagePull"}}), json!({})), same("0/2", "Init:ErrImagePull", "1"));
    assert_eq!(init(json!({"waiting": {"reason": "PodInitializing"}}), json!({})), same("0/2", "Init:0/2", "1"));
    assert_eq!(
        init(json!({"terminated": {"exitCode": 1, "reason": "Error"}}), json!({})),
        same("0/2", "Init:Error", "1")
    );
    assert_eq!(init(json!({"terminated": {"exitCode": 7}}), json!({})), same("0/2", "Init:ExitCode:7", "1"));
    assert_eq!(init(json!({"terminated": {"exitCode": 0}}), running), same("1/2", "Pending", "0"));
}

#[test]
fn wide_cells_name_address_node_and_gates() {
    let o = json!({"metadata": {"name": "p"},
        "spec": {"nodeName": "n", "readinessGates": [{"conditionType": "a.b/c"}, {"conditionType": "d"}]},
        "status": {"podIP": "10.0.0.1", "conditions": [{"type": "d", "status": "True"}]}});
    let cells = POD.cells(&o, Timestamp::UNIX_EPOCH);
    assert_eq!(cells[5..], [json!("10.0.0.1"), json!("n"), json!("<none>"), json!("1/2")]);
    let bare = POD.cells(&json!({}), Timestamp::UNIX_EPOCH);
    assert_eq!(bare[5..], [json!("<none>"), json!("<none>"), json!("<none>"), json!("<none>")]);
}
