//! From a kubeconfig, a server's address or a router in this process to a `kube::Client`.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Request, Response};
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tower::{BoxError, Service};

use crate::multiplex;
use crate::traffic::{Traffic, TrafficLayer};

/// Where the cluster is and who is asking. Every field overrides what the kubeconfig says.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// `--kubeconfig`: this file and no other.
    pub kubeconfig: Option<PathBuf>,
    /// Read when neither `kubeconfig` nor `$KUBECONFIG` nor `~/.kube/config` names a file that exists.
    pub fallback: Option<PathBuf>,
    pub context: Option<String>,
    pub cluster: Option<String>,
    pub user: Option<String>,
    /// `https://host:port`
    pub server: Option<String>,
    pub token: Option<String>,
    /// PEM file with the CA of the server.
    pub certificate_authority: Option<PathBuf>,
    pub insecure_skip_tls_verify: bool,
    pub namespace: Option<String>,
    /// Each request is sent once: what the server refuses for now, the caller sees.
    pub once: bool,
    /// All requests share a connection, by HTTP/2. For programs with many under way at a time; no connection can be
    /// upgraded then.
    pub multiplexed: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "no kubeconfig found (looked for {}); start a cluster with `kctl up`, or name a file with --kubeconfig or KUBECONFIG",
        list(.looked)
    )]
    NoKubeconfig { looked: Vec<PathBuf> },
    #[error("cannot read kubeconfig {}: {message}", .file.display())]
    Read { file: PathBuf, message: String },
    #[error("kubeconfig {origin}: {message}")]
    Context { origin: String, message: String },
    #[error("--server {server:?} is not a URL such as https://127.0.0.1:6443: {message}")]
    Server { server: String, message: String },
    #[error("cannot set up the connection to {server}: {source}")]
    Client { server: String, source: kube::Error },
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    if shown.is_empty() { "no file: HOME is not set".into() } else { shown.join(", ") }
}

/// What the kubeconfig and the options come to.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub config: Config,
    /// The file or files that were read, for messages; empty when options alone said everything.
    pub origin: String,
}

/// A client for the cluster that the options name. Opens no connection yet.
pub async fn connect(options: ConnectOptions) -> Result<Client, ConnectError> {
    let resolved = resolve(&options).await?;
    let server = resolved.config.cluster_url.to_string();
    // Proxies, and servers without TLS, are known to the other way alone.
    let plain = resolved.config.cluster_url.scheme() != Some(&http::uri::Scheme::HTTPS);
    if options.multiplexed && !plain && resolved.config.proxy_url.is_none() {
        return multiplex::client(resolved.config).map_err(|source| ConnectError::Client { server, source });
    }
    let builder = ClientBuilder::try_from(resolved.config).map_err(|source| ConnectError::Client { server, source })?;
    Ok(builder.with_layer(&TrafficLayer).build())
}

/// A client whose requests go straight into a service of this process, with no socket in between.
///
/// The service decides who is asking: `timonier_apiserver::Server::local(identity)` fixes one identity.
pub fn local<S, B>(service: S) -> Client
where
    S: Service<Request<kube::client::Body>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    Client::new(Traffic(service), "default")
}

/// Reads the kubeconfig and applies the options, without connecting.
pub async fn resolve(options: &ConnectOptions) -> Result<Resolved, ConnectError> {
    install_crypto();
    let (mut kubeconfig, origin) = match read(options) {
        Ok(found) => found,
        // An address given by hand needs no file.
        Err(ConnectError::NoKubeconfig { .. }) if options.server.is_some() => (Kubeconfig::default(), String::new()),
        Err(error) => return Err(error),
    };
    let chosen = override_with(&mut kubeconfig, options);
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &chosen)
        .await
        .map_err(|error| ConnectError::Context { origin: origin.clone(), message: explain(error) })?;
    if let Some(server) = &options.server {
        config.cluster_url = server.parse().map_err(|error: http::uri::InvalidUri| ConnectError::Server {
            server: server.clone(),
            message: error.to_string(),
        })?;
    }
    config.default_retry &= !options.once;
    if let Some(namespace) = &options.namespace {
        config.default_namespace = namespace.clone();
    }
    if options.insecure_skip_tls_verify {
        config.accept_invalid_certs = true;
    }
    Ok(Resolved { config, origin })
}

/// The file or files that hold the kubeconfig, in the order in which kubectl looks for them.
pub fn kubeconfig_files(options: &ConnectOptions) -> Result<Vec<PathBuf>, ConnectError> {
    if let Some(file) = &options.kubeconfig {
        return Ok(vec![file.clone()]);
    }
    let named: Vec<PathBuf> = std::env::var_os("KUBECONFIG")
        .map(|value| std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".kube/config"));
    let looked =
        if named.is_empty() { home.into_iter().chain(options.fallback.clone()).collect() } else { named.clone() };
    let existing: Vec<PathBuf> = looked.iter().filter(|path| path.exists()).cloned().collect();
    match (existing.is_empty(), named.is_empty()) {
        (true, _) => Err(ConnectError::NoKubeconfig { looked }),
        (false, true) => Ok(existing.into_iter().take(1).collect()),
        (false, false) => Ok(existing),
    }
}

fn read(options: &ConnectOptions) -> Result<(Kubeconfig, String), ConnectError> {
    let files = kubeconfig_files(options)?;
    let mut merged = Kubeconfig::default();
    for file in &files {
        let read = Kubeconfig::read_from(file)
            .and_then(|next| merged.clone().merge(next))
            .map_err(|error| ConnectError::Read { file: file.clone(), message: explain(error) })?;
        merged = read;
    }
    let origin = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(":");
    Ok((merged, origin))
}

/// Adds an entry that carries the overrides, so that one code path reads files, data and tokens.
fn override_with(kubeconfig: &mut Kubeconfig, options: &ConnectOptions) -> KubeConfigOptions {
    let mut chosen = KubeConfigOptions {
        context: options.context.clone(),
        cluster: options.cluster.clone(),
        user: options.user.clone(),
    };
    const OVERRIDE: &str = "command line";
    if options.server.is_some() || options.certificate_authority.is_some() {
        let cluster = json!({"name": OVERRIDE, "cluster": {
            "server": options.server,
            "certificate-authority": options.certificate_authority,
        }});
        if let Ok(cluster) = serde_json::from_value::<kube::config::NamedCluster>(cluster) {
            let mut cluster = cluster;
            if let Some(inner) = &mut cluster.cluster {
                let current = current_cluster(kubeconfig, options);
                if inner.server.is_none() {
                    inner.server = current.as_ref().and_then(|found| found.server.clone());
                }
                // A server named by hand is still the cluster of the file unless its CA is named too.
                if inner.certificate_authority.is_none()
                    && let Some(found) = current
                {
                    inner.certificate_authority = found.certificate_authority;
                    inner.certificate_authority_data = found.certificate_authority_data;
                }
            }
            kubeconfig.clusters.push(cluster);
            chosen.cluster = Some(OVERRIDE.into());
        }
    }
    if let Some(token) = &options.token {
        let user = json!({"name": OVERRIDE, "user": {"token": token}});
        if let Ok(user) = serde_json::from_value(user) {
            kubeconfig.auth_infos.push(user);
            chosen.user = Some(OVERRIDE.into());
        }
    }
    if kubeconfig.contexts.is_empty() && options.context.is_none() {
        let context = json!({"name": OVERRIDE, "context": {"cluster": OVERRIDE, "user": OVERRIDE}});
        if let Ok(context) = serde_json::from_value(context) {
            kubeconfig.contexts.push(context);
        }
        kubeconfig.current_context = Some(OVERRIDE.into());
        if options.token.is_none()
            && let Ok(user) = serde_json::from_value(json!({"name": OVERRIDE, "user": {}}))
        {
            kubeconfig.auth_infos.push(user);
        }
    }
    chosen
}

fn current_cluster(kubeconfig: &Kubeconfig, options: &ConnectOptions) -> Option<kube::config::Cluster> {
    let context = options.context.as_ref().or(kubeconfig.current_context.as_ref())?;
    let context = kubeconfig.contexts.iter().find(|named| &named.name == context)?.context.as_ref()?;
    let cluster = options.cluster.as_ref().unwrap_or(&context.cluster);
    kubeconfig.clusters.iter().find(|named| &named.name == cluster)?.cluster.clone()
}

fn explain(error: kube::config::KubeconfigError) -> String {
    use kube::config::KubeconfigError as E;
    match &error {
        E::CurrentContextNotSet => {
            "current-context is not set; choose one with --context or `kctl config use-context NAME`".into()
        }
        E::LoadContext(name) => format!("context {name:?} does not exist; `kctl config get-contexts` lists them"),
        E::LoadClusterOfContext(name) => format!("cluster {name:?}, which the context names, does not exist"),
        E::ReadConfig(source, _) => source.to_string(),
        _ => error.to_string(),
    }
}

/// rustls takes its cryptography from the process; the first one who connects installs it.
pub fn install_crypto() {
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, ConnectOptions) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let file = dir.path().join("kubeconfig");
        std::fs::write(&file, text).expect("written");
        (dir, ConnectOptions { kubeconfig: Some(file), ..Default::default() })
    }

    const TWO: &str = r#"
apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: one, cluster: {server: "https://127.0.0.1:6443"}}
- {name: two, cluster: {server: "https://127.0.0.2:6443"}}
users:
- {name: admin, user: {token: secret}}
contexts:
- {name: one, context: {cluster: one, user: admin, namespace: shop}}
- {name: two, context: {cluster: two, user: admin}}
"#;

    #[tokio::test]
    async fn the_current_context_decides_unless_another_is_named() {
        let (_dir, options) = written(TWO);
        let found = resolve(&options).await.expect("resolves");
        assert_eq!(found.config.cluster_url.to_string(), "https://127.0.0.1:6443/");
        assert_eq!(found.config.default_namespace, "shop");
        let options = ConnectOptions { context: Some("two".into()), namespace: Some("x".into()), ..options };
        let found = resolve(&options).await.expect("resolves");
        assert_eq!(found.config.cluster_url.to_string(), "https://127.0.0.2:6443/");
        assert_eq!(found.config.default_namespace, "x");
    }

    #[tokio::test]
    async fn an_unknown_context_is_named_with_the_file_and_what_to_do() {
        let (_dir, options) = written(TWO);
        let options = ConnectOptions { context: Some("three".into()), ..options };
        let error = resolve(&options).await.expect_err("refused").to_string();
        assert!(error.contains("\"three\"") && error.contains("get-contexts"), "{error}");
        assert!(error.contains("kubeconfig"), "{error}");
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let options = ConnectOptions { kubeconfig: Some("/nonexistent/kc".into()), ..Default::default() };
        let error = resolve(&options).await.expect_err("refused").to_string();
        assert!(error.contains("/nonexistent/kc"), "{error}");
    }

    #[tokio::test]
    async fn server_and_token_override_the_file() {
        let (_dir, options) = written(TWO);
        let options =
            ConnectOptions { server: Some("http://127.0.0.9:1".into()), token: Some("other".into()), ..options };
        let found = resolve(&options).await.expect("resolves");
        assert_eq!(found.config.cluster_url.to_string(), "http://127.0.0.9:1/");
        let auth = serde_json::to_value(&found.config.auth_info).expect("serializes");
        assert_eq!(auth["token"], "other");
    }
}
