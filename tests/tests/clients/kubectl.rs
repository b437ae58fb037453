//! kubectl's streams: exec, cp, attach, port-forward.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use timonier_tests::cluster::Cluster;
use timonier_tests::command::{Program, Said};
use timonier_tests::pages::page;
use timonier_tests::wait::PATIENCE;

use crate::Kubectl;

impl Kubectl<'_> {
    pub fn program(&self, args: &[&str]) -> Result<Program> {
        Ok(self.cluster.client_program(self.path)?.args(["-n", self.namespace]).args(args))
    }

    pub async fn run(&self, args: &[&str]) -> Result<Said> {
        self.program(args)?.run().await
    }

    pub async fn ok(&self, args: &[&str]) -> Result<String> {
        self.run(args).await?.ok()
    }
}

pub async fn all(cluster: &Cluster, path: &Path, namespace: &str) -> Result<()> {
    let kubectl = Kubectl { cluster, path, namespace };
    shell(&kubectl).await?;
    kubectl.ok(&["wait", "--for=condition=Ready", "pod/shell", "--timeout=120s"]).await?;
    executing(&kubectl).await.context("exec")?;
    copying(&kubectl).await.context("cp")?;
    attaching(&kubectl).await.context("attach")?;
    forwarding(&kubectl).await.context("port-forward")?;
    kubectl.ok(&["delete", "pod", "shell", "--grace-period=1"]).await?;
    Ok(())
}

/// A pod that serves a page and repeats what it is told.
async fn shell(kubectl: &Kubectl<'_>) -> Result<()> {
    let script = "mkdir /tmp/www; echo served > /tmp/www/index.html; httpd -p 8080 -h /tmp/www; \
                  while read line; do echo heard $line; done";
    let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shell"}, "spec": {
        "terminationGracePeriodSeconds": 1, "containers": [{"name": "shell", "image": kubectl.cluster.image(),
            "imagePullPolicy": "Never", "stdin": true, "command": ["sh", "-c", script]}]}});
    kubectl.program(&["apply", "-f", "-"])?.input(&pod.to_string()).run().await?.ok()?;
    Ok(())
}

async fn executing(kubectl: &Kubectl<'_>) -> Result<()> {
    let said = kubectl.run(&["exec", "shell", "--", "sh", "-c", "echo out; echo aside >&2"]).await?;
    ensure!(said.success && said.stdout == "out\n" && said.stderr.contains("aside"), "{said}");
    let said = kubectl.program(&["exec", "-i", "shell", "--", "cat"])?.input("through\n").run().await?.ok()?;
    ensure!(said == "through\n", "{said}");
    let failed = kubectl.run(&["exec", "shell", "--", "sh", "-c", "exit 7"]).await?.refused()?;
    ensure!(failed.contains("exit code 7"), "{failed}");
    // A terminal: `script` is one. Its size comes after the process has begun.
    let script = "test -t 0 && echo terminal; until stty size 2>/dev/null | grep \"33 77\"; do sleep 0.1; done";
    let path = kubectl.path.display();
    let command = format!("{path} -n {} exec -it shell -- sh -c '{script}'", kubectl.namespace);
    let program = kubectl.cluster.client_program(Path::new("script"))?;
    let said = program.args(["-qec", &format!("stty rows 33 cols 77; {command}"), "/dev/null"]).run().await?.ok()?;
    ensure!(said.contains("terminal") && said.contains("33 77"), "{said:?}");
    Ok(())
}

async fn copying(kubectl: &Kubectl<'_>) -> Result<()> {
    let name = format!("{}.txt", kubectl.namespace);
    let file = kubectl.cluster.file(&name, &"a line of some length\n".repeat(20_000))?;
    kubectl.ok(&["cp", &file, "shell:/tmp/copied"]).await?;
    let back = format!("{file}.back");
    kubectl.ok(&["cp", "shell:/tmp/copied", &back]).await?;
    ensure!(std::fs::read(&file)? == std::fs::read(&back)?, "the copy differs");
    Ok(())
}

async fn attaching(kubectl: &Kubectl<'_>) -> Result<()> {
    let mut talking = kubectl.program(&["attach", "-i", "shell"])?.converse()?;
    talking.say("hello\n").await?;
    talking.line(PATIENCE, |line| line == "heard hello").await?;
    talking.stop().await
}

async fn forwarding(kubectl: &Kubectl<'_>) -> Result<()> {
    let mut tunnel = kubectl.program(&["port-forward", "pod/shell", ":8080"])?.stream()?;
    let line = tunnel.line(PATIENCE, |line| line.starts_with("Forwarding from 127.0.0.1:")).await?;
    let port = line.split(':').nth(1).and_then(|rest| rest.split(' ').next()).context("a port")?;
    // Each page is a connection of its own.
    for _ in 0..3 {
        let text = page(&format!("127.0.0.1:{port}")).await?;
        ensure!(text.contains("served"), "{text}");
    }
    tunnel.stop().await
}
