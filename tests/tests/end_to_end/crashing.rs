//! A container that ends at once, again and again.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::ListParams;
use timonier_tests::both_stores;
use timonier_tests::cluster::Cluster;
use timonier_tests::wait::eventually;

both_stores!(a_crashing_container_backs_off, nodes = 1, hollow = false, backs_off);

async fn backs_off(cluster: &Cluster) -> Result<()> {
    let image = cluster.image();
    cluster
        .apply(&format!(
            "apiVersion: v1
kind: Pod
metadata: {{name: crasher}}
spec:
  containers:
    - {{name: main, image: {image}, imagePullPolicy: Never, command: [sh, -c, 'echo ouch; exit 7']}}
"
        ))
        .await?;
    eventually("the container waits in CrashLoopBackOff after a restart", || async {
        let status = cluster.api::<Pod>().get("crasher").await?.status.context("no status")?;
        let container = status.container_statuses.into_iter().flatten().next().context("no container")?;
        ensure!(container.restart_count >= 1, "{} restarts", container.restart_count);
        let waiting = container.state.and_then(|state| state.waiting).context("it does not wait")?;
        ensure!(waiting.reason.as_deref() == Some("CrashLoopBackOff"), "{waiting:?}");
        let message = waiting.message.unwrap_or_default();
        ensure!(message.starts_with("back-off 10s restarting failed container=main pod=crasher_default("), "{message}");
        let ended = container.last_state.and_then(|state| state.terminated).context("no last state")?;
        ensure!((ended.exit_code, ended.reason.as_deref()) == (7, Some("Error")), "{ended:?}");
        ensure!(status.phase.as_deref() == Some("Running"), "{:?}", status.phase);
        Ok(())
    })
    .await?;
    let row = cluster.kctl(["get", "pod", "crasher", "--no-headers"]).await?.ok()?;
    ensure!(row.split_whitespace().nth(2) == Some("CrashLoopBackOff"), "{row}");
    eventually("an event says so", || async {
        let about = ListParams::default().fields("involvedObject.name=crasher,reason=BackOff");
        let events = cluster.api::<Event>().list(&about).await?;
        let message = events.items.first().context("no event")?.message.clone().unwrap_or_default();
        ensure!(message.starts_with("Back-off restarting failed container main in pod crasher_default("), "{message}");
        Ok(())
    })
    .await?;
    let log = cluster.kctl(["logs", "crasher"]).await?.ok()?;
    ensure!(log == "ouch\n", "{log}");
    Ok(())
}
