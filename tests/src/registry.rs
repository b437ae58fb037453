//! A real registry of a test's own, which wants a name and a password.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::Program;
use crate::etcd::free_port;
use crate::wait::eventually;

/// Whom it lets in, `sailor:open sesame`, as a registry is told.
const HTPASSWD: &str = "sailor:$2b$05$bv3CK7IP5sCvvfhGWNQ9s.GGzvM1aRM/wVBIpOXDbmMVL4MccOlw.\n";
/// The same, as a client is told.
const AUTH: &str = "c2FpbG9yOm9wZW4gc2VzYW1l";

/// Ends, and its images go, with this value.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    dir: TempDir,
    /// `127.0.0.1:PORT`, what its images' names begin with.
    pub address: String,
    /// Names on this machine's daemon that are removed in the end.
    tags: Vec<String>,
}

impl Registry {
    pub async fn start() -> Result<Registry> {
        let dir = tempfile::Builder::new().prefix("timonier-registry-").tempdir()?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let passwords = dir.path().join("htpasswd");
        std::fs::write(&passwords, HTPASSWD)?;
        let config = json!({
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": dir.path().join("data")}},
            "http": {"addr": address},
            "auth": {"htpasswd": {"realm": "test", "path": passwords}},
        });
        // JSON is YAML.
        std::fs::write(dir.path().join("config.yml"), config.to_string())?;
        let log = std::fs::File::create(dir.path().join("log"))?;
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(dir.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start docker-registry: apt-get install docker-registry")?;
        let registry = Registry { process, dir, address, tags: Vec::new() };
        std::fs::create_dir(registry.client_dir())?;
        std::fs::write(registry.client_dir().join("config.json"), registry.credentials().to_string())?;
        eventually("the registry listens", || async { Ok(std::net::TcpStream::connect(&registry.address)?) }).await?;
        Ok(registry)
    }

    fn client_dir(&self) -> PathBuf {
        self.dir.path().join("client")
    }

    /// Docker's `config.json` with what it takes to be let in.
    pub fn credentials(&self) -> Value {
        json!({"auths": {&self.address: {"auth": AUTH}}})
    }

    /// Puts an image into it that differs from `image` by a label; the daemon keeps no name of it. Answers with its
    /// name, and with its name by digest.
    pub async fn put(&mut self, image: &str, repository: &str) -> Result<(String, String)> {
        let name = format!("{}/{repository}:1", self.address);
        self.tags.push(name.clone());
        let label = format!("LABEL of={name}");
        let made = docker(&["create", image]).await?;
        let committed = docker(&["commit", "--change", &label, made.trim(), &name]).await;
        docker(&["rm", made.trim()]).await?;
        committed?;
        let client = self.client_dir().display().to_string();
        docker(&["--config", &client, "push", &name]).await?;
        let digest = docker(&["image", "inspect", "--format", "{{index .RepoDigests 0}}", &name]).await?;
        docker(&["image", "rm", &name]).await?;
        Ok((name, digest.trim().to_owned()))
    }

    /// Pulls an image as a person would who may.
    pub async fn pull(&self, name: &str) -> Result<()> {
        let client = self.client_dir().display().to_string();
        docker(&["--config", &client, "pull", name]).await.map(drop)
    }
}

async fn docker(args: &[&str]) -> Result<String> {
    Program::new("docker").args(args).run().await?.ok()
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
        for tag in &self.tags {
            let _gone = Command::new("docker").args(["image", "rm", "--force", tag]).output();
        }
    }
}
