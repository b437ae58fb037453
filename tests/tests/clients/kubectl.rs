//! kubectl's imperative commands, which send protobuf, and its streams: exec, cp, attach, port-forward.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use timonier_tests::cluster::Cluster;
use timonier_tests::command::{Program, Said};
use timonier_tests::pages::page;
use timonier_tests::wait::{PATIENCE, eventually};

use crate::{Kubectl, roles};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Age {
    New,
    /// 1.20: it knows neither `create token` nor `auth whoami`.
    Old,
}

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

pub async fn all(cluster: &Cluster, path: &Path, namespace: &str, age: Age) -> Result<()> {
    let kubectl = Kubectl { cluster, path, namespace };
    imperative(&kubectl).await.context("imperative commands")?;
    if age == Age::New {
        tokens(&kubectl).await.context("create token")?;
    }
    roles::all(&kubectl).await.context("roles")?;
    shell(&kubectl).await?;
    kubectl.ok(&["wait", "--for=condition=Ready", "pod/shell", "--timeout=120s"]).await?;
    executing(&kubectl).await.context("exec")?;
    copying(&kubectl).await.context("cp")?;
    attaching(&kubectl).await.context("attach")?;
    forwarding(&kubectl).await.context("port-forward")?;
    if age == Age::New {
        debugging(&kubectl).await.context("debug")?;
    }
    kubectl.ok(&["delete", "pod", "shell", "--grace-period=1"]).await?;
    Ok(())
}

/// An ephemeral container beside the one that it looks at: it sees that one's processes.
async fn debugging(kubectl: &Kubectl<'_>) -> Result<()> {
    let image = kubectl.cluster.image();
    let args = ["debug", "shell", "--image", image, "--image-pull-policy=Never", "--target=shell", "-c", "helper"];
    let script = "tr '\\0' ' ' < /proc/1/cmdline; echo; sleep 3600";
    kubectl.ok(&[&args[..], &["--", "sh", "-c", script]].concat()).await?;
    eventually("the ephemeral container talks", || async {
        let said = kubectl.ok(&["logs", "shell", "-c", "helper"]).await?;
        ensure!(said.contains("echo heard $line"), "{said}");
        Ok(())
    })
    .await
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

async fn imperative(kubectl: &Kubectl<'_>) -> Result<()> {
    let image = kubectl.cluster.image();
    let said = kubectl.ok(&["create", "configmap", "settings", "--from-literal=a=1"]).await?;
    ensure!(said == "configmap/settings created\n", "{said}");
    let refused = kubectl.run(&["create", "configmap", "settings"]).await?.refused()?;
    ensure!(refused.contains("already exists"), "{refused}");
    kubectl.ok(&["create", "secret", "generic", "key", "--from-literal=p=q"]).await?;
    kubectl.ok(&["create", "serviceaccount", "robot"]).await?;
    let inner = format!("{}-inner", kubectl.namespace);
    kubectl.ok(&["create", "namespace", &inner]).await?;
    kubectl.ok(&["delete", "namespace", &inner, "--wait=false"]).await?;
    let said = kubectl.ok(&["create", "deployment", "web", "--image", image]).await?;
    ensure!(said == "deployment.apps/web created\n", "{said}");
    kubectl.ok(&["rollout", "status", "deployment/web", "--timeout=120s"]).await?;
    kubectl.ok(&["set", "env", "deployment/web", "GREETING=hello"]).await?;
    let greeting = "jsonpath={.spec.template.spec.containers[0].env[0].value}";
    let value = kubectl.ok(&["get", "deployment/web", "-o", greeting]).await?;
    ensure!(value == "hello", "{value}");
    let run = ["run", "once", "--image", image, "--restart=Never", "--command", "--", "sh", "-c", "echo ran"];
    kubectl.ok(&run).await?;
    eventually("it ran", || async {
        let said = kubectl.ok(&["logs", "once"]).await?;
        ensure!(said == "ran\n", "{said}");
        Ok(())
    })
    .await?;
    let data = kubectl.ok(&["get", "configmap/settings", "-o", "jsonpath={.data.a}"]).await?;
    ensure!(data == "1", "{data}");
    let data = kubectl.ok(&["get", "secret/key", "-o", "jsonpath={.data.p}"]).await?;
    ensure!(data == "cQ==", "{data}");
    kubectl.ok(&["delete", "deployment/web", "pod/once", "--wait=false"]).await?;
    Ok(())
}

async fn tokens(kubectl: &Kubectl<'_>) -> Result<()> {
    let token = kubectl.ok(&["create", "token", "robot", "--duration=10m"]).await?;
    ensure!(token.trim().split('.').count() == 3, "{token}");
    // The kubeconfig's own token would be shown first: this one names nobody.
    let text = std::fs::read_to_string(kubectl.cluster.kubeconfig())?;
    let nobody: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("token:")).collect();
    let nobody = nobody.join("\n");
    let file = kubectl.cluster.file("nobody.kubeconfig", &nobody)?;
    let as_robot = ["--kubeconfig", &file, "--token", token.trim()];
    let user = format!("system:serviceaccount:{}:robot", kubectl.namespace);
    let refused = kubectl.run(&[&as_robot[..], &["get", "pods"]].concat()).await?.refused()?;
    ensure!(refused.contains(&format!("User {user:?} cannot list")), "{refused}");
    let said = kubectl
        .ok(&[&as_robot[..], &["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]].concat())
        .await?;
    ensure!(said == user, "{said}");
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
