//! Running the node that joined.

use super::JoinError;
use super::discovery::{from_kubeconfig, innermost};
use super::files::{Files, Node};
use crate::local::settings::RuntimeKind;
use crate::pki::issue;
use k8s_openapi::api::core::v1;
use kube::{Api, Client};
use std::path::Path;
use std::time::{Duration, Instant};
use timonier_nodeagent as nodeagent;

/// What the agent is told.
pub async fn config(files: &Files, node: &Node) -> Result<nodeagent::Config, JoinError> {
    let (cert, key) = files.serving(&node.name);
    let labels = node.labels.iter().filter_map(|label| label.split_once('='));
    Ok(nodeagent::Config {
        client: from_kubeconfig(&files.kubeconfig(&node.name)).await?,
        runtime: match node.runtime {
            RuntimeKind::Docker => nodeagent::Runtime::Docker { host: node.docker_host.clone() },
            RuntimeKind::Hollow => nodeagent::Runtime::Hollow,
        },
        address: node.address,
        port: node.port,
        tls: Some(nodeagent::AgentTls {
            cert,
            key,
            client_ca: files.pki().certificate("ca"),
            client_cn: issue::KUBELET_CLIENT_USER.into(),
        }),
        state_dir: files.volumes(),
        pod_manifest_path: node.pod_manifest_path.clone(),
        bridge_subnet: node.bridge_subnet.clone(),
        capacity_share: (0, 1),
        labels: labels.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        hosting: nodeagent::Hosting::from_environment().map_err(JoinError::Usage)?,
        capacity: nodeagent::CapacityFlags::from_environment().map_err(JoinError::Usage)?,
        gauge: None,
        timings: nodeagent::Timings::default(),
        node_name: node.name.clone(),
    })
}

/// The uid of namespace `kube-system`; `None` while the API server does not answer, which an agent waits for.
pub async fn cluster_id(files: &Files, node: &Node) -> Result<Option<String>, JoinError> {
    let client = from_kubeconfig(&files.kubeconfig(&node.name)).await?;
    let found = Api::<v1::Namespace>::all(client).get("kube-system").await;
    Ok(found.ok().and_then(|namespace| namespace.metadata.uid))
}

/// Waits until the node is ready; `alive` is asked again and again whether waiting still makes sense.
pub async fn ready(
    client: &Client,
    node: &Node,
    within: Duration,
    mut alive: impl FnMut() -> Result<(), JoinError>,
) -> Result<(), JoinError> {
    let nodes: Api<v1::Node> = Api::all(client.clone());
    let start = Instant::now();
    loop {
        alive()?;
        let why = match nodes.get_opt(&node.name).await {
            Ok(Some(found)) => {
                let conditions = found.status.and_then(|status| status.conditions).unwrap_or_default();
                match conditions.into_iter().find(|condition| condition.type_ == "Ready") {
                    // What the Node says may be from before: the agent itself must answer, too.
                    Some(ready) if ready.status == "True" => match listens(node).await {
                        Ok(()) => return Ok(()),
                        Err(error) => format!("its agent does not listen yet: {error}"),
                    },
                    Some(ready) => ready.message.unwrap_or_default(),
                    None => "it has not reported yet".into(),
                }
            }
            Ok(None) => "it has not registered yet".into(),
            Err(error) => innermost(&error),
        };
        if start.elapsed() > within {
            return Err(JoinError::Usage(format!(
                "node {} is not ready after {} s: {why}",
                node.name,
                within.as_secs()
            )));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn listens(node: &Node) -> std::io::Result<()> {
    tokio::net::TcpStream::connect((node.address, node.port)).await.map(drop)
}

/// A systemd unit that starts the node at boot.
pub fn unit(program: &Path, state_dir: &Path) -> String {
    format!(
        "[Unit]\nDescription=Timonier node\nAfter=network-online.target docker.service\nWants=network-online.target\n\n\
         [Service]\nExecStart={} node join --state-dir {}\nRestart=always\nRestartSec=5\n\n\
         [Install]\nWantedBy=multi-user.target\n",
        program.display(),
        state_dir.display()
    )
}
