//! `kctl node join`: this machine becomes a node of a cluster that runs elsewhere.

use crate::error::Error;
use crate::flags::{self, Global};
use crate::join::certificates::{Use, obtain, refusal};
use crate::join::discovery::{Endpoint, Trust, client, discover, from_kubeconfig};
use crate::join::files::{Files, Node, State};
use crate::join::{JoinError, agent, pin};
use crate::local::detach::Detached;
use crate::local::settings::RuntimeKind;
use crate::local::state_dir::StateDir;
use crate::output;
use kube::Client;
use kube::config::AuthInfo;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Make this machine a node of a cluster, with a token from `kctl node token create`, and run its pods.
///
/// The node's key is made here and never leaves the machine. What was joined once is kept in the state folder: a later
/// `kctl node join --state-dir DIR` needs neither token nor address.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl node join https://10.0.0.5:6443 --token abcdef.0123456789abcdef --ca-cert-hash sha256:…
  kctl node join --detach                  start a node that joined before, in the background
  kctl down --state-dir /var/lib/timonier/node          stop it; containers keep running
  kctl down --purge --state-dir /var/lib/timonier/node  and remove them, and all that it kept

What `timonier-nodeagent --help` explains, such as when pods are evicted, is set by the environment variables it names.")]
pub struct Args {
    /// The API server, as https://HOST:PORT; the token is given with --token
    #[arg(value_name = "SERVER")]
    endpoint: Option<String>,
    /// The hash of the public key of the cluster's CA, as sha256:HEX; repeatable while a CA is exchanged
    #[arg(long = "ca-cert-hash", value_name = "HASH")]
    hashes: Vec<String>,
    /// The node's name [default: the host's]
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,
    /// This machine's address for host ports and for the API server's calls [default: the one that reaches the server]
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// The agent's port, which the API server must reach for logs and exec [default: 10250]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Folder of the node: its key, certificates and volumes
    #[arg(long, value_name = "DIR", env = "TIMONIER_NODE_DIR", default_value = "/var/lib/timonier/node")]
    state_dir: PathBuf,
    /// What runs the pods [default: docker]
    #[arg(long, value_enum)]
    runtime: Option<RuntimeKind>,
    /// Docker Engine to use, as in DOCKER_HOST
    #[arg(long, value_name = "URL", env = "DOCKER_HOST")]
    docker_host: Option<String>,
    /// Subnet of the cluster's bridge on this Docker Engine, when several nodes share it [default: the node's podCIDR]
    #[arg(long, value_name = "CIDR")]
    bridge_subnet: Option<String>,
    /// Folder of static pods: manifests that this node runs also without an API server
    #[arg(long, value_name = "DIR", env = "TIMONIER_POD_MANIFEST_PATH")]
    pod_manifest_path: Option<PathBuf>,
    /// A label for the Node, as KEY=VALUE; repeatable
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Return when the node is ready and leave its agent running in the background
    #[arg(long, short = 'd')]
    detach: bool,
    /// How long to wait for certificates and for the node, such as 2m
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = flags::parse_duration)]
    timeout: Duration,
    /// Set by --detach for the process in the background
    #[arg(long, hide = true)]
    background: bool,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    Ok(join(args, global.token.as_deref()).await?)
}

async fn join(args: Args, token: Option<&str>) -> Result<(), JoinError> {
    let dir = StateDir::new(&args.state_dir)?;
    let files = Files::new(dir.path());
    let lock = dir.lock()?;
    let mut node = decide(&args, files.load()?).await?;
    if node.runtime == RuntimeKind::Docker {
        timonier_nodeagent::check_docker(node.docker_host.as_deref()).await.map_err(|error| {
            JoinError::Usage(format!(
                "{error}\nA node needs a Docker Engine: start it (systemctl start docker), or name one with --docker-host"
            ))
        })?;
    }
    certify(&args, &files, &node, token).await?;
    node.cluster_id = agent::cluster_id(&files, &node).await?.or(node.cluster_id);
    files.save(&node)?;
    if args.detach {
        drop(lock);
        return detached(&args, &dir, &files, &node).await;
    }
    let config = agent::config(&files, &node).await?;
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone(), args.background)?;
    if !args.background {
        println!("{}", service(&dir));
    }
    let _lock = lock;
    let running = timonier_nodeagent::run(config, stop.clone());
    let announce = async {
        let client = from_kubeconfig(&files.kubeconfig(&node.name)).await?;
        agent::ready(&client, &node, args.timeout, || Ok(())).await?;
        println!("Node {} is ready. Ctrl-C stops its agent; containers keep running.", node.name);
        Ok::<_, JoinError>(())
    };
    let (ended, ()) = tokio::join!(
        async {
            let ended = running.await;
            stop.cancel();
            ended
        },
        async {
            tokio::select! {
                said = announce => if let Err(error) = said { output::note(format!("warning: {error}")) },
                () = stop.cancelled() => {}
            }
        }
    );
    Ok(ended?)
}

/// What this node is: as it was kept, with what is said now on top.
async fn decide(args: &Args, kept: Option<Node>) -> Result<Node, JoinError> {
    let endpoint = match (&args.endpoint, &kept) {
        (Some(given), _) => Endpoint::parse(given)?,
        (None, Some(kept)) => Endpoint::parse(&kept.server)?,
        (None, None) => {
            return Err(JoinError::Usage(format!(
                "no node was joined from {} yet: want SERVER, --token and --ca-cert-hash, as `kctl node token create` prints them",
                args.state_dir.display()
            )));
        }
    };
    let name = match (&args.node_name, &kept) {
        (Some(given), Some(kept)) if *given != kept.name => {
            return Err(JoinError::Usage(format!(
                "{} is of node {}, and --node-name is {given}; give another --state-dir",
                args.state_dir.display(),
                kept.name
            )));
        }
        (Some(given), _) => given.clone(),
        (None, Some(kept)) => kept.name.clone(),
        (None, None) => host_name(),
    };
    if let Some(problem) = timonier_api::names::dns1123_subdomain(&name).first() {
        return Err(JoinError::Usage(format!("invalid node name {name:?}: {problem}; give another with --node-name")));
    }
    if let Some(label) = args.labels.iter().find(|label| !label.contains('=')) {
        return Err(JoinError::Usage(format!("--label {label:?}: use KEY=VALUE")));
    }
    let address = match (args.address, &kept) {
        (Some(address), _) => address,
        (None, Some(kept)) => kept.address,
        (None, None) => own_address(&endpoint).await?,
    };
    let runtime = args.runtime.or(kept.as_ref().map(|kept| kept.runtime)).unwrap_or(RuntimeKind::Docker);
    let port = args.port.or(kept.as_ref().map(|kept| kept.port)).unwrap_or(10250);
    let mut node = Node::new(name, endpoint.url, address, port, runtime);
    let kept = kept.as_ref();
    node.cluster_id = kept.and_then(|kept| kept.cluster_id.clone());
    node.docker_host = args.docker_host.clone().or(kept.and_then(|kept| kept.docker_host.clone()));
    node.bridge_subnet = args.bridge_subnet.clone().or(kept.and_then(|kept| kept.bridge_subnet.clone()));
    let manifests = args.pod_manifest_path.as_ref().map(std::path::absolute).transpose();
    let manifests = manifests.map_err(|error| JoinError::Usage(format!("--pod-manifest-path: {error}")))?;
    node.pod_manifest_path = manifests.or(kept.and_then(|kept| kept.pod_manifest_path.clone()));
    node.labels = match (args.labels.is_empty(), kept) {
        (true, Some(kept)) => kept.labels.clone(),
        _ => args.labels.clone(),
    };
    Ok(node)
}

async fn own_address(endpoint: &Endpoint) -> Result<IpAddr, JoinError> {
    let address = endpoint.own_address().await?;
    if address.is_loopback() {
        return Err(JoinError::Usage(format!(
            "{} is this machine alone. On another machine, give the address under which it reaches the API server, and \
             start that cluster with `kctl up --bind-address ADDRESS`. For one more node on this machine, give it an \
             address of its own, such as --address 127.0.0.2",
            endpoint.url
        )));
    }
    Ok(address)
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

/// Makes sure that both certificates are there and good for a while.
async fn certify(args: &Args, files: &Files, node: &Node, token: Option<&str>) -> Result<(), JoinError> {
    let endpoint = Endpoint::parse(&node.server)?;
    let key = files.key(&node.name)?;
    let client_state = files.client_state(&node.name);
    if client_state == State::Missing {
        let (ca, bootstrap) = bootstrap(args, &endpoint, token).await?;
        let pem = obtain(&bootstrap, &key, &node.name, &[], Use::Client, args.timeout).await?;
        files.save_ca(&ca)?;
        files.save_client(node, &ca, &pem)?;
    }
    let ca = files.ca()?.ok_or_else(|| {
        JoinError::Usage(format!(
            "{} is gone; join anew from an empty --state-dir",
            files.pki().certificate("ca").display()
        ))
    })?;
    files.point_to_server(node, &ca)?;
    let own = from_kubeconfig(&files.kubeconfig(&node.name)).await?;
    if client_state == State::Ending {
        let pem = obtain(&own, &key, &node.name, &[], Use::Client, args.timeout).await?;
        files.save_client(node, &ca, &pem)?;
    }
    let moved = files.load()?.is_some_and(|kept| kept.address != node.address);
    if moved || files.serving_state(node) != State::Good {
        let names = [node.address.to_string()];
        let pem = obtain(&own, &key, &node.name, &names, Use::Serving, args.timeout).await?;
        files.save_serving(&node.name, &pem)?;
    }
    Ok(())
}

/// The CA that the user vouched for, and a client that shows the token to nobody else.
async fn bootstrap(args: &Args, endpoint: &Endpoint, token: Option<&str>) -> Result<(String, Client), JoinError> {
    let token =
        token.ok_or_else(|| JoinError::Usage("--token is missing; `kctl node token create` makes one".into()))?;
    if !is_token(token) {
        return Err(JoinError::TokenForm(token.to_string()));
    }
    if args.hashes.is_empty() {
        return Err(JoinError::Usage(
            "--ca-cert-hash is missing: without it any server could pose as the cluster; `kctl node token create` prints it".into(),
        ));
    }
    let parse = |given: &String| pin::parse(given).ok_or_else(|| JoinError::Hash { given: given.clone() });
    let pins: Vec<String> = args.hashes.iter().map(parse).collect::<Result<_, _>>()?;
    let info = discover(endpoint, &pins).await?;
    let auth = AuthInfo { token: Some(token.to_string().into()), ..AuthInfo::default() };
    let client = client(endpoint, Trust::Ca(&info.ca_pem), auth)?;
    // Says at once when the token is no good, or when the certificate is not for this address.
    client.apiserver_version().await.map_err(refusal)?;
    Ok((info.ca_pem, client))
}

fn is_token(text: &str) -> bool {
    let plain =
        |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.split_once('.').is_some_and(|(id, secret)| plain(id, 6) && plain(secret, 16))
}

async fn detached(args: &Args, dir: &StateDir, files: &Files, node: &Node) -> Result<(), JoinError> {
    let state_dir = dir.path().display().to_string();
    let arguments = ["node", "join", "--background", "--state-dir", &state_dir].map(String::from);
    let mut process = Detached::spawn(dir, &arguments)?;
    let client = from_kubeconfig(&files.kubeconfig(&node.name)).await?;
    agent::ready(&client, node, args.timeout, || Ok(process.still_alive(dir)?)).await?;
    println!("Node {} is ready; its agent is process {}, its log {}.", node.name, process.pid(), dir.log().display());
    println!("{}", service(dir));
    Ok(())
}

/// What to do so that the node is there after a reboot.
fn service(dir: &StateDir) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "kctl".into());
    format!(
        "To start it at boot, write this to /etc/systemd/system/timonier-node.service, then run \
         `systemctl enable timonier-node`:\n\n{}",
        agent::unit(&program, dir.path())
    )
}

fn stop_on_signals(stop: CancellationToken, background: bool) -> Result<(), JoinError> {
    let listen = |kind| signal(kind).map_err(|error| JoinError::Usage(format!("signals: {error}")));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hangup = listen(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => if !background { break },
            }
        }
        stop.cancel();
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_six_and_sixteen_letters_and_digits() {
        assert!(is_token("abcdef.0123456789abcdef"));
        for wrong in ["", "abcdef", "abcdef.0123", "ABCDEF.0123456789abcdef", "abcdef.0123456789abcdef.x"] {
            assert!(!is_token(wrong), "{wrong}");
        }
    }
}
