//! What a container gets beside what its spec says: who its image runs as, its seccomp profile's content, and the files
//! by which it finds names.

use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use k8s_openapi::api::core::v1::{Container, Pod};

use super::Worker;
use crate::{
    desired::{
        self, ConfigError, Name, names,
        resolver::{ClusterNames, Resolver},
    },
    runtime::{ContainerSpec, Mount, Profile, Runtime},
    volumes,
};

/// Profiles are looked up in this directory below the agent's own.
const SECCOMP: &str = "seccomp";
const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// What systemd's resolver knows, where `/etc/resolv.conf` names nothing but its stub.
const SYSTEMD_RESOLV_CONF: &str = "/run/systemd/resolve/resolv.conf";
const SYSTEMD_STUB: &str = "127.0.0.53";
/// How long to wait for the first list of Services.
const FIRST_LIST: Duration = Duration::from_secs(10);

impl<R: Runtime> Worker<R> {
    pub(super) async fn furnish(
        &self,
        pod: &Pod,
        wanted: &Container,
        pod_ip: Option<IpAddr>,
        spec: &mut ContainerSpec,
    ) -> Result<(), ConfigError> {
        if desired::asks_the_image(pod, wanted) {
            let image = self.shared.runtime.image(&spec.image).await;
            let image = image.map_err(|error| ConfigError(error.to_string()))?;
            let user = image.map(|image| image.user).unwrap_or_default();
            desired::user_of_image(pod, wanted, &mut spec.security, &user)?;
        }
        if let Profile::Local(name) = &spec.security.seccomp {
            let path = self.shared.state_dir.join(SECCOMP).join(name);
            let content = tokio::fs::read_to_string(&path).await;
            let content = content.map_err(|error| {
                ConfigError(format!("cannot load seccomp profile {:?}: {error}", path.display().to_string()))
            })?;
            spec.security.seccomp = Profile::Local(content);
        }
        let files = self.name_files(pod, pod_ip).await;
        let files =
            files.map_err(|error| ConfigError(format!("cannot write the pod's hosts and resolver files: {error}")))?;
        for (target, path) in files {
            // Where the pod has something of its own it knows better.
            if !spec.mounts.iter().any(|mount| Path::new(&mount.target) == Path::new(target)) {
                spec.mounts.push(Mount::file(path, target));
            }
        }
        Ok(())
    }

    /// Writes the pod's own `/etc/hosts` and `/etc/resolv.conf`, as they are to be now.
    async fn name_files(&self, pod: &Pod, pod_ip: Option<IpAddr>) -> io::Result<[(&'static str, PathBuf); 2]> {
        let dir = volumes::pod_dir(&self.shared.state_dir, &self.identity.uid);
        let (pod, hosting) = (pod.clone(), self.shared.hosting.clone());
        let write = move || {
            let on_host = desired::spec(&pod).host_network == Some(true);
            let node_hosts = on_host.then(|| fs::read_to_string(HOSTS)).transpose()?;
            let name = Name::of(&pod, &hosting.cluster_domain);
            let hosts = names::hosts_file(&pod, &name, pod_ip, node_hosts.as_deref());
            let node = node_resolver(hosting.resolv_conf.as_deref())?;
            let cluster = ClusterNames { servers: &hosting.cluster_dns, domain: &hosting.cluster_domain };
            let resolver = Resolver::of(&pod, &node, cluster).render();
            fs::create_dir_all(&dir)?;
            let files = [(HOSTS, dir.join("etc-hosts")), (RESOLV_CONF, dir.join("resolv.conf"))];
            // In place: containers of the pod that run already see it, too.
            fs::write(&files[0].1, hosts)?;
            fs::write(&files[1].1, resolver)?;
            Ok(files)
        };
        tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
    }

    /// The variables that tell of Services, as they are now.
    pub(super) async fn service_links(&self, pod: &Pod) -> Result<Vec<(String, String)>, ConfigError> {
        let services = &self.shared.services;
        // A static pod must start without an API server, too: it is told what is known.
        if !desired::is_static(pod) {
            tokio::time::timeout(FIRST_LIST, services.ready()).await.map_err(|_| {
                ConfigError("services have not yet been read at least once, cannot construct envvars".to_owned())
            })?;
        }
        let links = desired::spec(pod).enable_service_links.unwrap_or(true);
        let namespace = self.identity.namespace.as_str();
        let mut told = services.in_namespace(namespace);
        if namespace != "default" {
            told.extend(services.in_namespace("default"));
        }
        told.retain(|service| desired::service_links::concerns(service, namespace, links));
        Ok(told.iter().flat_map(|service| desired::service_links::variables(service)).collect())
    }
}

fn node_resolver(path: Option<&Path>) -> io::Result<Resolver> {
    if let Some(path) = path {
        let named = |error: io::Error| io::Error::other(format!("{}: {error}", path.display()));
        return fs::read_to_string(path).map(|text| Resolver::parse(&text)).map_err(named);
    }
    // A host without one has no resolver to hand on.
    let read = |path: &str| Resolver::parse(&fs::read_to_string(path).unwrap_or_default());
    let own = read(RESOLV_CONF);
    let only_stub = !own.servers.is_empty() && own.servers.iter().all(|server| server == SYSTEMD_STUB);
    let behind = only_stub.then(|| read(SYSTEMD_RESOLV_CONF)).filter(|behind| !behind.servers.is_empty());
    Ok(behind.unwrap_or(own))
}
