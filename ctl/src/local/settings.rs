//! What a cluster's first start decided, kept in `cluster.yaml` for every later one.

use super::ClusterError;
use super::addresses::Addresses;
use super::state_dir::StateDir;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

pub const API_VERSION: &str = "timonier.io/v1";
pub const KIND: &str = "LocalCluster";

/// The file's content. It may be edited while the cluster is stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    pub api_version: String,
    pub kind: String,
    /// Where the API server listens.
    pub bind_address: IpAddr,
    pub port: u16,
    pub nodes: u32,
    pub runtime: RuntimeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker_host: Option<String>,
    /// `None`: the embedded store below the state folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// The uid of namespace `kube-system`, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Addresses>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeKind {
    /// Real containers on a Docker Engine.
    Docker,
    /// Simulated nodes: pods are reported as running, no container is started.
    Hollow,
}

impl std::fmt::Display for RuntimeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            RuntimeKind::Docker => "docker",
            RuntimeKind::Hollow => "hollow",
        })
    }
}

impl RuntimeKind {
    /// The name of the `number`th node (from 1).
    pub fn node_name(self, number: u32) -> String {
        match self {
            RuntimeKind::Docker => format!("node-{number}"),
            RuntimeKind::Hollow => format!("hollow-{number}"),
        }
    }
}

/// What the user asked for this time; `None` where nothing was said.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub bind_address: Option<IpAddr>,
    pub port: Option<u16>,
    pub nodes: Option<u32>,
    pub runtime: Option<RuntimeKind>,
    pub docker_host: Option<String>,
    pub store: Option<String>,
}

impl Settings {
    /// What is kept, with the user's wishes on top; the defaults where neither says anything.
    pub fn resolve(kept: Option<Settings>, wishes: &Wishes) -> Result<Settings, ClusterError> {
        let mut settings = kept.clone().unwrap_or(Settings {
            api_version: API_VERSION.into(),
            kind: KIND.into(),
            bind_address: IpAddr::from([127, 0, 0, 1]),
            port: 6443,
            nodes: 3,
            runtime: RuntimeKind::Docker,
            docker_host: None,
            store: None,
            cluster_id: None,
            addresses: None,
        });
        if let Some(kept) = &kept {
            refuse_changes(kept, wishes)?;
        }
        settings.bind_address = wishes.bind_address.unwrap_or(settings.bind_address);
        // A port of 0 means any free one: on a later start the one that was found is as good.
        settings.port = match wishes.port {
            Some(0) if kept.is_some() => settings.port,
            Some(port) => port,
            None => settings.port,
        };
        settings.nodes = wishes.nodes.unwrap_or(settings.nodes);
        settings.runtime = wishes.runtime.unwrap_or(settings.runtime);
        settings.docker_host = wishes.docker_host.clone().or(settings.docker_host);
        settings.store = wishes.store.clone().or(settings.store);
        Ok(settings)
    }

    pub fn load(dir: &StateDir) -> Result<Option<Settings>, ClusterError> {
        let path = dir.settings();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ClusterError::File { path, source }),
        };
        let malformed = |detail: String| ClusterError::Settings { path: path.clone(), detail };
        let settings: Settings = serde_saphyr::from_str(&text).map_err(|e| malformed(e.to_string()))?;
        if (settings.api_version.as_str(), settings.kind.as_str()) != (API_VERSION, KIND) {
            return Err(malformed(format!(
                "apiVersion and kind are {}, {}, but this version reads {API_VERSION}, {KIND}",
                settings.api_version, settings.kind
            )));
        }
        Ok(Some(settings))
    }

    pub fn save(&self, dir: &StateDir) -> Result<(), ClusterError> {
        let text = serde_saphyr::to_string(self)
            .map_err(|e| ClusterError::Settings { path: dir.settings(), detail: e.to_string() })?;
        Ok(crate::pki::layout::write(&dir.settings(), &text)?)
    }

    /// What clients on this machine dial.
    pub fn server(&self) -> String {
        format!("https://{}", SocketAddr::new(self.connect_address(), self.port))
    }

    /// What other machines dial: the bind address, or when that is all of this machine's, the one that leads out of it.
    pub fn advertised(&self) -> String {
        let address = match self.bind_address.is_unspecified() {
            true => super::addresses::outward().unwrap_or_else(|| self.connect_address()),
            false => self.bind_address,
        };
        format!("https://{}", SocketAddr::new(address, self.port))
    }

    /// Names under which the API server answers, besides those that every one has.
    pub fn server_names(&self) -> Vec<String> {
        match self.bind_address.is_unspecified() {
            true => super::addresses::outward().iter().map(IpAddr::to_string).collect(),
            false => vec![self.bind_address.to_string()],
        }
    }

    /// The bind address as one can dial it.
    pub fn connect_address(&self) -> IpAddr {
        match self.bind_address {
            IpAddr::V4(address) if address.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(address) if address.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            address => address,
        }
    }
}

/// Containers know their cluster, runtime and store; these cannot change under them.
fn refuse_changes(kept: &Settings, wishes: &Wishes) -> Result<(), ClusterError> {
    const HINT: &str = "leave the flag away, give another --state-dir, or remove the cluster with `kctl down --purge`";
    let changed = |flag, wanted: String, kept: String| ClusterError::Changed { flag, wanted, kept, hint: HINT };
    if let Some(runtime) = wishes.runtime.filter(|r| *r != kept.runtime) {
        return Err(changed("--runtime", runtime.to_string(), kept.runtime.to_string()));
    }
    let store = |store: &Option<String>| store.clone().unwrap_or_else(|| "the embedded store".into());
    if wishes.store.is_some() && wishes.store != kept.store {
        return Err(changed("--store", store(&wishes.store), store(&kept.store)));
    }
    if let Some(nodes) = wishes.nodes.filter(|n| *n < kept.nodes) {
        return Err(changed("--nodes", nodes.to_string(), kept.nodes.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_stand_where_nothing_is_said() {
        let settings = Settings::resolve(None, &Wishes::default()).unwrap();
        assert_eq!((settings.port, settings.nodes, settings.runtime), (6443, 3, RuntimeKind::Docker));
        assert_eq!(settings.server(), "https://127.0.0.1:6443");
    }

    #[test]
    fn a_second_start_keeps_what_the_first_decided() {
        let first = Wishes { port: Some(7000), nodes: Some(2), ..Wishes::default() };
        let kept = Settings::resolve(None, &first).unwrap();
        let again = Settings::resolve(Some(kept.clone()), &Wishes { port: Some(0), ..Wishes::default() }).unwrap();
        assert_eq!(kept, again);
    }

    #[test]
    fn a_cluster_keeps_its_runtime_its_store_and_its_nodes() {
        let kept = Settings::resolve(None, &Wishes::default()).unwrap();
        let refused = |wishes: Wishes| Settings::resolve(Some(kept.clone()), &wishes).unwrap_err().to_string();
        assert!(refused(Wishes { runtime: Some(RuntimeKind::Hollow), ..Wishes::default() }).contains("--runtime"));
        assert!(refused(Wishes { store: Some("etcd://x".into()), ..Wishes::default() }).contains("--store"));
        assert!(refused(Wishes { nodes: Some(1), ..Wishes::default() }).contains("--nodes"));
        let grown = Settings::resolve(Some(kept), &Wishes { nodes: Some(5), ..Wishes::default() }).unwrap();
        assert_eq!(grown.nodes, 5);
    }

    #[test]
    fn the_file_says_what_was_saved_and_names_what_it_cannot_read() {
        let root = tempfile::tempdir().unwrap();
        let dir = StateDir::new(root.path()).unwrap();
        assert_eq!(Settings::load(&dir).unwrap(), None);
        let mut settings = Settings::resolve(None, &Wishes::default()).unwrap();
        settings.addresses = Some(Addresses::derive("some-id", |_| true, |_| true).unwrap());
        settings.save(&dir).unwrap();
        assert_eq!(Settings::load(&dir).unwrap(), Some(settings));
        std::fs::write(dir.settings(), "apiVersion: timonier.io/v1\nkind: Other\n").unwrap();
        assert!(Settings::load(&dir).unwrap_err().to_string().contains("cluster.yaml"));
    }
}
