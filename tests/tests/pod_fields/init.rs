//! Init containers, sidecars, and the order in which containers come and go.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use timonier_tests::wait::eventually;

use crate::case::{Case, Until, case};
use crate::seen::Seen;

/// A line in the pod's diary, with the moment.
const DIARY: &str = "volumes: [{name: diary, emptyDir: {}}]";

pub fn cases() -> Vec<Case> {
    vec![
        case("init containers run one after the other, then the main ones")
            .spec(
                "initContainers:
- {name: one, command: [sh, -c, 'sleep 0.2; echo one >> /diary/a'], volumeMounts: [{name: diary, mountPath: /diary}]}
- {name: two, command: [sh, -c, 'echo two >> /diary/a'], volumeMounts: [{name: diary, mountPath: /diary}]}",
            )
            .spec(DIARY)
            .container("volumeMounts: [{name: diary, mountPath: /diary}]")
            .prints("tr '\\n' ' ' < /diary/a", "one two")
            .check(async |seen| {
                let (one, two, main) =
                    (seen.container("one").await?, seen.container("two").await?, seen.container("main").await?);
                ensure!(time(&one, "FinishedAt") <= time(&two, "StartedAt"), "two began too early");
                ensure!(time(&two, "FinishedAt") <= time(&main, "StartedAt"), "main began too early");
                let status = seen.pod().await?.status.context("no status")?;
                let init = status.init_container_statuses.context("no statuses")?;
                ensure!(init.iter().all(|one| one.ready && one.restart_count == 0), "{init:?}");
                Ok(())
            }),
        case("a pod waits for an init container that fails, and it is tried again")
            .spec(
                "initContainers:
- {name: one, command: [sh, -c, 'test -e /diary/a && exit 0; touch /diary/a; exit 4'], volumeMounts: [{name: diary, mountPath: /diary}]}",
            )
            .spec(DIARY)
            .check(async |seen| {
                let codes: Vec<_> =
                    seen.instances("one").await?.iter().map(|one| one["State"]["ExitCode"].clone()).collect();
                ensure!(codes == [json!(4), json!(0)], "{codes:?}");
                Ok(())
            }),
        case("an init container that fails ends a pod that never restarts")
            .spec("{restartPolicy: Never, initContainers: [{name: one, command: [sh, -c, 'exit 4']}]}")
            .until(Until::Phase("Failed"))
            .check(async |seen| {
                ensure!(seen.instances("main").await?.is_empty(), "it was started all the same");
                Ok(())
            }),
        case("a sidecar that has started lets the next start, and runs beside")
            .spec(
                "initContainers:
- name: side
  restartPolicy: Always
  command: [sh, -c, 'sleep 0.5; touch /diary/up; sleep 3605']
  startupProbe: {exec: {command: [test, -e, /diary/up]}, periodSeconds: 1, failureThreshold: 30}
  volumeMounts: [{name: diary, mountPath: /diary}]
- {name: one, command: [test, -e, /diary/up], volumeMounts: [{name: diary, mountPath: /diary}]}",
            )
            .spec(DIARY)
            .check(async |seen| {
                ensure!(seen.container("side").await?["State"]["Running"] == true, "the sidecar does not run");
                ensure!(seen.container("one").await?["State"]["ExitCode"] == 0, "it did not wait");
                let columns = seen.kctl(&["get", "pod", "pod", "--no-headers"]).await?.ok()?;
                ensure!(columns.contains("2/2") && columns.contains("Running"), "{columns}");
                Ok(())
            }),
        case("a pod completes although its sidecar would run for ever")
            .spec(
                "restartPolicy: Never
initContainers: [{name: side, restartPolicy: Always, command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 0.1; done']}]",
            )
            .container("command: ['true']")
            .until(Until::Phase("Succeeded"))
            .check(async |seen| {
                let (side, main) = (seen.container("side").await?, seen.container("main").await?);
                ensure!(side["State"]["Running"] == false && side["State"]["ExitCode"] == 0, "{}", side["State"]);
                ensure!(time(&main, "FinishedAt") <= time(&side, "FinishedAt"), "the sidecar ended first");
                Ok(())
            }),
        case("a sidecar that crashes is started again whatever the policy is")
            .spec(
                "restartPolicy: Never
initContainers: [{name: side, restartPolicy: Always, command: [sh, -c, 'sleep 2; exit 3']}]",
            )
            .until(Until::Event("BackOff"))
            .check(async |seen| {
                ensure!(seen.instances("side").await?.len() >= 2, "it was started once");
                ensure!(seen.container("main").await?["State"]["Running"] == true, "main paid for it");
                Ok(())
            }),
        case("sidecars end last, the last one first")
            .spec(&format!(
                "terminationGracePeriodSeconds: 20
initContainers: [{}, {}]
containers: [{}]
volumes: [{{name: diary, hostPath: {{path: /tmp, type: Directory}}}}]",
                ender("first", "restartPolicy: Always,"),
                ender("second", "restartPolicy: Always,"),
                ender("main", "")
            ))
            .check(in_reverse),
        case("containers have restart policies of their own")
            .spec("restartPolicy: Always")
            .container("{restartPolicy: Never, command: ['true']}")
            .beside("{name: other, restartPolicy: OnFailure, command: ['true']}")
            .until(Until::Phase("Succeeded"))
            .inspect("/State/ExitCode", json!(0)),
        case("a rule restarts a container that its policy would not")
            .spec("restartPolicy: Never")
            .spec(DIARY)
            .container(
                "restartPolicy: Never
restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]
command: [sh, -c, 'test -e /diary/a && exit 7; touch /diary/a; exit 42']
volumeMounts: [{name: diary, mountPath: /diary}]",
            )
            .until(Until::Phase("Failed"))
            .check(async |seen| {
                let codes: Vec<_> =
                    seen.instances("main").await?.iter().map(|one| one["State"]["ExitCode"].clone()).collect();
                ensure!(codes == [json!(42), json!(7)], "{codes:?}");
                Ok(())
            }),
    ]
}

/// A container that writes its name when it is asked to end, a moment before it does.
fn ender(name: &str, more: &str) -> String {
    format!(
        "{{name: {name}, {more} volumeMounts: [{{name: diary, mountPath: /diary}}],
env: [{{name: POD, valueFrom: {{fieldRef: {{fieldPath: metadata.uid}}}}}}],
command: [sh, -c, 'trap \"sleep 0.3; echo {name} >> /diary/$POD; exit 0\" TERM; while :; do sleep 0.1; done']}}"
    )
}

async fn in_reverse(seen: &Seen) -> Result<()> {
    seen.api::<Pod>().delete("pod", &DeleteParams::default()).await?;
    let diary = std::path::Path::new("/tmp").join(&seen.uid);
    let written = eventually("all have ended", || async {
        let text = std::fs::read_to_string(&diary)?;
        ensure!(text.lines().count() == 3, "{text}");
        Ok(text)
    })
    .await;
    let _ = std::fs::remove_file(&diary);
    ensure!(written? == "main\nsecond\nfirst\n", "they ended in another order");
    Ok(())
}

fn time(inspected: &Value, of: &str) -> String {
    inspected["State"][of].as_str().unwrap_or_default().to_owned()
}
