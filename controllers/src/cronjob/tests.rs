//! When jobs are made and forgotten, table by table.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    job_of, patch,
    plan::{Observed, Plan, plan},
};
use crate::objects::{CronJob, Job};

/// Five and a half minutes past ten.
const NOW: &str = "2026-03-10T10:05:30Z";

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A cron job of every minute, made at nine.
fn cron_job(spec: Value, status: Value) -> CronJob {
    let mut cron_job = json!({
        "metadata": {"name": "c", "namespace": "default", "uid": "C", "resourceVersion": "7",
            "creationTimestamp": "2026-03-10T09:00:00Z"},
        "spec": {"schedule": "* * * * *", "concurrencyPolicy": "Allow", "jobTemplate":
            {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": {}}}}},
        "status": {"lastScheduleTime": "2026-03-10T10:04:00Z"},
    });
    for (part, values) in [("spec", spec), ("status", status)] {
        for (key, value) in values.as_object().into_iter().flatten() {
            cron_job[part][key] = value.clone();
        }
    }
    serde_json::from_value(cron_job).expect("a cron job")
}

/// `end` is empty for one that runs.
fn job(name: &str, end: &str, started: &str) -> Arc<Job> {
    let mut job = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": "3",
            "annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": started}},
        "status": {"startTime": started},
    });
    if !end.is_empty() {
        job["status"]["conditions"] = json!([{"type": end, "status": "True"}]);
    }
    if end == "Complete" {
        job["status"]["completionTime"] = json!(started);
    }
    Arc::new(serde_json::from_value(job).expect("a job"))
}

fn decide(cron_job: &CronJob, jobs: &[Arc<Job>]) -> Plan {
    plan(&Observed { cron_job, jobs, now: time(NOW) })
}

fn names(jobs: &[Arc<Job>]) -> Vec<&str> {
    jobs.iter().map(|job| &*job.metadata.name).collect()
}

fn reasons(plan: &Plan) -> Vec<&str> {
    plan.events.iter().map(|said| said.reason).collect()
}

#[test]
fn the_latest_time_that_has_come_is_made_once() {
    let at = |text: &str| Some(time(text));
    for (spec, status, start) in [
        (json!({}), json!({}), at("2026-03-10T10:05:00Z")),
        (json!({}), json!({"lastScheduleTime": "2026-03-10T10:05:00Z"}), None),
        // Several were missed: one is made up for.
        (json!({}), json!({"lastScheduleTime": "2026-03-10T09:58:00Z"}), at("2026-03-10T10:05:00Z")),
        (json!({"schedule": "0 * * * *"}), json!({"lastScheduleTime": null}), at("2026-03-10T10:00:00Z")),
        (json!({"schedule": "0 9 * * *"}), json!({"lastScheduleTime": null}), None),
        (
            json!({"schedule": "0 12 * * *", "timeZone": "Europe/Athens"}),
            json!({"lastScheduleTime": null}),
            at("2026-03-10T10:00:00Z"),
        ),
        (
            json!({"schedule": "@hourly", "startingDeadlineSeconds": 400}),
            json!({"lastScheduleTime": null}),
            at("2026-03-10T10:00:00Z"),
        ),
        (json!({"schedule": "@hourly", "startingDeadlineSeconds": 100}), json!({"lastScheduleTime": null}), None),
        (json!({"suspend": true}), json!({}), None),
    ] {
        let plan = decide(&cron_job(spec.clone(), status.clone()), &[]);
        assert_eq!(plan.start, start, "{spec} {status}");
    }
    let next =
        decide(&cron_job(json!({"schedule": "@hourly"}), json!({"lastScheduleTime": "2026-03-10T10:00:00Z"})), &[]);
    assert_eq!(next.again_in.map(|wait| wait.as_secs()), Some(54 * 60 + 30));
    // The step before made the job, and its status never arrived.
    let made = job("c-29552285", "", NOW);
    let plan = decide(&cron_job(json!({}), json!({})), &[made]);
    assert_eq!((plan.start, plan.status.last_schedule_time), (None, Some(time("2026-03-10T10:05:00Z"))));
    assert_eq!(plan.status.active.len(), 1);
}

#[test]
fn very_many_missed_times_are_warned_of_and_the_last_is_made_up_for() {
    let long_ago = json!({"lastScheduleTime": "2026-03-01T00:00:00Z"});
    let plan = decide(&cron_job(json!({}), long_ago.clone()), &[]);
    assert_eq!((reasons(&plan), plan.start), (vec!["TooManyMissedTimes"], Some(time("2026-03-10T10:05:00Z"))));
    let hours =
        decide(&cron_job(json!({"schedule": "0 */2 * * *"}), json!({"lastScheduleTime": "2025-03-01T00:00:00Z"})), &[]);
    assert_eq!((reasons(&hours), hours.start), (vec!["TooManyMissedTimes"], Some(time("2026-03-10T10:00:00Z"))));
    let limited = decide(&cron_job(json!({"startingDeadlineSeconds": 200}), long_ago), &[]);
    assert_eq!((reasons(&limited).len(), limited.start), (0, Some(time("2026-03-10T10:05:00Z"))));
}

#[test]
fn the_policy_says_what_happens_while_one_runs() {
    let running = [job("c-1", "", "2026-03-10T10:04:00Z")];
    let with = |policy: &str| decide(&cron_job(json!({"concurrencyPolicy": policy}), json!({})), &running);
    let (allow, forbid, replace) = (with("Allow"), with("Forbid"), with("Replace"));
    assert!(allow.start.is_some() && allow.replace.is_empty());
    assert_eq!((forbid.start, reasons(&forbid)), (None, vec!["JobAlreadyActive"]));
    assert_eq!((names(&replace.replace), replace.status.active.len()), (vec!["c-1"], 0));
    assert!(replace.start.is_some());
}

#[test]
fn the_status_follows_the_jobs() {
    let named = |name: &str| json!({"name": name, "uid": name, "kind": "Job"});
    let status = json!({"active": [named("ok"), named("bad"), named("lost"), named("runs")],
        "lastScheduleTime": "2026-03-10T10:05:00Z"});
    let jobs = [
        job("ok", "Complete", "2026-03-10T10:01:00Z"),
        job("bad", "Failed", "2026-03-10T10:02:00Z"),
        job("runs", "", "2026-03-10T10:03:00Z"),
    ];
    let plan = decide(&cron_job(json!({}), status), &jobs);
    assert_eq!(reasons(&plan), ["SawCompletedJob", "SawCompletedJob", "MissingJob"]);
    assert_eq!(plan.events[0].message, "Saw completed job: ok, condition: Complete");
    assert_eq!(plan.status.active.iter().map(|one| &*one.name).collect::<Vec<_>>(), ["runs"]);
    assert_eq!(plan.status.last_successful_time, Some(time("2026-03-10T10:01:00Z")));
}

#[test]
fn a_users_own_job_from_the_template_keeps_no_other_from_starting() {
    let mut own = (*job("by-hand", "", NOW)).clone();
    own.metadata.annotations.clear();
    let plan = decide(&cron_job(json!({"concurrencyPolicy": "Forbid"}), json!({})), &[Arc::new(own)]);
    assert_eq!((reasons(&plan), plan.status.active.len()), (vec!["UnexpectedJob"], 0));
    assert_eq!(plan.start, Some(time("2026-03-10T10:05:00Z")));
}

#[test]
fn of_finished_jobs_the_oldest_are_forgotten() {
    let jobs = [
        job("ok-2", "Complete", "2026-03-10T10:02:00Z"),
        job("ok-1", "Complete", "2026-03-10T10:01:00Z"),
        job("bad-1", "Failed", "2026-03-10T10:01:00Z"),
        job("ok-3", "Complete", "2026-03-10T10:03:00Z"),
        job("runs", "", "2026-03-10T10:00:00Z"),
    ];
    for (limits, expect) in [
        (json!({"successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1}), vec!["ok-1"]),
        (json!({"successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 0}), vec!["ok-1", "ok-2", "ok-3", "bad-1"]),
        (json!({}), vec![]),
        (json!({"suspend": true, "successfulJobsHistoryLimit": 1}), vec!["ok-1", "ok-2"]),
    ] {
        assert_eq!(names(&decide(&cron_job(limits.clone(), json!({})), &jobs).forget), expect, "{limits}");
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let plan = decide(&cron_job(json!({"schedule": "often"}), json!({})), &[]);
    assert_eq!(plan.events[0].message, "unparseable schedule: \"often\" : expected exactly 5 fields, found 1: [often]");
    assert_eq!(reasons(&decide(&cron_job(json!({"timeZone": "Moon/Sea"}), json!({})), &[])), ["UnknownTimeZone"]);
}

#[test]
fn a_job_bears_its_time() {
    let due = time("2026-03-10T10:05:00Z");
    let made = job_of(&cron_job(json!({}), json!({})), due);
    assert_eq!(made["metadata"]["name"], json!("c-29552285"));
    assert_eq!(made["metadata"]["labels"], json!({"a": "b"}));
    let annotations = |cron_job: &CronJob| job_of(cron_job, due)["metadata"]["annotations"].clone();
    let key = "batch.kubernetes.io/cronjob-scheduled-timestamp";
    assert_eq!(annotations(&cron_job(json!({}), json!({}))), json!({key: "2026-03-10T10:05:00Z"}));
    let athens = cron_job(json!({"timeZone": "Europe/Athens"}), json!({}));
    assert_eq!(annotations(&athens), json!({key: "2026-03-10T12:05:00+02:00"}));
    let written = patch(&athens, &athens.status);
    assert_eq!(written["status"]["lastScheduleTime"], json!("2026-03-10T10:04:00Z"));
    assert_eq!((&written["status"]["active"], &written["metadata"]["resourceVersion"]), (&Value::Null, &json!("7")));
}
