//! What a container runs. Also the example of how cases are written.

use anyhow::{Context, ensure};
use serde_json::json;

use crate::case::{Case, Until, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("command and args")
            .container("{command: [sleep], args: ['3601']}")
            .prints("tr '\\0' ' ' < /proc/1/cmdline", "sleep 3601"),
        case("command sees the environment")
            .container("{command: [sleep, $(LONG)], env: [{name: LONG, value: '3602'}]}")
            .inspect("/Config/Entrypoint", json!(["sleep", "3602"])),
        case("workingDir").container("workingDir: /tmp").prints("readlink /proc/1/cwd", "/tmp"),
        case("env from a ConfigMap and a Secret")
            .objects(
                "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {COLOR: blue}}
---
{apiVersion: v1, kind: Secret, metadata: {name: hidden}, stringData: {key: opensesame}}",
            )
            .container(
                "envFrom: [{configMapRef: {name: settings}, prefix: MY_}]
env: [{name: KEY, valueFrom: {secretKeyRef: {name: hidden, key: key}}}]",
            )
            .prints("echo $MY_COLOR $KEY", "blue opensesame"),
        case("a ConfigMap that is missing keeps the container waiting")
            .container("envFrom: [{configMapRef: {name: nowhere}}]")
            .until(Until::Waiting("CreateContainerConfigError"))
            .check(async |seen| {
                ensure!(seen.instances("main").await?.is_empty(), "nothing was made");
                Ok(())
            }),
        case("a Secret that is missing is told of")
            .container("envFrom: [{secretRef: {name: nowhere}}]")
            .until(Until::Event("Failed"))
            .check(async |seen| {
                let said = seen.events("Failed").await?;
                ensure!(said == ["Error: secret \"nowhere\" not found"], "{said:?}");
                Ok(())
            }),
        case("tty and stdin")
            .container("{tty: true, stdin: true, stdinOnce: true}")
            .inspect("/Config/Tty", json!(true))
            .inspect("/Config/OpenStdin", json!(true))
            .inspect("/Config/StdinOnce", json!(true)),
        case("containers of a pod share its network and IPC, and no more")
            .metadata("labels: {app: pair}")
            .beside("{name: other, command: [sh, -c, 'echo here; exec sleep 3603']}")
            .sandbox("/HostConfig/IpcMode", json!("shareable"))
            .prints("ps -o args | grep -c '[s]leep'", "1")
            .check(async |seen| {
                let sandbox = seen.sandbox().await?["Id"].clone();
                let joined = format!("container:{}", sandbox.as_str().context("no id")?);
                for name in ["main", "other"] {
                    let host = &seen.container(name).await?["HostConfig"];
                    ensure!(host["NetworkMode"] == joined && host["IpcMode"] == joined, "{name}: {host}");
                }
                ensure!(seen.log("other").await? == "here\n", "it said something else");
                let status = seen.proc("other", "status").await?;
                ensure!(status.contains("Name:\tsleep"), "{status}");
                let labels = seen.pod().await?.metadata.labels.context("no labels")?;
                ensure!(
                    labels["app"] == "pair" && seen.container("main").await?["Config"]["Image"] == *seen.image,
                    "{labels:?}"
                );
                Ok(())
            }),
        case("restartPolicy Never")
            .spec("restartPolicy: Never")
            .container("command: [sh, -c, 'exit 3']")
            .until(Until::Phase("Failed"))
            .inspect("/State/ExitCode", json!(3)),
    ]
}
