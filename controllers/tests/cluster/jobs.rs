use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use timonier_client::Resource;

use crate::harness::*;

const JOBS: Resource = Resource::of("batch", "v1", "jobs");
const CRON_JOBS: Resource = Resource::of("batch", "v1", "cronjobs");

const ALL: &[&str] = &["job", "cronjob", "ttl-after-finished", "garbage-collector"];

/// Its pods end with these codes; None: they run for ever.
fn job(name: &str, codes: Option<&str>, spec: Value) -> Value {
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"template": {"metadata": {"annotations": {}, "labels": {"of": name}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}},
    });
    if let Some(codes) = codes {
        job["spec"]["template"]["metadata"]["annotations"][EXIT_CODES] = json!(codes);
    }
    for (key, value) in spec.as_object().into_iter().flatten() {
        job["spec"][key] = value.clone();
    }
    job
}

fn holds(job: &Value, kind: &str) -> bool {
    let conditions = job["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == kind && one["status"] == "True")
}

async fn until(cluster: &Cluster, name: &str, kind: &str) -> Value {
    cluster
        .until(&format!("{name} is {kind}"), async || {
            let found = cluster.get(&JOBS, Some("default"), name).await.expect("a job");
            if holds(&found, kind) { Ok(found) } else { Err(found) }
        })
        .await
}

async fn pods_of(cluster: &Cluster, name: &str) -> Vec<Value> {
    let mut pods = cluster.list(&PODS, Some("default")).await;
    pods.retain(|pod| pod["metadata"]["labels"]["of"] == name);
    pods
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_to_their_end_and_no_pod_is_held_afterwards() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(ALL, None);
    let _kubelet = Kubelet::start(&cluster);
    let create = async |body: Value| cluster.create(&JOBS, Some("default"), body).await;
    create(job("many", Some("0"), json!({"completions": 7, "parallelism": 3}))).await;
    create(job("bad", Some("1"), json!({"backoffLimit": 0, "completions": 3, "parallelism": 2}))).await;
    let each = json!({"completionMode": "Indexed", "completions": 4, "parallelism": 4, "backoffLimitPerIndex": 0});
    create(job("indexed", Some("0,3,0,0"), each)).await;
    let rule = json!({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}});
    create(job("policy", Some("42"), json!({"podFailurePolicy": {"rules": [rule]}}))).await;

    let many = until(&cluster, "many", "Complete").await;
    let status = &many["status"];
    assert_eq!((&status["succeeded"], &status["failed"], &status["active"]), (&json!(7), &Value::Null, &Value::Null));
    assert_eq!(status["uncountedTerminatedPods"], json!({}));
    assert!(status["completionTime"].is_string() && holds(&many, "SuccessCriteriaMet"));
    assert_eq!(pods_of(&cluster, "many").await.len(), 7);

    let bad = until(&cluster, "bad", "Failed").await;
    assert_eq!(bad["status"]["conditions"][0]["reason"], "BackoffLimitExceeded");
    let indexed = until(&cluster, "indexed", "Failed").await;
    let status = &indexed["status"];
    assert_eq!((&status["completedIndexes"], &status["failedIndexes"]), (&json!("0,2,3"), &json!("1")));
    assert_eq!((&status["succeeded"], &status["failed"]), (&json!(3), &json!(1)));
    let pod = &pods_of(&cluster, "indexed").await[2];
    assert_eq!(pod["spec"]["hostname"], "indexed-2");
    assert_eq!(pod["spec"]["containers"][0]["env"][0]["name"], "JOB_COMPLETION_INDEX");
    let policy = until(&cluster, "policy", "Failed").await;
    assert_eq!(policy["status"]["conditions"][0]["reason"], "PodFailurePolicy");
    cluster
        .until("nobody holds a pod", async || {
            let mut pods = cluster.list(&PODS, Some("default")).await;
            pods.retain(|pod| !pod["metadata"]["finalizers"].is_null());
            if pods.is_empty() { Ok(()) } else { Err(json!(pods)) }
        })
        .await;
    let events = cluster.events("many").await;
    assert_eq!(events["Completed"], ["Job completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_suspended_resumed_deleted_and_expire() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(ALL, None);
    let _kubelet = Kubelet::start(&cluster);
    let active = async |name: &str, expect: Value| {
        cluster
            .until(&format!("{name} runs {expect}"), async || {
                let found = cluster.get(&JOBS, Some("default"), name).await.expect("a job");
                if found["status"]["ready"] == expect { Ok(found) } else { Err(found) }
            })
            .await
    };
    cluster.create(&JOBS, Some("default"), job("long", None, json!({"completions": 2, "parallelism": 2}))).await;
    active("long", json!(2)).await;
    cluster.patch(&JOBS, Some("default"), "long", json!({"spec": {"suspend": true}})).await;
    until(&cluster, "long", "Suspended").await;
    cluster
        .until("its pods are gone", async || {
            let left = pods_of(&cluster, "long").await;
            if left.is_empty() { Ok(()) } else { Err(json!(left)) }
        })
        .await;
    cluster.patch(&JOBS, Some("default"), "long", json!({"spec": {"suspend": false}})).await;
    let resumed = active("long", json!(2)).await;
    assert_eq!(resumed["status"]["failed"], Value::Null, "dismissed pods are no failures");
    // Its pods hold a finalizer that nobody would take off for a job that is not there.
    cluster.delete(&JOBS, Some("default"), "long", "Background").await;
    cluster.create(&JOBS, Some("default"), job("brief", Some("0"), json!({"ttlSecondsAfterFinished": 0}))).await;
    cluster.until_none(&JOBS, "default").await;
    cluster.until_none(&PODS, "default").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cron_job_makes_the_job_that_is_due_and_remembers_its_success() {
    let cluster = Cluster::start().await;
    let _controllers = cluster.controllers(ALL, None);
    let _kubelet = Kubelet::start(&cluster);
    let template = json!({"metadata": {"labels": {"by": "clock"}}, "spec": job("x", Some("0"), json!({}))["spec"]});
    let cron_job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "often"},
        "spec": {"schedule": "*/30 * * * *", "timeZone": "Asia/Kolkata", "jobTemplate": template}});
    let created = cluster.create(&CRON_JOBS, Some("default"), cron_job).await;
    assert!(cluster.list(&JOBS, Some("default")).await.is_empty());
    // The last run was half an hour ago, and more.
    let before = Timestamp::now() - SignedDuration::from_mins(31);
    let patch = json!({"status": {"lastScheduleTime": format!("{before:.0}")}}).to_string().into_bytes();
    let request = http::Request::patch(format!("{}/often/status", CRON_JOBS.path(Some("default"))))
        .header("content-type", "application/merge-patch+json");
    let _patched: Value = cluster.admin.request(request.body(patch).expect("a request")).await.expect("patched");
    let status = cluster
        .until("a success", async || {
            let found = cluster.get(&CRON_JOBS, Some("default"), "often").await.expect("a cron job");
            let status = found["status"].clone();
            let over = status["lastSuccessfulTime"].is_string() && status["active"].is_null();
            if over { Ok(status) } else { Err(found) }
        })
        .await;
    let last: Timestamp = status["lastScheduleTime"].as_str().and_then(|text| text.parse().ok()).expect("a time");
    assert_eq!(last.as_second() % 1800, 0);
    let jobs = cluster.list(&JOBS, Some("default")).await;
    let meta = &jobs[0]["metadata"];
    assert_eq!((jobs.len(), &meta["name"]), (1, &json!(format!("often-{}", last.as_second() / 60))));
    assert_eq!(
        (&meta["ownerReferences"][0]["uid"], &meta["labels"]["by"]),
        (&created["metadata"]["uid"], &json!("clock"))
    );
    let scheduled = meta["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"].as_str();
    assert!(scheduled.is_some_and(|time| time.ends_with("+05:30")), "{scheduled:?}");
    cluster.delete(&CRON_JOBS, Some("default"), "often", "Background").await;
    cluster.until_none(&JOBS, "default").await;
    cluster.until_none(&PODS, "default").await;
}
