//! How containers end, and what is kept of it.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::api::DeleteParams;
use serde_json::json;
use timonier_tests::wait::eventually;

use crate::case::{Case, Until, case};
use crate::seen::Seen;

pub fn cases() -> Vec<Case> {
    let never = "restartPolicy: Never";
    vec![
        case("terminationMessagePath")
            .spec(never)
            .container("{terminationMessagePath: /tmp/last, command: [sh, -c, 'printf farewell > /tmp/last; exit 3']}")
            .until(Until::Phase("Failed"))
            .check(async |seen| {
                let end = end(seen).await?;
                ensure!(end.message.as_deref() == Some("farewell") && end.exit_code == 3, "{end:?}");
                Ok(())
            }),
        case("a termination message ends at 4096 bytes")
            .spec(never)
            .container("command: [sh, -c, 'head -c 9000 /dev/zero | tr \"\\\\0\" x > /dev/termination-log']")
            .until(Until::Phase("Succeeded"))
            .check(async |seen| {
                let end = end(seen).await?;
                ensure!(end.message.as_ref().map(String::len) == Some(4096), "{end:?}");
                Ok(())
            }),
        case("terminationMessagePolicy FallbackToLogsOnError")
            .spec(never)
            .container(
                "{terminationMessagePolicy: FallbackToLogsOnError, command: [sh, -c, 'echo it went wrong; exit 1']}",
            )
            .until(Until::Phase("Failed"))
            .check(async |seen| {
                let end = end(seen).await?;
                ensure!(end.message.as_deref() == Some("it went wrong\n"), "{end:?}");
                Ok(())
            }),
        case("a container that takes too much memory is said to be killed for it")
            .spec(never)
            .container("{resources: {limits: {memory: 16Mi}}, command: [sh, -c, 'exec tail /dev/zero']}")
            .until(Until::Phase("Failed"))
            .inspect("/State/OOMKilled", json!(true))
            .check(async |seen| {
                let end = end(seen).await?;
                ensure!(end.reason.as_deref() == Some("OOMKilled") && end.exit_code == 137, "{end:?}");
                Ok(())
            }),
        case("a command that is not there")
            .spec(never)
            .container("command: [/no/such/program]")
            .until(Until::Phase("Failed"))
            .check(async |seen| {
                let end = end(seen).await?;
                ensure!(end.reason.as_deref() == Some("StartError"), "{end:?}");
                ensure!(end.message.as_deref().is_some_and(|said| said.contains("/no/such/program")), "{end:?}");
                Ok(())
            }),
        case("a container that ignores SIGTERM is killed after its grace")
            .spec(&format!(
                "{{terminationGracePeriodSeconds: 1, {}}}",
                "volumes: [{name: diary, hostPath: {path: /tmp, type: Directory}}]"
            ))
            .container(
                "volumeMounts: [{name: diary, mountPath: /diary}]
env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}]
command: [sh, -c, 'trap \"echo ignored >> /diary/$POD\" TERM; while :; do sleep 0.1; done']",
            )
            .check(async |seen| {
                seen.api::<Pod>().delete("pod", &DeleteParams::default()).await?;
                eventually("it is gone", || async {
                    let left = seen.all().await?.len();
                    ensure!(left == 0, "{left} are left");
                    Ok(())
                })
                .await?;
                let diary = std::path::Path::new("/tmp").join(&seen.uid);
                let written = std::fs::read_to_string(&diary);
                let _ = std::fs::remove_file(&diary);
                ensure!(written? == "ignored\n", "it was not asked before it was killed");
                Ok(())
            }),
    ]
}

/// How `main` ended.
async fn end(seen: &Seen) -> Result<ContainerStateTerminated> {
    let statuses = seen.pod().await?.status.and_then(|status| status.container_statuses).context("no statuses")?;
    let main = statuses.into_iter().find(|status| status.name == "main").context("no status of main")?;
    main.state.and_then(|state| state.terminated).context("it did not end")
}
