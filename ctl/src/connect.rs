//! Which cluster a command talks to.

use crate::cluster::{Namespace, Session};
use crate::error::Error;
use crate::flags::Global;
use std::path::{Path, PathBuf};
use timonier_client::connect::{ConnectError, ConnectOptions, resolve};

/// Kubeconfigs that are looked for when neither `--kubeconfig` nor `$KUBECONFIG` names one.
pub fn default_files() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let under_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let mut files = vec![PathBuf::from(".timonier/kubeconfig")];
    files.extend(under_home(".timonier/kubeconfig"));
    files.extend(under_home(".kube/config"));
    files
}

/// The files that `$KUBECONFIG` names, if it names any.
pub fn named_by_environment() -> Vec<PathBuf> {
    let value = std::env::var_os("KUBECONFIG").unwrap_or_default();
    std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// The one file to read (and, for `config`, to write); `None` when `$KUBECONFIG` lists files that are merged.
pub fn kubeconfig_file(global: &Global) -> Result<Option<PathBuf>, Error> {
    if let Some(file) = &global.kubeconfig {
        return match file.exists() {
            true => Ok(Some(file.clone())),
            false => Err(missing(file)),
        };
    }
    let named = named_by_environment();
    match named.as_slice() {
        [] => default_files().into_iter().find(|file| file.exists()).map(Some).ok_or_else(no_cluster),
        [file] if !file.exists() => Err(missing(file)),
        [file] => Ok(Some(file.clone())),
        _ => Ok(None),
    }
}

fn missing(file: &Path) -> Error {
    Error::Kubeconfig { path: file.display().to_string(), detail: "there is no such file".into() }
}

fn no_cluster() -> Error {
    let tried: Vec<String> = default_files().iter().map(|file| file.display().to_string()).collect();
    Error::NoCluster(format!(
        "no cluster is configured: none of {} exists, and neither --kubeconfig nor $KUBECONFIG is set\n\
         Start a cluster with: kctl up",
        tried.join(", ")
    ))
}

/// A session with the cluster that the flags and the files name. Opens no connection yet.
pub async fn connect(global: &Global) -> Result<Session, Error> {
    let kubeconfig = match kubeconfig_file(global) {
        Ok(file) => file,
        // A server that is given by hand needs no file.
        Err(Error::NoCluster(_)) if global.server.is_some() => None,
        Err(error) => return Err(error),
    };
    let options = ConnectOptions {
        kubeconfig,
        fallback: None,
        context: global.context.clone(),
        cluster: global.cluster.clone(),
        user: global.user.clone(),
        server: global.server.clone(),
        token: global.token.clone(),
        certificate_authority: global.certificate_authority.clone(),
        insecure_skip_tls_verify: global.insecure_skip_tls_verify,
        namespace: global.namespace.clone(),
        // What the server refuses is for the user to hear at once.
        once: true,
        multiplexed: false,
    };
    let mut config = resolve(&options).await.map_err(configuration)?.config;
    // A watch may be silent for long.
    config.read_timeout = None;
    let name = match config.default_namespace.as_str() {
        "" => "default".to_string(),
        namespace => namespace.to_string(),
    };
    let namespace = Namespace { name, explicit: global.namespace.is_some() };
    let server = config.cluster_url.to_string();
    let client = kube::Client::try_from(config).map_err(|error| Error::Unreachable { detail: error.to_string() })?;
    Ok(Session::new(client, server, namespace, global.request_timeout()?))
}

fn configuration(error: ConnectError) -> Error {
    Error::NoCluster(error.to_string())
}
