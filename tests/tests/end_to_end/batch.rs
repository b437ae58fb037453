//! Work that ends, on real Docker: an index that fails, a schedule that fires, and a node that is emptied as fast as a
//! budget allows.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use timonier_tests::both_stores;
use timonier_tests::cluster::Cluster;
use timonier_tests::wait::eventually;

both_stores!(jobs_end_schedules_fire_and_budgets_are_kept, nodes = 2, hollow = false, all);

async fn all(cluster: &Cluster) -> Result<()> {
    tokio::try_join!(an_index_fails(cluster), a_schedule_fires(cluster))?;
    a_budget_is_kept(cluster).await
}

fn holds(job: &Job, kind: &str) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.type_ == kind && one.status == "True")
}

async fn ended(cluster: &Cluster, name: &str, how: &str) -> Result<Job> {
    eventually(&format!("{name} is {how}"), || async {
        let job = cluster.api::<Job>().get(name).await?;
        ensure!(holds(&job, how), "{:?}", job.status);
        Ok(job)
    })
    .await
}

/// Four indexes, of which one fails.
async fn an_index_fails(cluster: &Cluster) -> Result<()> {
    let image = cluster.image();
    cluster
        .apply(&format!(
            "apiVersion: batch/v1
kind: Job
metadata: {{name: parts}}
spec:
  completions: 4
  parallelism: 4
  completionMode: Indexed
  backoffLimitPerIndex: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: {image}
          imagePullPolicy: Never
          command: [sh, -c, 'echo part $JOB_COMPLETION_INDEX on $(hostname); test $JOB_COMPLETION_INDEX != 2']
"
        ))
        .await?;
    let job = ended(cluster, "parts", "Failed").await?;
    let status = job.status.context("no status")?;
    let indexes = (status.completed_indexes.as_deref(), status.failed_indexes.as_deref());
    ensure!(indexes == (Some("0,1,3"), Some("2")), "{status:?}");
    ensure!((status.succeeded, status.failed) == (Some(3), Some(1)), "{status:?}");
    let labels = "job-name=parts,batch.kubernetes.io/job-completion-index=3";
    let pods = cluster.api::<Pod>().list(&ListParams::default().labels(labels)).await?.items;
    let name = pods.first().and_then(|pod| pod.metadata.name.as_deref()).context("no pod of index 3")?;
    let log = cluster.kctl(["logs", name]).await?.ok()?;
    ensure!(log == "part 3 on parts-3\n", "{log}");
    Ok(())
}

/// Its last run is said to have been long ago, so that the next is due at once.
async fn a_schedule_fires(cluster: &Cluster) -> Result<()> {
    let image = cluster.image();
    cluster
        .apply(&format!(
            "apiVersion: batch/v1
kind: CronJob
metadata: {{name: report}}
spec:
  schedule: '0 * * * *'
  timeZone: Europe/Paris
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{{name: main, image: {image}, imagePullPolicy: Never, command: [sh, -c, 'echo done']}}]
"
        ))
        .await?;
    let cron_jobs: Api<CronJob> = cluster.api();
    let long_ago = json!({"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}});
    cron_jobs.patch_status("report", &PatchParams::default(), &Patch::Merge(long_ago)).await?;
    eventually("it has succeeded", || async {
        let status = cron_jobs.get("report").await?.status.unwrap_or_default();
        ensure!(status.last_successful_time.is_some() && status.active.is_none(), "{status:?}");
        Ok(())
    })
    .await?;
    let made = cluster.api::<Job>().list(&ListParams::default()).await?.items;
    let made: Vec<_> = made.iter().filter_map(|job| job.metadata.name.as_deref()?.strip_prefix("report-")).collect();
    ensure!(made.len() == 1 && made[0].parse::<u64>()? % 60 == 0, "{made:?}");
    Ok(())
}

/// Two of three must stay: a drain waits for each replacement.
async fn a_budget_is_kept(cluster: &Cluster) -> Result<()> {
    let image = cluster.image();
    cluster
        .apply(&format!(
            "apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: quorum}}
spec: {{minAvailable: 2, selector: {{matchLabels: {{app: quorum}}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: quorum}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: quorum}}}}
  template:
    metadata: {{labels: {{app: quorum}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: main, image: {image}, imagePullPolicy: Never}}]
"
        ))
        .await?;
    cluster.rolled_out("quorum").await?;
    let available = async || -> Result<usize> {
        let pods = cluster.pods("app=quorum").await?;
        Ok(pods.iter().filter(|pod| timonier_tests::pages::takes_requests(pod)).count())
    };
    let mut lowest = usize::MAX;
    let drain = cluster.kctl(["drain", "node-1", "--ignore-daemonsets", "--force", "--timeout=90s"]);
    tokio::pin!(drain);
    let said = loop {
        tokio::select! {
            said = &mut drain => break said?.ok()?,
            () = tokio::time::sleep(std::time::Duration::from_millis(100)) => lowest = lowest.min(available().await?),
        }
    };
    ensure!(said.contains("node-1"), "{said}");
    ensure!(lowest >= 2, "only {lowest} were available");
    eventually("all are available elsewhere", || async {
        let pods = cluster.pods("app=quorum").await?;
        let elsewhere =
            pods.iter().filter(|pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some("node-2"));
        ensure!(available().await? == 3 && elsewhere.count() == 3, "{}", pods.len());
        Ok(())
    })
    .await
}
