//! Real kubectl, the one on PATH and Debian's old one, doing what people do with it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use timonier_tests::both_stores;
use timonier_tests::clients::debian_s_kubectl;
use timonier_tests::cluster::Cluster;
use timonier_tests::command::{Program, Said};
use timonier_tests::wait::{PATIENCE, eventually};

both_stores!(kubectl_does_its_daily_work, with_kubectl_on_path);
both_stores!(debian_s_old_kubectl_does_its_daily_work, with_debian_s_kubectl);

async fn with_kubectl_on_path(cluster: &Cluster) -> Result<()> {
    daily_work(cluster, Path::new("kubectl")).await
}

async fn with_debian_s_kubectl(cluster: &Cluster) -> Result<()> {
    daily_work(cluster, &debian_s_kubectl(Path::new(env!("CARGO_TARGET_TMPDIR"))).await?).await
}

struct Kubectl<'a> {
    cluster: &'a Cluster,
    path: &'a Path,
}

impl Kubectl<'_> {
    fn program(&self, args: &[&str]) -> Result<Program> {
        Ok(self.cluster.client_program(self.path)?.args(args))
    }

    async fn run(&self, args: &[&str]) -> Result<Said> {
        self.program(args)?.run().await
    }

    async fn ok(&self, args: &[&str]) -> Result<String> {
        self.run(args).await?.ok()
    }
}

async fn daily_work(cluster: &Cluster, path: &Path) -> Result<()> {
    let kubectl = Kubectl { cluster, path };
    let file = cluster.file("web.yaml", &cluster.sample()?)?;

    let mut watching = kubectl.program(&["get", "pods", "-w", "-l", "app=web"])?.stream()?;
    let said = kubectl.ok(&["apply", "-f", &file]).await?;
    ensure!(said == "configmap/web created\ndeployment.apps/web created\n", "{said}");
    watching.line(PATIENCE, |line| line.starts_with("NAME") && line.contains("RESTARTS")).await?;
    let columns = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
    let running =
        |line: &str| matches!(&columns(line)[..], [_, ready, status, ..] if ready == "1/1" && status == "Running");
    watching.line(PATIENCE, running).await?;
    watching.stop().await?;

    let said = kubectl.ok(&["rollout", "status", "deployment/web", "--timeout=120s"]).await?;
    ensure!(said.ends_with("deployment \"web\" successfully rolled out\n"), "{said}");
    let said = kubectl.ok(&["apply", "-f", &file]).await?;
    ensure!(said == "configmap/web unchanged\ndeployment.apps/web unchanged\n", "{said}");

    let said = kubectl.ok(&["scale", "deployment/web", "--replicas=4"]).await?;
    ensure!(said == "deployment.apps/web scaled\n", "{said}");
    kubectl.ok(&["rollout", "status", "deployment/web", "--timeout=120s"]).await?;
    let rows = kubectl.ok(&["get", "deployment", "web", "--no-headers"]).await?;
    ensure!(columns(&rows)[..4] == ["web", "4/4", "4", "4"], "{rows}");
    let names = kubectl.ok(&["get", "pods", "-l", "app=web", "-o", "name"]).await?;
    ensure!(names.lines().count() == 4 && names.starts_with("pod/web-"), "{names}");
    let wide = kubectl.ok(&["get", "pods", "-o", "wide"]).await?;
    ensure!(wide.contains("NOMINATED NODE") && wide.contains("node-1"), "{wide}");

    let described = kubectl.ok(&["describe", "deployment", "web"]).await?;
    for part in ["RollingUpdateStrategy:", "4 desired | 4 updated | 4 total | 4 available", "ScalingReplicaSet"] {
        ensure!(described.contains(part), "no {part:?} in\n{described}");
    }
    let pod = names.lines().next().context("a pod")?;
    let described = kubectl.ok(&["describe", pod]).await?;
    for part in ["Status:", "Running", "Successfully assigned default/web-", "Started", cluster.image()] {
        ensure!(described.contains(part), "no {part:?} in\n{described}");
    }

    logs(&kubectl).await?;
    let version = kubectl.ok(&["version"]).await?;
    ensure!(version.contains("Server Version"), "{version}");

    let said = kubectl.ok(&["delete", "-f", &file]).await?;
    ensure!(
        said == "configmap \"web\" deleted\ndeployment.apps \"web\" deleted\n"
            || said.contains("from default namespace"),
        "{said}"
    );
    eventually("nothing is left", || async {
        let left = kubectl.run(&["get", "pods"]).await?;
        ensure!(left.stderr == "No resources found in default namespace.\n", "{left}");
        Ok(())
    })
    .await
}

async fn logs(kubectl: &Kubectl<'_>) -> Result<()> {
    let image = kubectl.cluster.image();
    let pod = format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: talker}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers:
    - {{name: main, image: {image}, imagePullPolicy: Never, command: [sh, -c, 'echo one; sleep 2; echo two; sleep 3600']}}
"
    );
    let file = kubectl.cluster.file("talker.yaml", &pod)?;
    kubectl.ok(&["create", "-f", &file]).await?;
    kubectl.ok(&["wait", "--for=condition=Ready", "pod/talker", "--timeout=120s"]).await?;
    let mut following = kubectl.program(&["logs", "-f", "talker"])?.stream()?;
    following.line(Duration::from_secs(60), |line| line == "two").await?;
    ensure!(following.seen() == ["one", "two"], "{:?}", following.seen());
    following.stop().await?;
    let tail = kubectl.ok(&["logs", "talker", "--tail=1"]).await?;
    ensure!(tail == "two\n", "{tail}");
    kubectl.ok(&["delete", "pod", "talker"]).await?;
    Ok(())
}
