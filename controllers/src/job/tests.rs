//! Rules of a job, table by table.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    backoff::Failures,
    plan::{Observed, Plan, plan},
    pod::{Creation, FAILURES, FINALIZER, INDEX, body},
};
use crate::objects::{Job, Pod, condition};

pub fn now() -> Timestamp {
    Timestamp::from_second(1_000_000).expect("a time")
}

fn ago(seconds: i64) -> String {
    (now() - SignedDuration::from_secs(seconds)).to_string()
}

fn job(spec: Value) -> Job {
    job_with(spec, json!({}))
}

/// A job that started 100 seconds ago.
fn job_with(spec: Value, status: Value) -> Job {
    let mut job = json!({
        "metadata": {"name": "j", "namespace": "default", "uid": "J", "resourceVersion": "1"},
        "spec": {"completions": 1, "parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed",
            "podReplacementPolicy": "TerminatingOrFailed", "selector": {"matchLabels": {"job": "j"}},
            "template": {"metadata": {"labels": {"job": "j"}},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]}}},
        "status": {"startTime": ago(100)},
    });
    for (part, values) in [("spec", spec), ("status", status)] {
        for (key, value) in values.as_object().into_iter().flatten() {
            job[part][key] = value.clone();
        }
    }
    serde_json::from_value(job).expect("a job")
}

fn indexed(completions: i32, more: Value) -> Job {
    let mut spec = json!({"completions": completions, "parallelism": completions, "completionMode": "Indexed"});
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    job(spec)
}

/// Ended a while ago, where it has ended.
fn pod(name: &str, phase: &str, more: Value) -> Arc<Pod> {
    let mut pod = json!({
        "metadata": {"name": name, "uid": name, "namespace": "default", "labels": {"job": "j"},
            "finalizers": [FINALIZER], "ownerReferences": [{"uid": "J", "controller": true, "kind": "Job"}],
            "annotations": {}, "creationTimestamp": ago(90)},
        "spec": {"nodeName": "n"}, "status": {"phase": phase},
    });
    if phase == "Running" {
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True", "lastTransitionTime": ago(80)}]);
    }
    if matches!(phase, "Failed" | "Succeeded") {
        let code = i32::from(phase == "Failed");
        pod["status"]["containerStatuses"] =
            json!([{"name": "c", "state": {"terminated": {"exitCode": code, "finishedAt": ago(50)}}}]);
    }
    merge(&mut pod, more);
    Arc::new(serde_json::from_value(pod).expect("a pod"))
}

fn merge(into: &mut Value, more: Value) {
    match more {
        Value::Object(more) => more.into_iter().for_each(|(key, value)| merge(&mut into[key], value)),
        other => *into = other,
    }
}

fn of_index(index: u32, name: &str, phase: &str) -> Arc<Pod> {
    pod(name, phase, json!({"metadata": {"annotations": {INDEX: index.to_string()}}}))
}

fn ended(name: &str, code: i32) -> Arc<Pod> {
    let exit = json!([{"name": "c", "state": {"terminated": {"exitCode": code, "finishedAt": ago(50)}}}]);
    pod(name, "Failed", json!({"status": {"containerStatuses": exit}}))
}

fn decide(job: &Job, pods: &[Arc<Pod>]) -> Plan {
    let mut failures = Failures::default();
    failures.see(job, pods, now());
    plan(&Observed { job, pods, failures: &failures, now: now() })
}

fn names(pods: &[Arc<Pod>]) -> Vec<&str> {
    pods.iter().map(|pod| &*pod.metadata.name).collect()
}

/// The true conditions, with their reasons.
fn holds(plan: &Plan) -> Vec<String> {
    let conditions = plan.status.conditions.iter().filter(|one| one.status == crate::objects::ConditionStatus::True);
    conditions.map(|one| format!("{}: {}", one.kind, one.reason)).collect()
}

fn uncounted(plan: &Plan) -> (Vec<&str>, Vec<&str>) {
    let lists = &plan.status.uncounted_terminated_pods;
    (lists.succeeded.iter().map(|uid| &**uid).collect(), lists.failed.iter().map(|uid| &**uid).collect())
}

fn indexes(plan: &Plan) -> Vec<u32> {
    plan.create.iter().filter_map(|creation| creation.index).collect()
}

#[test]
fn as_many_run_as_parallelism_and_what_is_left_to_do_allow() {
    let running = |count: usize| (0..count).map(|n| pod(&format!("p{n}"), "Running", json!({}))).collect::<Vec<_>>();
    for (spec, status, there, create, dismiss) in [
        (json!({"completions": 5, "parallelism": 3}), json!({}), 0, 3, 0),
        (json!({"completions": 5, "parallelism": 3}), json!({"succeeded": 4}), 0, 1, 0),
        (json!({"completions": 5, "parallelism": 3}), json!({}), 2, 1, 0),
        (json!({"completions": 5, "parallelism": 1}), json!({}), 3, 0, 2),
        (json!({"completions": 5, "parallelism": 3}), json!({"succeeded": 4}), 3, 0, 2),
        (json!({"completions": null, "parallelism": 4}), json!({}), 1, 3, 0),
        (json!({"completions": null, "parallelism": 4}), json!({"succeeded": 1}), 2, 0, 0),
        (json!({"completions": 5, "parallelism": 0}), json!({}), 1, 0, 1),
        (json!({"completions": 5, "parallelism": 3, "suspend": true}), json!({}), 2, 0, 2),
        (json!({"completions": 1000, "parallelism": 1000}), json!({}), 0, 500, 0),
    ] {
        let plan = decide(&job_with(spec.clone(), status), &running(there));
        assert_eq!((plan.create.len(), plan.dismiss.len()), (create, dismiss), "{spec} with {there}");
        assert_eq!(plan.status.active as usize, there + create - dismiss);
    }
}

#[test]
fn a_pod_is_named_then_let_go_then_counted() {
    let job_before = job(json!({"completions": 3, "parallelism": 3}));
    let done = pod("done", "Succeeded", json!({}));
    let bad = pod("bad", "Failed", json!({}));
    let first = decide(&job_before, &[done.clone(), bad.clone()]);
    assert_eq!(uncounted(&first), (vec!["done"], vec!["bad"]));
    assert_eq!((names(&first.finish), first.status.succeeded, first.status.failed), (vec!["done", "bad"], 0, 0));
    // Seen again before anybody let go: the same, and nothing twice.
    let named = Job { status: first.status.clone(), ..job_before.clone() };
    let again = decide(&named, &[done, bad]);
    assert_eq!((uncounted(&again), again.finish.len()), (uncounted(&first), 2));
    assert_eq!((again.status.succeeded, again.status.failed), (0, 0));
    // They have let go, and one is not there any more.
    let free = pod("done", "Succeeded", json!({"metadata": {"finalizers": []}}));
    let counted = decide(&named, &[free]);
    assert_eq!(uncounted(&counted), (vec![], vec![]));
    assert_eq!((counted.status.succeeded, counted.status.failed, counted.finish.len()), (1, 1, 0));
}

#[test]
fn names_in_the_status_are_limited_and_all_are_seen() {
    let many: Vec<_> = (0..600).map(|n| pod(&format!("p{n}"), "Succeeded", json!({}))).collect();
    let plan = decide(&job(json!({"completions": 600, "parallelism": 600})), &many);
    assert_eq!((uncounted(&plan).0.len(), plan.finish.len(), plan.create.len()), (500, 500, 0));
    assert_eq!(holds(&plan), ["SuccessCriteriaMet: CompletionsReached"]);
}

#[test]
fn a_job_is_complete_when_all_have_succeeded_and_nothing_is_left() {
    let before = job(json!({}));
    let met = decide(&before, &[pod("p", "Succeeded", json!({}))]);
    assert_eq!(holds(&met), ["SuccessCriteriaMet: CompletionsReached"]);
    assert!(met.status.completion_time.is_none() && met.events.is_empty());
    let complete = decide(&Job { status: met.status, ..before.clone() }, &[]);
    assert_eq!(holds(&complete), ["SuccessCriteriaMet: CompletionsReached", "Complete: CompletionsReached"]);
    assert_eq!((complete.status.succeeded, complete.status.completion_time), (1, Some(now())));
    assert_eq!(&*complete.events[0].reason, "Completed");
    // And stays so; a straggler lets go.
    let over = decide(&Job { status: complete.status, ..before }, &[pod("late", "Running", json!({}))]);
    assert!(over.create.is_empty() && over.delete.is_empty() && over.events.is_empty());
    assert_eq!(names(&over.finish), ["late"]);
}

#[test]
fn without_completions_one_success_is_enough_and_the_others_end_by_themselves() {
    let before = job_with(json!({"completions": null, "parallelism": 2}), json!({"succeeded": 1}));
    let waiting = decide(&before, &[pod("p", "Running", json!({}))]);
    assert!(holds(&waiting).is_empty() && waiting.create.is_empty() && waiting.dismiss.is_empty());
    assert_eq!(
        holds(&decide(&before, &[])),
        ["SuccessCriteriaMet: CompletionsReached", "Complete: CompletionsReached"]
    );
}

#[test]
fn failures_beyond_the_limit_end_the_job_and_all_that_runs() {
    let limited = |limit: i32| job(json!({"completions": 9, "parallelism": 3, "backoffLimit": limit}));
    let pods = [pod("bad", "Failed", json!({})), pod("worse", "Failed", json!({})), pod("p", "Running", json!({}))];
    assert!(holds(&decide(&limited(2), &pods)).is_empty());
    let failing = decide(&limited(1), &pods);
    assert_eq!(holds(&failing), ["FailureTarget: BackoffLimitExceeded"]);
    assert_eq!((names(&failing.delete), failing.status.active, failing.status.terminating), (vec!["p"], 0, Some(1)));
    // The one that ends counts too, and the job has failed when it is gone.
    let ending = pod("p", "Running", json!({"metadata": {"deletionTimestamp": ago(1)}}));
    let after = decide(&Job { status: failing.status, ..limited(1) }, &[ending]);
    assert_eq!((holds(&after), after.status.failed), (vec!["FailureTarget: BackoffLimitExceeded".to_owned()], 2));
    assert_eq!(uncounted(&after), (vec![], vec!["p"]));
    let over = decide(&Job { status: after.status, ..limited(1) }, &[]);
    assert_eq!(holds(&over), ["FailureTarget: BackoffLimitExceeded", "Failed: BackoffLimitExceeded"]);
    assert_eq!((over.status.failed, over.status.completion_time), (3, None));
    assert!(over.events[0].warning && &*over.events[0].reason == "BackoffLimitExceeded");
}

#[test]
fn restarts_in_place_are_failures_too() {
    let spec = |limit: i32, policy: &str| {
        job(json!({"backoffLimit": limit, "template": {"spec": {"restartPolicy": policy, "containers": []}}}))
    };
    let restarted = |count: i32| {
        let statuses = json!([{"name": "c", "restartCount": count}]);
        pod(
            "p",
            "Running",
            json!({"status": {"containerStatuses": statuses, "initContainerStatuses": [{"restartCount": 1}]}}),
        )
    };
    for (limit, policy, count, fails) in
        [(3, "OnFailure", 1, false), (3, "OnFailure", 2, true), (0, "OnFailure", 0, true), (3, "Never", 9, false)]
    {
        let plan = decide(&spec(limit, policy), &[restarted(count)]);
        assert_eq!(!holds(&plan).is_empty(), fails, "{limit} {policy} {count}");
    }
}

#[test]
fn a_deadline_counts_from_the_start_and_not_while_suspended() {
    let late = job(json!({"activeDeadlineSeconds": 99}));
    assert_eq!(holds(&decide(&late, &[])), ["FailureTarget: DeadlineExceeded", "Failed: DeadlineExceeded"]);
    let soon = decide(&job(json!({"activeDeadlineSeconds": 130})), &[pod("p", "Running", json!({}))]);
    assert_eq!((holds(&soon).len(), soon.again_in), (0, Some(SignedDuration::from_secs(30))));
    let suspended = decide(&job(json!({"activeDeadlineSeconds": 99, "suspend": true})), &[]);
    assert_eq!(holds(&suspended), ["Suspended: JobSuspended"]);
}

#[test]
fn failures_make_the_next_try_wait_until_a_success() {
    let at = |name: &str, phase: &str, seconds: i64| {
        let exit = json!([{"name": "c", "state": {"terminated": {"exitCode": 1, "finishedAt": ago(seconds)}}}]);
        pod(name, phase, json!({"status": {"containerStatuses": exit}}))
    };
    for (pods, wait) in [
        (vec![at("a", "Failed", 4)], Some(6)),
        (vec![at("a", "Failed", 11)], None),
        (vec![at("a", "Failed", 99), at("b", "Failed", 12)], Some(8)),
        (vec![at("a", "Failed", 99), at("b", "Failed", 98), at("c", "Failed", 1)], Some(39)),
        (vec![at("a", "Failed", 99), at("ok", "Succeeded", 50), at("b", "Failed", 4)], Some(6)),
        (vec![at("a", "Failed", 5), at("ok", "Succeeded", 3)], None),
    ] {
        let plan = decide(&job(json!({"completions": 9, "parallelism": 1})), &pods);
        assert_eq!(plan.again_in.map(|wait| wait.as_secs()), wait, "{:?}", names(&pods));
        assert_eq!(plan.create.len(), usize::from(wait.is_none()));
    }
    // Ten minutes are the most.
    let many: Vec<_> = (0..12).map(|n| at(&format!("p{n}"), "Failed", 1)).collect();
    let plan = decide(&job(json!({"backoffLimit": 99})), &many);
    assert_eq!(plan.again_in, Some(SignedDuration::from_secs(599)));
}

#[test]
fn a_deleted_pod_is_replaced_at_once_or_when_it_has_ended() {
    let going = pod("p", "Running", json!({"metadata": {"deletionTimestamp": ago(60)}}));
    let at_once = decide(&job(json!({})), std::slice::from_ref(&going));
    assert_eq!((at_once.create.len(), uncounted(&at_once).1, at_once.status.terminating), (1, vec!["p"], Some(1)));
    let patient = job(json!({"podReplacementPolicy": "Failed"}));
    let waits = decide(&patient, &[going]);
    assert_eq!((waits.create.len(), uncounted(&waits).1, waits.status.terminating), (0, vec![], Some(1)));
    let gone = pod("p", "Failed", json!({"metadata": {"deletionTimestamp": ago(60)}}));
    let replaces = decide(&patient, &[gone]);
    assert_eq!((replaces.create.len(), uncounted(&replaces).1), (1, vec!["p"]));
}

#[test]
fn suspending_ends_pods_without_counting_them_and_resuming_starts_the_clock_anew() {
    let suspended = decide(&job(json!({"suspend": true})), &[pod("p", "Running", json!({}))]);
    assert_eq!((names(&suspended.dismiss), suspended.status.failed), (vec!["p"], 0));
    assert_eq!(
        (holds(&suspended), &*suspended.events[0].reason),
        (vec!["Suspended: JobSuspended".to_owned()], "Suspended")
    );
    // Dismissed pods have let go: their end is no failure.
    let going = pod("p", "Running", json!({"metadata": {"finalizers": [], "deletionTimestamp": ago(1)}}));
    let resumed = decide(&Job { status: suspended.status, ..job(json!({})) }, &[going]);
    assert_eq!((resumed.create.len(), resumed.status.start_time, resumed.status.failed), (1, Some(now()), 0));
    let condition = condition(&resumed.status.conditions, "Suspended").expect("still there");
    assert_eq!((&*condition.reason, &*resumed.events[0].reason), ("JobResumed", "Resumed"));
    let never_started = decide(&job_with(json!({"suspend": true}), json!({"startTime": null})), &[]);
    assert_eq!(never_started.status.start_time, None);
}

#[test]
fn each_index_succeeds_once() {
    let job = indexed(5, json!({"parallelism": 3}));
    assert_eq!(indexes(&decide(&job, &[])), [0, 1, 2]);
    let pods = [of_index(0, "a", "Succeeded"), of_index(0, "again", "Succeeded"), of_index(2, "c", "Running")];
    let plan = decide(&job, &pods);
    assert_eq!((&*plan.status.completed_indexes, plan.status.succeeded, indexes(&plan)), ("0", 1, vec![1, 3]));
    assert_eq!(uncounted(&plan), (vec![], vec![]));
    // Seen again, with the status written: nothing is counted twice.
    let again = decide(&Job { status: plan.status.clone(), ..job.clone() }, &pods);
    assert_eq!((again.status.succeeded, names(&again.finish)), (1, vec!["a", "again"]));
    let all: Vec<_> = (0..5).map(|index| of_index(index, &format!("p{index}"), "Succeeded")).collect();
    let met = decide(&job, &all);
    assert_eq!(
        (&*met.status.completed_indexes, holds(&met)),
        ("0-4", vec!["SuccessCriteriaMet: CompletionsReached".to_owned()])
    );
}

#[test]
fn pods_that_share_an_index_or_have_none_of_the_job_are_dismissed() {
    let pods = [
        of_index(0, "first", "Running"),
        pod("second", "Pending", json!({"metadata": {"annotations": {INDEX: "0"}}})),
        of_index(7, "beyond", "Running"),
        pod("nameless", "Running", json!({})),
    ];
    let plan = decide(&indexed(3, json!({})), &pods);
    let mut dismissed = names(&plan.dismiss);
    dismissed.sort_unstable();
    assert_eq!(dismissed, ["beyond", "nameless", "second"]);
    assert!(plan.create.is_empty(), "either, not both");
    // What such pods achieve is none of the job's.
    let plan =
        decide(&indexed(3, json!({})), &[of_index(7, "beyond", "Succeeded"), pod("nameless", "Failed", json!({}))]);
    assert_eq!((plan.status.succeeded, uncounted(&plan), plan.finish.len()), (0, (vec![], vec![]), 2));
}

#[test]
fn an_index_fails_on_its_own_and_its_tries_are_handed_on() {
    let job = indexed(2, json!({"backoffLimitPerIndex": 1, "backoffLimit": 2_147_483_647}));
    let failed = |before: &str, seconds: i64| {
        let exit = json!([{"name": "c", "state": {"terminated": {"exitCode": 1, "finishedAt": ago(seconds)}}}]);
        let annotations = json!({INDEX: "0", FAILURES: before});
        pod("bad", "Failed", json!({"metadata": {"annotations": annotations}, "status": {"containerStatuses": exit}}))
    };
    let other = of_index(1, "other", "Running");
    // It waits, and stays, since only it knows how often the index has failed.
    let waits = decide(&job, &[failed("0", 4), other.clone()]);
    assert_eq!((waits.create.len(), waits.again_in, waits.finish.len()), (0, Some(SignedDuration::from_secs(6)), 0));
    let tries = decide(&job, &[failed("0", 50), other.clone()]);
    assert_eq!(tries.create, [Creation { index: Some(0), failures: Some((1, 0)) }]);
    let successor = pod("next", "Running", json!({"metadata": {"annotations": {INDEX: "0", FAILURES: "1"}}}));
    let lets_go = decide(&job, &[failed("0", 50), successor, other.clone()]);
    assert_eq!((names(&lets_go.finish), uncounted(&lets_go).1), (vec!["bad"], vec!["bad"]));
    // The second failure is the last, and the other index goes on.
    let gone = decide(&job, &[failed("1", 50), other]);
    assert_eq!((gone.status.failed_indexes.as_deref(), gone.create.len(), holds(&gone).len()), (Some("0"), 0, 0));
    let rest = [failed("1", 50), of_index(1, "other", "Succeeded")];
    let end = decide(&Job { status: gone.status, ..job }, &rest);
    assert_eq!(holds(&end), ["FailureTarget: FailedIndexes"]);
    assert_eq!((&*end.status.completed_indexes, end.status.failed_indexes.as_deref()), ("1", Some("0")));
    let strict = indexed(9, json!({"backoffLimitPerIndex": 0, "maxFailedIndexes": 0}));
    assert_eq!(holds(&decide(&strict, &[failed("0", 50)])), ["FailureTarget: MaxFailedIndexesExceeded"]);
}

#[test]
fn a_failure_policy_says_what_a_failure_means() {
    let rule = |action: &str, operator: &str, values: &[i32]| json!({"action": action, "onExitCodes": {"operator": operator, "values": values}});
    let disrupted = json!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]});
    let rules =
        json!([disrupted, rule("FailJob", "In", &[42]), rule("Count", "In", &[3]), rule("Ignore", "NotIn", &[1, 2])]);
    let policy = json!({"completions": 5, "podFailurePolicy": {"rules": rules}, "podReplacementPolicy": "Failed"});
    let evicted =
        pod("evicted", "Failed", json!({"status": {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}}));
    for (pod, failed, end) in [
        (evicted, vec![], vec![]),
        (ended("p", 42), vec!["p"], vec!["FailureTarget: PodFailurePolicy"]),
        (ended("p", 3), vec!["p"], vec![]),
        (ended("p", 9), vec![], vec![]),
        (ended("p", 1), vec!["p"], vec![]),
    ] {
        let plan = decide(&job(policy.clone()), &[pod]);
        assert_eq!(
            (uncounted(&plan).1, holds(&plan)),
            (failed, end.into_iter().map(str::to_owned).collect::<Vec<_>>())
        );
        assert_eq!(plan.finish.len(), 1);
    }
    let failing = decide(&job(policy), &[ended("p", 42)]);
    let message = &failing.status.conditions[0].message;
    assert_eq!(&**message, "Container c for pod default/p failed with exit code 42 matching FailJob rule at index 1");
    let per_index = json!({"backoffLimitPerIndex": 5, "podFailurePolicy": {"rules": [rule("FailIndex", "In", &[1])]}});
    let plan = decide(&indexed(2, per_index), &[of_index(0, "p", "Failed")]);
    assert_eq!((plan.status.failed_indexes.as_deref(), indexes(&plan)), (Some("0"), vec![1]));
}

#[test]
fn a_success_policy_ends_the_job_early() {
    let some = [of_index(0, "a", "Succeeded"), of_index(3, "b", "Succeeded"), of_index(2, "c", "Running")];
    for (rules, met) in [
        (json!([{"succeededCount": 2}]), Some(0)),
        (json!([{"succeededCount": 3}]), None),
        (json!([{"succeededIndexes": "0-1"}, {"succeededIndexes": "0,3"}]), Some(1)),
        (json!([{"succeededIndexes": "1-3", "succeededCount": 1}]), Some(0)),
        (json!([{"succeededIndexes": "1-3", "succeededCount": 2}]), None),
    ] {
        let plan = decide(&indexed(4, json!({"successPolicy": {"rules": rules}})), &some);
        match met {
            None => assert!(holds(&plan).is_empty(), "{rules}"),
            Some(rule) => {
                assert_eq!(holds(&plan), ["SuccessCriteriaMet: SuccessPolicy"], "{rules}");
                assert_eq!(&*plan.status.conditions[0].message, format!("Matched rules at index {rule}"));
                assert_eq!(names(&plan.delete), ["c"]);
            }
        }
    }
}

#[test]
fn a_job_that_is_being_deleted_counts_and_makes_nothing() {
    let mut job = job(json!({"completions": 5, "parallelism": 2}));
    job.metadata.deletion_timestamp = Some(now());
    let pods = [pod("done", "Succeeded", json!({})), pod("p", "Running", json!({}))];
    let plan = decide(&job, &pods);
    assert!(plan.create.is_empty() && plan.delete.is_empty() && plan.dismiss.is_empty());
    assert_eq!(names(&plan.finish), ["done"]);
}

#[test]
fn a_pod_knows_its_index() {
    let template = json!({"metadata": {"labels": {"job": "j"}}, "spec": {"containers": [
        {"name": "c", "env": [{"name": "A", "value": "b"}]}, {"name": "own", "env": [{"name": "JOB_COMPLETION_INDEX", "value": "x"}]}]}});
    let job = job(json!({"template": template}));
    let plain = body(&job, &Creation { index: None, failures: None });
    assert_eq!(
        (&plain["metadata"]["generateName"], &plain["metadata"]["finalizers"]),
        (&json!("j-"), &json!([FINALIZER]))
    );
    assert_eq!(plain["spec"], job.spec.template["spec"]);
    let third = body(&job, &Creation { index: Some(3), failures: Some((2, 0)) });
    let meta = &third["metadata"];
    assert_eq!((&meta["generateName"], &third["spec"]["hostname"]), (&json!("j-3-"), &json!("j-3")));
    assert_eq!(meta["annotations"], json!({INDEX: "3", FAILURES: "2"}));
    assert_eq!(meta["labels"], json!({"job": "j", INDEX: "3"}));
    let field = "metadata.labels['batch.kubernetes.io/job-completion-index']";
    let containers = &third["spec"]["containers"];
    assert_eq!(containers[0]["env"][1]["valueFrom"]["fieldRef"]["fieldPath"], json!(field));
    assert_eq!(containers[1]["env"], json!([{"name": "JOB_COMPLETION_INDEX", "value": "x"}]));
    assert!(third["spec"].get("initContainers").is_none());
    let mut long = job;
    long.metadata.name = "n".repeat(63).into();
    let prefix = body(&long, &Creation { index: Some(12), failures: None });
    assert_eq!(prefix["metadata"]["generateName"].as_str().map(str::len), Some(58));
}
