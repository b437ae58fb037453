//! What containers wrote, as `kctl logs` shows it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use timonier_tests::binaries::binary;
use timonier_tests::both_stores;
use timonier_tests::cluster::Cluster;
use timonier_tests::wait::{PATIENCE, eventually};

both_stores!(logs_follow_tail_since_and_previous, nodes = 1, hollow = false, all_ways);

fn manifest(name: &str, image: &str, script: &str) -> String {
    let script = serde_json::json!(script);
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: {image}
      imagePullPolicy: Never
      command: [sh, -c, {script}]
"
    )
}

async fn all_ways(cluster: &Cluster) -> Result<()> {
    counting(cluster).await?;
    previous(cluster).await?;
    let refused = cluster.kctl(["logs", "nobody"]).await?.refused()?;
    let words = "error: error from server (NotFound): pods \"nobody\" not found in namespace \"default\"\n";
    ensure!(refused == words, "{refused}");
    Ok(())
}

async fn counting(cluster: &Cluster) -> Result<()> {
    let script = "for i in 1 2 3 4 5; do echo line $i; done; echo aside >&2; \
        i=6; while true; do sleep 1; echo line $i; i=$((i+1)); done";
    cluster.apply(&manifest("counter", cluster.image(), script)).await?;
    let first = ["line 1", "line 2", "line 3", "line 4", "line 5"];
    eventually("the first lines are there", || async {
        let all = cluster.kctl(["logs", "counter"]).await?.ok()?;
        ensure!(all.lines().filter(|line| *line != "aside").take(5).eq(first), "{all}");
        ensure!(all.lines().any(|line| line == "aside"), "what goes to stderr is shown too: {all}");
        Ok(())
    })
    .await?;

    let tail = cluster.kctl(["logs", "counter", "--tail=2"]).await?.ok()?;
    ensure!(tail.lines().count() == 2, "{tail}");
    let limited = cluster.kctl(["logs", "counter", "--limit-bytes=9"]).await?.ok()?;
    ensure!(limited.len() == 9, "{limited:?}");
    let stamped = cluster.kctl(["logs", "counter", "--timestamps", "--tail=1"]).await?.ok()?;
    let stamp = stamped.split(' ').next().context("a word")?;
    stamp.parse::<jiff::Timestamp>().with_context(|| format!("{stamped:?} does not start with a time"))?;

    let program = cluster.client_program(&binary("kctl")?)?.args(["logs", "-f", "counter", "--tail=1"]);
    let mut following = program.stream()?;
    let line = following.line(PATIENCE, |line| line.starts_with("line ")).await?;
    let number: u32 = line.trim_start_matches("line ").parse().with_context(|| line.clone())?;
    for next in 1..=2 {
        let expected = format!("line {}", number + next);
        following.line(Duration::from_secs(30), |line| line == expected).await?;
    }
    following.stop().await?;

    // By now the container is older than the lines of the last second.
    let since = cluster.kctl(["logs", "counter", "--since=1s"]).await?.ok()?;
    ensure!(!since.contains("line 1\n"), "{since}");
    Ok(())
}

async fn previous(cluster: &Cluster) -> Result<()> {
    let script =
        "if [ -e /shared/again ]; then echo second; sleep 3600; else touch /shared/again; echo first; exit 3; fi";
    let manifest = manifest("twice", cluster.image(), script)
        + "      volumeMounts: [{name: shared, mountPath: /shared}]\n  volumes: [{name: shared, emptyDir: {}}]\n";
    cluster.apply(&manifest).await?;
    eventually("its second run has begun", || async {
        let said = cluster.kctl(["logs", "twice"]).await?.ok()?;
        ensure!(said == "second\n", "{said}");
        Ok(())
    })
    .await?;
    let before = cluster.kctl(["logs", "twice", "--previous"]).await?.ok()?;
    ensure!(before == "first\n", "{before}");
    let status = cluster.api::<Pod>().get("twice").await?.status.context("no status")?;
    let container = status.container_statuses.context("no containers")?.remove(0);
    let ended = container.last_state.and_then(|state| state.terminated).context("no last state")?;
    ensure!((container.restart_count, ended.exit_code) == (1, 3), "{} {}", container.restart_count, ended.exit_code);
    Ok(())
}
