//! Probes: when a container counts as started and ready, and when it is restarted.

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use timonier_tests::wait::eventually;

use crate::case::{Case, Until, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("readinessProbe exec follows its command")
            .container(
                "readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1, failureThreshold: 1}",
            )
            .until(Until::Event("Unhealthy"))
            .check(async |seen| {
                let ready = async || {
                    let statuses = seen.pod().await?.status.and_then(|status| status.container_statuses);
                    anyhow::Ok(statuses.context("no statuses")?[0].ready)
                };
                ensure!(!ready().await?, "it is ready too early");
                for (script, expected) in [("touch /tmp/ready", true), ("rm /tmp/ready", false)] {
                    seen.exec("main", script).await?;
                    eventually("readiness follows", || async {
                        ensure!(ready().await? == expected, "not yet");
                        Ok(())
                    })
                    .await?;
                }
                ensure!(seen.instances("main").await?.len() == 1, "readiness restarts nothing");
                Ok(())
            }),
        case("livenessProbe exec restarts its container, in the probe's own grace")
            .spec("terminationGracePeriodSeconds: 300")
            .container(
                "command: [sh, -c, 'trap \"\" TERM; while :; do sleep 0.1; done']
livenessProbe: {exec: {command: [sh, -c, 'echo I am unwell; false']}, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1}",
            )
            .until(Until::Event("Killing"))
            .check(async |seen| {
                let first = eventually("another instance runs", || async {
                    let mut all = seen.instances("main").await?;
                    ensure!(all.len() >= 2, "not yet");
                    Ok(all.remove(0))
                })
                .await?;
                ensure!(first["State"]["ExitCode"] == 137, "{}", first["State"]);
                let killing = seen.events("Killing").await?;
                let expected = "Container main failed liveness probe, will be restarted";
                ensure!(killing.iter().any(|said| said == expected), "{killing:?}");
                let unhealthy = seen.events("Unhealthy").await?;
                ensure!(unhealthy.iter().all(|said| said == "Liveness probe failed: I am unwell\n"), "{unhealthy:?}");
                // The instance that runs now would take the pod's whole grace to end.
                let pods = Api::<Pod>::namespaced(seen.client.clone(), &seen.namespace);
                pods.delete("pod", &DeleteParams::default().grace_period(1)).await?;
                Ok(())
            }),
        case("a probe's command that takes too long is killed")
            .container(
                "readinessProbe: {exec: {command: [sleep, '3607']}, timeoutSeconds: 1, periodSeconds: 1, failureThreshold: 1}",
            )
            .until(Until::Event("Unhealthy"))
            .check(async |seen| {
                let said = seen.events("Unhealthy").await?;
                ensure!(said == ["Readiness probe failed: command \"sleep 3607\" timed out"], "{said:?}");
                eventually("few are left of them", || async {
                    let left = seen.exec("main", "ps -o args | grep -c '[s]leep 3607' || true").await?;
                    ensure!(left.trim().parse::<u32>()? <= 1, "{left} run");
                    Ok(())
                })
                .await
            }),
        case("startupProbe holds the others off until it succeeds")
            .container(
                "command: [sh, -c, 'sleep 2; touch /tmp/up; sleep 3608']
startupProbe: {exec: {command: [test, -e, /tmp/up]}, periodSeconds: 1, failureThreshold: 60}
livenessProbe: {exec: {command: [test, -e, /tmp/up]}, periodSeconds: 1, failureThreshold: 1}",
            )
            .check(async |seen| {
                ensure!(seen.instances("main").await?.len() == 1, "it was restarted");
                Ok(())
            }),
        case("a startupProbe that never succeeds restarts its container")
            .container("startupProbe: {tcpSocket: {port: 9}, periodSeconds: 1, failureThreshold: 1}")
            .until(Until::Event("Killing"))
            .check(async |seen| {
                let said = seen.events("Killing").await?;
                ensure!(said[0] == "Container main failed startup probe, will be restarted", "{said:?}");
                Ok(())
            }),
        case("a gRPC probe asks for health, and is told that nobody answers")
            .container("readinessProbe: {grpc: {port: 9, service: db}, periodSeconds: 1, failureThreshold: 1}")
            .until(Until::Event("Unhealthy"))
            .check(async |seen| {
                let said = seen.events("Unhealthy").await?;
                let expected = "Readiness probe failed: error: failed to connect service at";
                ensure!(said.iter().all(|said| said.starts_with(expected)), "{said:?}");
                Ok(())
            }),
        case("probes by named port, with headers")
            .container(
                "command: [sh, -c, 'mkdir -p /tmp/www; echo hi > /tmp/www/index.html; exec httpd -f -p 8089 -h /tmp/www']
ports: [{name: web, containerPort: 8089}]
readinessProbe: {httpGet: {port: web, path: /index.html, httpHeaders: [{name: X-Probe, value: 'yes'}]}, periodSeconds: 1}",
            )
            .inspect("/State/Running", json!(true)),
    ]
}
