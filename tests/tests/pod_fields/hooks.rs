//! Hooks: what is done right after a container starts, and before it ends.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use timonier_tests::wait::eventually;

use crate::case::{Case, Until, case};
use crate::seen::Seen;

/// A directory of the host, to be read when the pod is gone.
const DIARY: &str = "{name: diary, hostPath: {path: /tmp, type: Directory}}";
const MOUNTS: &str = "{volumeMounts: [{name: diary, mountPath: /diary}],
env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}]}";

pub fn cases() -> Vec<Case> {
    vec![
        case("postStart exec")
            .container("lifecycle: {postStart: {exec: {command: [sh, -c, 'echo started > /tmp/hook']}}}")
            .prints("cat /tmp/hook", "started"),
        case("until its postStart hook is done a container counts as not there, and the next is not started")
            .container(
                "lifecycle: {postStart: {exec: {command: [sh, -c, 'while [ ! -e /tmp/go ]; do sleep 0.1; done']}}}",
            )
            .beside("{name: other}")
            .until(Until::Waiting("ContainerCreating"))
            .check(async |seen| {
                eventually("main runs", || async {
                    ensure!(seen.container("main").await?["State"]["Running"] == true, "not yet");
                    Ok(())
                })
                .await?;
                ensure!(seen.instances("other").await?.is_empty(), "other did not wait");
                let status = seen.pod().await?.status.context("no status")?;
                ensure!(status.phase.as_deref() == Some("Pending"), "{status:?}");
                seen.exec("main", "touch /tmp/go").await?;
                eventually("other runs", || async {
                    ensure!(seen.container("other").await?["State"]["Running"] == true, "not yet");
                    Ok(())
                })
                .await
            }),
        case("a postStart hook that fails ends its container")
            .spec("restartPolicy: Never")
            .container("lifecycle: {postStart: {exec: {command: [sh, -c, 'exit 5']}}}")
            .until(Until::Phase("Failed"))
            .check(async |seen| {
                ensure!(seen.container("main").await?["State"]["Running"] == false, "it runs on");
                let said = eventually("it is told of", || async {
                    let said = seen.events("FailedPostStartHook").await?;
                    ensure!(!said.is_empty(), "not yet");
                    Ok(said)
                })
                .await?;
                ensure!(said == ["PostStartHook failed"], "{said:?}");
                Ok(())
            }),
        case("preStop exec runs before the signal")
            .spec(&format!("{{terminationGracePeriodSeconds: 20, volumes: [{DIARY}]}}"))
            .container(MOUNTS)
            .container(
                "lifecycle: {preStop: {exec: {command: [sh, -c, 'sleep 0.3; echo hook >> /diary/$POD']}}}
command: [sh, -c, 'trap \"echo signal >> /diary/$POD; exit 0\" TERM; while :; do sleep 0.1; done']",
            )
            .check(async |seen| diary_after_delete(seen, "hook\nsignal\n").await),
        case("a preStop hook that fails is told of, and the container ends all the same")
            .spec(&format!("{{terminationGracePeriodSeconds: 20, volumes: [{DIARY}]}}"))
            .container(MOUNTS)
            .container(
                "lifecycle: {preStop: {exec: {command: [sh, -c, 'exit 3']}}}
command: [sh, -c, 'trap \"echo signal >> /diary/$POD; exit 0\" TERM; while :; do sleep 0.1; done']",
            )
            .check(async |seen| {
                diary_after_delete(seen, "signal\n").await?;
                eventually("it is told of", || async {
                    let said = seen.events("FailedPreStopHook").await?;
                    ensure!(said == ["PreStopHook failed"], "{said:?}");
                    Ok(())
                })
                .await
            }),
        case("a preStop hook that takes all the time leaves a moment for the signal")
            .spec(&format!("{{terminationGracePeriodSeconds: 1, volumes: [{DIARY}]}}"))
            .container(MOUNTS)
            .container(
                "lifecycle: {preStop: {sleep: {seconds: 1}}}
command: [sh, -c, 'trap \"echo signal >> /diary/$POD; exit 0\" TERM; while :; do sleep 0.1; done']",
            )
            .check(async |seen| diary_after_delete(seen, "signal\n").await),
        case("stopSignal")
            .spec(&format!("{{os: {{name: linux}}, volumes: [{DIARY}], terminationGracePeriodSeconds: 20}}"))
            .container(MOUNTS)
            .container(
                "lifecycle: {stopSignal: SIGUSR1}
command: [sh, -c, 'trap \"echo usr1 >> /diary/$POD; exit 0\" USR1; while :; do sleep 0.1; done']",
            )
            .inspect("/Config/StopSignal", json!("SIGUSR1"))
            .check(async |seen| diary_after_delete(seen, "usr1\n").await),
        case("preStop httpGet")
            .spec(&format!("{{terminationGracePeriodSeconds: 20, volumes: [{DIARY}]}}"))
            .container(MOUNTS)
            .container(
                "ports: [{name: bye, containerPort: 8090}]
lifecycle: {preStop: {httpGet: {port: bye, path: /cgi-bin/bye}}}
readinessProbe: {tcpSocket: {port: bye}, periodSeconds: 1}
command: [sh, -c, 'mkdir -p /tmp/www/cgi-bin; printf \"#!/bin/sh\\necho asked >> /diary/$POD; printf \\\"Content-Type: text/plain\\\\r\\\\n\\\\r\\\\n\\\"\\n\" > /tmp/www/cgi-bin/bye; chmod +x /tmp/www/cgi-bin/bye; exec httpd -f -p 8090 -h /tmp/www']",
            )
            .check(async |seen| diary_after_delete(seen, "asked\n").await),
    ]
}

/// Deletes the pod; what its containers wrote on their way out must be this.
async fn diary_after_delete(seen: &Seen, expected: &str) -> Result<()> {
    seen.api::<Pod>().delete("pod", &DeleteParams::default()).await?;
    let diary = std::path::Path::new("/tmp").join(&seen.uid);
    let written = eventually("the pod is gone", || async {
        let left: Vec<Value> = seen.all().await?;
        ensure!(left.is_empty(), "{} are left", left.len());
        Ok(std::fs::read_to_string(&diary).unwrap_or_default())
    })
    .await;
    let _ = std::fs::remove_file(&diary);
    let written = written?;
    ensure!(written == expected, "the diary says {written:?}");
    Ok(())
}
