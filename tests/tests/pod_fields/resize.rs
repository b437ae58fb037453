//! Pods that change while they run: other resources, and containers that are added.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use timonier_tests::wait::eventually;

use crate::case::{Case, case};
use crate::seen::Seen;

const RESOURCES: &str = "resources: {requests: {cpu: 100m, memory: 16Mi}, limits: {cpu: 200m, memory: 32Mi}}";

pub fn cases() -> Vec<Case> {
    vec![
        case("a pod that runs is given other resources in place")
            .container(RESOURCES)
            .inspect("/HostConfig/CpuQuota", json!(20_000))
            .check(async |seen| {
                let before = seen.container("main").await?["Id"].clone();
                let wanted =
                    json!({"requests": {"cpu": "150m", "memory": "20Mi"}, "limits": {"cpu": "300m", "memory": "48Mi"}});
                resize(seen, &wanted).await?;
                eventually("Docker was told", || async {
                    let host = seen.container("main").await?["HostConfig"].clone();
                    let has = (host["CpuQuota"].as_i64(), host["CpuShares"].as_i64(), host["Memory"].as_i64());
                    ensure!(has == (Some(30_000), Some(153), Some(48 << 20)), "{has:?}");
                    Ok(())
                })
                .await?;
                ensure!(seen.container("main").await?["Id"] == before, "it was restarted");
                eventually("the status says so", || async {
                    let status = seen.pod().await?.status.context("no status")?;
                    let said = serde_json::to_value(&status.container_statuses.context("no statuses")?[0].resources)?;
                    ensure!(said == wanted, "{said}");
                    Ok(())
                })
                .await
            }),
        case("resizePolicy RestartContainer")
            .container(RESOURCES)
            .container("resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}]")
            .check(async |seen| {
                let wanted =
                    json!({"requests": {"cpu": "100m", "memory": "16Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}});
                resize(seen, &wanted).await?;
                eventually("another instance has more", || async {
                    let all = seen.instances("main").await?;
                    let newest = all.last().context("none")?;
                    ensure!(all.len() == 2 && newest["HostConfig"]["Memory"] == 64 << 20, "{} instances", all.len());
                    ensure!(newest["State"]["Running"] == true, "not yet");
                    Ok(())
                })
                .await
            }),
        case("more than the node has is infeasible, and what runs stays as it is").container(RESOURCES).check(
            async |seen| {
                let wanted =
                    json!({"requests": {"cpu": "1000", "memory": "16Mi"}, "limits": {"cpu": "1000", "memory": "32Mi"}});
                resize(seen, &wanted).await?;
                eventually("it is said", || async {
                    let conditions = seen.pod().await?.status.and_then(|status| status.conditions).context("none")?;
                    let pending = conditions.iter().find(|one| one.type_ == "PodResizePending").context("not yet")?;
                    ensure!(pending.reason.as_deref() == Some("Infeasible"), "{pending:?}");
                    Ok(())
                })
                .await?;
                ensure!(seen.container("main").await?["HostConfig"]["CpuQuota"] == 20_000, "it was changed");
                let back =
                    json!({"requests": {"cpu": "100m", "memory": "16Mi"}, "limits": {"cpu": "200m", "memory": "32Mi"}});
                resize(seen, &back).await?;
                eventually("it is taken back", || async {
                    let conditions = seen.pod().await?.status.and_then(|status| status.conditions).context("none")?;
                    ensure!(!conditions.iter().any(|one| one.type_ == "PodResizePending"), "not yet");
                    Ok(())
                })
                .await
            },
        ),
        case("an ephemeral container joins a pod that runs and sees its target's processes").check(async |seen| {
            let patch = json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": seen.image,
                "imagePullPolicy": "Never", "targetContainerName": "main",
                "command": ["sh", "-c", "ps -o args; sleep 3609"]}]}});
            patched(seen, "ephemeralcontainers", &patch).await?;
            eventually("it runs", || async {
                ensure!(seen.container("debug").await?["State"]["Running"] == true, "not yet");
                ensure!(seen.log("debug").await?.contains("sleep 3600"), "it does not see main");
                Ok(())
            })
            .await?;
            let main = seen.container("main").await?["Id"].clone();
            let joined = format!("container:{}", main.as_str().context("no id")?);
            ensure!(seen.container("debug").await?["HostConfig"]["PidMode"] == joined, "other processes");
            let logs = seen.kctl(&["logs", "pod", "-c", "debug"]).await?.ok()?;
            ensure!(logs.contains("sleep 3600"), "{logs}");
            seen.exec("debug", "kill 1 2>/dev/null; pkill -f 'sleep 3609'; true").await.ok();
            let refused = patched(
                seen,
                "ephemeralcontainers",
                &json!({"spec": {"ephemeralContainers": [
                {"name": "debug", "image": "other"}]}}),
            )
            .await;
            ensure!(refused.is_err(), "it was changed");
            Ok(())
        }),
    ]
}

async fn resize(seen: &Seen, resources: &Value) -> Result<()> {
    patched(seen, "resize", &json!({"spec": {"containers": [{"name": "main", "resources": resources}]}})).await
}

/// Patches a part of the pod.
async fn patched(seen: &Seen, part: &str, patch: &Value) -> Result<()> {
    let pods = seen.api::<Pod>();
    pods.patch_subresource(part, "pod", &PatchParams::default(), &Patch::Strategic(patch)).await?;
    Ok(())
}
