//! A cluster as `kctl up` makes it, and the ways in which a test looks at it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use timonier_client::ConnectOptions;

use crate::binaries::{binary, project};
use crate::command::{Program, Said};
use crate::etcd::Etcd;
use crate::image::Image;
use crate::wait::eventually;

/// Where a cluster keeps its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Embedded,
    Etcd,
}

/// What a test wants.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    pub store: Store,
    pub nodes: u32,
    pub hollow: bool,
}

/// Environment variables and their values.
pub type Settings = &'static [(&'static str, &'static str)];

/// Removed with this value, field by field in this order.
pub struct Cluster {
    /// Process, containers, networks.
    purge: Purge,
    image: Option<Image>,
    etcd: Option<Etcd>,
    dir: TempDir,
    wish: Wish,
    settings: Settings,
    client: Client,
    id: String,
}

impl Cluster {
    pub async fn up(wish: Wish) -> Result<Cluster> {
        Cluster::up_with(wish, &[]).await
    }

    /// The same, with settings of its parts as environment variables.
    pub async fn up_with(wish: Wish, settings: Settings) -> Result<Cluster> {
        let image = if wish.hollow { None } else { Some(Image::make()?) };
        let dir = tempfile::Builder::new().prefix("timonier-test-").tempdir()?;
        let etcd = match wish.store {
            Store::Embedded => None,
            Store::Etcd => Some(Etcd::start().await?),
        };
        // From here on what was begun is undone, also when it comes to nothing.
        let mut purge = Purge { dir: dir.path().join("cluster"), id: None };
        up(&purge.dir, wish, settings, etcd.as_ref()).await?.ok()?;
        let client = connect(&purge.dir.join("kubeconfig")).await?;
        let id = cluster_id(&client).await?;
        purge.id = Some(id.clone());
        Ok(Cluster { purge, image, etcd, dir, wish, settings, client, id })
    }

    pub fn state_dir(&self) -> PathBuf {
        self.purge.dir.clone()
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.state_dir().join("kubeconfig")
    }

    /// The uid of namespace `kube-system`, which the cluster's containers are labelled with.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A resource in namespace `default`.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        Api::default_namespaced(self.client())
    }

    /// The image of the test's pods.
    pub fn image(&self) -> &str {
        self.image.as_ref().map_or("hollow", Image::name)
    }

    /// The sample's manifest with the test's image.
    pub fn sample(&self) -> Result<String> {
        let manifest = std::fs::read_to_string(project().join("manifests/web.yaml"))?;
        Ok(manifest.replace("timonier/web:sample", self.image()))
    }

    /// A file in the test's folder.
    pub fn file(&self, name: &str, content: &str) -> Result<String> {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content)?;
        Ok(path.display().to_string())
    }

    pub async fn kctl<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<Said> {
        self.client_program(&binary("kctl")?)?.args(args).run().await
    }

    /// A client with the cluster's kubeconfig and caches of its own: `kctl`, or some kubectl.
    pub fn client_program(&self, path: &Path) -> Result<Program> {
        Ok(Program::new(path).env("KUBECONFIG", self.kubeconfig()).env("HOME", self.dir.path()))
    }

    /// Applies documents with `kctl apply -f -`.
    pub async fn apply(&self, manifest: &str) -> Result<String> {
        let program = self.client_program(&binary("kctl")?)?;
        program.args(["apply", "-f", "-"]).input(manifest).run().await?.ok()
    }

    /// Pods of namespace `default` by label, oldest first.
    pub async fn pods(&self, labels: &str) -> Result<Vec<Pod>> {
        let mut pods = self.api::<Pod>().list(&ListParams::default().labels(labels)).await?.items;
        pods.sort_by_key(|pod| (pod.creation_timestamp(), pod.name_any()));
        Ok(pods)
    }

    /// Waits until a deployment has what it wants and nothing else.
    pub async fn rolled_out(&self, deployment: &str) -> Result<String> {
        let target = format!("deployment/{deployment}");
        self.kctl(["rollout", "status", &target, "--timeout=120s"]).await?.ok()
    }

    /// Kills the cluster's process as a power cut would.
    pub async fn kill(&self) -> Result<()> {
        let pid = std::fs::read_to_string(self.state_dir().join("run/lock"))?;
        Program::new("/bin/kill").args(["-9", pid.trim()]).run().await?.ok()?;
        let process = PathBuf::from(format!("/proc/{}", pid.trim()));
        eventually("the killed process is gone", || async {
            // A zombie has let go of its files and ports with its last thread.
            let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
            let threads = std::fs::read_dir(process.join("task")).map_or(0, Iterator::count);
            anyhow::ensure!(stat.is_empty() || (stat.contains(") Z ") && threads <= 1), "{threads} threads, {stat}");
            Ok(())
        })
        .await
    }

    /// Stops it as a person would.
    pub async fn down(&self) -> Result<String> {
        let dir = self.state_dir();
        Program::new(binary("kctl")?).args(["down", "--state-dir"]).args([&dir]).run().await?.ok()
    }

    /// Starts it again in the same folder, with nothing said that the folder knows.
    pub async fn up_again(&self) -> Result<String> {
        up(&self.state_dir(), self.wish, self.settings, self.etcd.as_ref()).await?.ok()
    }

    /// Ids of the cluster's containers, running or not.
    pub async fn containers(&self) -> Result<Vec<String>> {
        containers(&self.id).await
    }

    /// What everything looks like, for a test that failed.
    pub async fn dump(&self) -> String {
        let mut dump = String::new();
        let looks: [&[&str]; 5] = [
            &["get", "nodes,deployments,replicasets,pods", "-A", "-o", "wide"],
            &["get", "events", "-A"],
            &["describe", "pods"],
            &["get", "pods", "-A", "-o", "yaml"],
            &["logs", "-l", "app", "--tail=20"],
        ];
        for look in looks {
            match self.kctl(look.iter().copied()).await {
                Ok(said) => dump += &format!("\n=== {said}"),
                Err(error) => dump += &format!("\n=== kctl {look:?}: {error:#}"),
            }
        }
        let docker = Program::new("docker").args(["ps", "-a", "--filter"]).args([label(&self.id)]).run().await;
        if let Ok(said) = docker {
            dump += &format!("\n=== {said}");
        }
        let log = std::fs::read_to_string(self.state_dir().join("run/log")).unwrap_or_default();
        let from = log.char_indices().rev().nth(12_000).map_or(0, |(at, _)| at);
        dump + "\n=== end of the cluster's log\n" + &log[from..]
    }
}

/// Removes what `kctl up` made; what `kctl down --purge` leaves behind is removed all the same, and reported.
struct Purge {
    dir: PathBuf,
    id: Option<String>,
}

impl Drop for Purge {
    fn drop(&mut self) {
        let Ok(kctl) = binary("kctl") else { return };
        let down = std::process::Command::new(kctl).args(["down", "--purge", "--state-dir"]).arg(&self.dir).output();
        match down {
            Ok(output) if output.status.success() => {}
            Ok(output) => eprintln!("kctl down --purge: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => eprintln!("kctl down --purge: {error}"),
        }
        if let Some(id) = &self.id {
            remove_leftovers(id);
        }
    }
}

/// Containers of a cluster that is gone: the test that left them failed, and the next must not see them.
pub fn remove_leftovers(id: &str) {
    let list = std::process::Command::new("docker").args(["ps", "-aq", "--filter", &label(id)]).output();
    let ids = list.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    for container in ids.split_whitespace() {
        eprintln!("container {container} of cluster {id} was left behind");
        let mut remove = std::process::Command::new("docker");
        let _removed = remove.args(["rm", "-f", container]).stdout(Stdio::null()).status();
    }
}

pub async fn containers(id: &str) -> Result<Vec<String>> {
    let list = Program::new("docker").args(["ps", "-aq", "--no-trunc", "--filter"]).args([label(id)]).run().await?;
    Ok(list.ok()?.split_whitespace().map(String::from).collect())
}

fn label(id: &str) -> String {
    format!("label=io.timonier.cluster={id}")
}

async fn up(dir: &Path, wish: Wish, settings: Settings, etcd: Option<&Etcd>) -> Result<Said> {
    let mut program = Program::new(binary("kctl")?).args(["up", "--detach", "--port", "0", "--state-dir"]).args([dir]);
    program = program.args(["--nodes", &wish.nodes.to_string()]);
    program = program.args(["--runtime", if wish.hollow { "hollow" } else { "docker" }]);
    if let Some(etcd) = etcd {
        program = program.args(["--store", &etcd.store_url("test")]);
    }
    for (name, value) in settings {
        program = program.env(name, value);
    }
    program.run().await
}

pub async fn connect(kubeconfig: &Path) -> Result<Client> {
    connect_with(ConnectOptions { kubeconfig: Some(kubeconfig.into()), ..Default::default() }).await
}

/// A client that sends nothing twice, to see each answer.
pub async fn connect_once(kubeconfig: &Path) -> Result<Client> {
    connect_with(ConnectOptions { kubeconfig: Some(kubeconfig.into()), once: true, ..Default::default() }).await
}

async fn connect_with(options: ConnectOptions) -> Result<Client> {
    Ok(timonier_client::connect(options).await?)
}

/// The uid of namespace `kube-system`.
pub async fn cluster_id(client: &Client) -> Result<String> {
    Api::<Namespace>::all(client.clone()).get("kube-system").await?.uid().context("kube-system has no uid")
}
