//! Waiting until every node of a local cluster is ready, and saying what there is then.

use super::ClusterError;
use super::settings::{RuntimeKind, Settings};
use super::state_dir::StateDir;
use indicatif::{ProgressBar, ProgressStyle};
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// A client with the admin's kubeconfig, as the user will have it.
pub async fn admin(dir: &StateDir) -> Result<Client, ClusterError> {
    let broken = |detail: String| ClusterError::Settings { path: dir.kubeconfig(), detail };
    let kubeconfig = Kubeconfig::read_from(dir.kubeconfig()).map_err(|e| broken(e.to_string()))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|e| broken(e.to_string()))?;
    Ok(Client::try_from(config)?)
}

/// Waits until all nodes are ready; `alive` is asked again and again whether waiting still makes sense.
pub async fn wait(
    client: &Client,
    settings: &Settings,
    dir: &StateDir,
    within: Duration,
    mut alive: impl FnMut() -> Result<(), ClusterError>,
) -> Result<(), ClusterError> {
    let bar = ProgressBar::new(settings.nodes.into());
    bar.set_style(
        ProgressStyle::with_template("{spinner} {pos} of {len} nodes ready  {msg}").expect("a valid template"),
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    let start = Instant::now();
    loop {
        alive()?;
        let nodes = nodes(client).await?;
        let ready = |name: &String| nodes.iter().any(|n| n.metadata.name.as_ref() == Some(name) && is_ready(n));
        let names = (1..=settings.nodes).map(|number| settings.runtime.node_name(number));
        let missing: Vec<String> = names.filter(|name| !ready(name)).collect();
        bar.set_position((settings.nodes as u64).saturating_sub(missing.len() as u64));
        if missing.is_empty() {
            bar.finish_and_clear();
            return Ok(());
        }
        bar.set_message(format!("waiting for {}", missing.join(", ")));
        if start.elapsed() > within {
            bar.finish_and_clear();
            let why = missing.iter().map(|name| format!("{name}: {}", why_not(&nodes, name)));
            let what = why.collect::<Vec<_>>().join("; ");
            return Err(ClusterError::NotReady { seconds: within.as_secs(), what, log: dir.log() });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn nodes(client: &Client) -> Result<Vec<Node>, ClusterError> {
    Ok(Api::<Node>::all(client.clone()).list(&ListParams::default()).await?.items)
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|s| s.conditions.as_ref());
    conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
}

fn why_not(nodes: &[Node], name: &str) -> String {
    let Some(node) = nodes.iter().find(|n| n.metadata.name.as_deref() == Some(name)) else {
        return "its agent has not registered".into();
    };
    let conditions = node.status.as_ref().and_then(|s| s.conditions.as_ref());
    let ready = conditions.into_iter().flatten().find(|c| c.type_ == "Ready");
    ready.and_then(|c| c.message.clone()).unwrap_or_else(|| "it has not reported yet".into())
}

/// What a newcomer needs to know now.
pub async fn summary(
    client: &Client,
    settings: &Settings,
    dir: &StateDir,
    took: Duration,
) -> Result<String, ClusterError> {
    let mut text = String::new();
    let plural = if settings.nodes == 1 { "" } else { "s" };
    let simulated = if settings.runtime == RuntimeKind::Hollow { " (simulated: no container is started)" } else { "" };
    let _ = writeln!(
        text,
        "The cluster is ready after {:.1} s: {} node{plural}{simulated}.",
        took.as_secs_f64(),
        settings.nodes
    );
    for node in nodes(client).await? {
        let status = node.status.unwrap_or_default();
        let address = status.addresses.unwrap_or_default().into_iter().find(|a| a.type_ == "InternalIP");
        let runtime = status.node_info.map(|i| i.container_runtime_version).unwrap_or_default();
        let name = node.metadata.name.unwrap_or_default();
        let _ = writeln!(text, "  {name:<12} {:<16} {runtime}", address.map(|a| a.address).unwrap_or_default());
    }
    let _ = writeln!(text, "server:     {}", settings.server());
    let _ = writeln!(text, "kubeconfig: {}", dir.kubeconfig().display());
    Ok(text)
}
