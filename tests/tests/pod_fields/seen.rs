//! What a check looks at: the pod's containers on the Docker Engine.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::Value;
use timonier_tests::binaries::binary;
use timonier_tests::command::{Program, Said};

/// The way to one pod, called `pod`, in the case's own namespace.
#[derive(Clone)]
pub struct Seen {
    pub client: Client,
    pub namespace: String,
    pub uid: String,
    pub kubeconfig: PathBuf,
    /// The tests' image, for pods that a check makes itself.
    pub image: String,
}

impl Seen {
    /// `docker inspect` of the container's newest instance.
    pub async fn container(&self, name: &str) -> Result<Value> {
        self.instances(name).await?.pop().with_context(|| format!("there is no container {name}"))
    }

    /// All instances of a container, the oldest first.
    pub async fn instances(&self, name: &str) -> Result<Vec<Value>> {
        let mut all = self.all().await?;
        all.retain(|one| label(one, "sandbox").is_some() && label(one, "container") == Some(name));
        all.sort_by_key(|one| label(one, "attempt").and_then(|attempt| attempt.parse::<u32>().ok()));
        Ok(all)
    }

    /// `docker inspect` of the sandbox that runs.
    pub async fn sandbox(&self) -> Result<Value> {
        let mut all = self.all().await?;
        all.retain(|one| label(one, "sandbox").is_none() && one["State"]["Running"] == true);
        all.pop().context("there is no sandbox")
    }

    /// `docker inspect` of all that the pod has.
    pub async fn all(&self) -> Result<Vec<Value>> {
        let filter = format!("label=io.timonier.pod-uid={}", self.uid);
        let listed = docker(&["ps", "-aq", "--no-trunc", "--filter", &filter]).await?.ok()?;
        let ids: Vec<_> = listed.split_whitespace().collect();
        if ids.is_empty() {
            return Ok(vec![]);
        }
        let inspected = docker(&[&["inspect"], ids.as_slice()].concat()).await?;
        // One that went in the meantime is no failure: those that are left are told of all the same.
        let gone = |line: &str| line.to_lowercase().contains("no such object");
        if !inspected.success && !inspected.stderr.lines().all(gone) {
            bail!("{inspected}");
        }
        Ok(serde_json::from_str(&inspected.stdout)?)
    }

    /// What a shell script prints inside a container.
    pub async fn exec(&self, name: &str, script: &str) -> Result<String> {
        let container = self.container(name).await?;
        let id = container["Id"].as_str().context("no id")?;
        docker(&["exec", id, "sh", "-c", script]).await?.ok()
    }

    /// What the container's newest instance wrote.
    pub async fn log(&self, name: &str) -> Result<String> {
        let container = self.container(name).await?;
        let said = docker(&["logs", container["Id"].as_str().context("no id")?]).await?;
        ensure!(said.success, "{said}");
        Ok(said.stdout + &said.stderr)
    }

    /// A file of `/proc/PID` of the container's first process, seen from the host.
    pub async fn proc(&self, name: &str, file: &str) -> Result<String> {
        let container = self.container(name).await?;
        let pid = container["State"]["Pid"].as_u64().filter(|pid| *pid > 0).context("it does not run")?;
        let path = format!("/proc/{pid}/{file}");
        std::fs::read_to_string(&path).context(path)
    }

    /// The pod as the API server has it now.
    pub async fn pod(&self) -> Result<Pod> {
        Ok(self.api::<Pod>().get("pod").await?)
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Messages of the pod's events with this reason.
    pub async fn events(&self, reason: &str) -> Result<Vec<String>> {
        let about = format!("involvedObject.uid={},reason={reason}", self.uid);
        let events = self.api::<Event>().list(&ListParams::default().fields(&about)).await?;
        Ok(events.items.into_iter().filter_map(|event| event.message).collect())
    }

    /// How often events with this reason have told of the pod.
    pub async fn tries(&self, reason: &str) -> Result<i32> {
        let about = format!("involvedObject.uid={},reason={reason}", self.uid);
        let events = self.api::<Event>().list(&ListParams::default().fields(&about)).await?;
        Ok(events.items.iter().map(|event| event.count.unwrap_or(1)).sum())
    }

    /// `kctl` in the case's namespace.
    pub async fn kctl(&self, args: &[&str]) -> Result<Said> {
        let program = Program::new(binary("kctl")?).env("KUBECONFIG", &self.kubeconfig);
        program.args(["--namespace", &self.namespace]).args(args).run().await
    }
}

pub async fn docker(args: &[&str]) -> Result<Said> {
    Program::new("docker").args(args).run().await
}

/// One of our labels on an inspected container.
pub fn label<'a>(inspected: &'a Value, name: &str) -> Option<&'a str> {
    inspected["Config"]["Labels"][format!("io.timonier.{name}")].as_str()
}
