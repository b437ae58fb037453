//! A cluster whose nodes are hosts of their own: an API server and controllers on this machine, an agent on each host.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Event, Node, NodeCondition, Pod};
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::Value;

use crate::cluster::Store;
use crate::hosts::{Host, Lan, Options};
use crate::image::Image;
use crate::processes::{ApiServer, Ground, Process};
use crate::wait::eventually;

/// One node: its host, and the agent that runs there.
pub struct Machine {
    pub name: String,
    /// Before its host: it ends first.
    pub agent: Process,
    pub host: Host,
}

/// Removed with this value, field by field in this order.
pub struct Farm {
    pub machines: Vec<Machine>,
    pub controllers: Process,
    pub server: ApiServer,
    pub client: Client,
    pub image: Image,
    pub ground: Ground,
    pub lan: Lan,
}

impl Farm {
    /// Starts everything but the nodes.
    pub async fn new(store: Store) -> Result<Farm> {
        Farm::with(store, &[]).await
    }

    /// The same with further flags for the controllers.
    pub async fn with(store: Store, flags: &[&str]) -> Result<Farm> {
        let (image, lan) = (Image::make()?, Lan::new()?);
        let mut ground = Ground::at(store, lan.gateway()).await?;
        let server = ground.api_server("server").await?;
        let controllers = ground.controllers_with("controllers", &server, flags)?;
        let client = server.client().await?;
        Ok(Farm { machines: Vec::new(), controllers, server, client, image, ground, lan })
    }

    /// Adds a node and waits until it is ready. `flags`: its agent's, besides the usual.
    pub async fn add(&mut self, options: Options, flags: &[&str]) -> Result<()> {
        let name = format!("host-{}", self.machines.len() + 1);
        let host = self.lan.host(options).await?;
        host.load(self.image.name()).await?;
        let agent = self.ground.agent_on(&host, &name, &self.server, flags).await?;
        self.machines.push(Machine { name: name.clone(), agent, host });
        self.condition(&name, "Ready", "True").await.map(drop)
    }

    /// Waits until a node's condition has this status.
    pub async fn condition(&self, node: &str, type_: &str, status: &str) -> Result<NodeCondition> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        eventually(&format!("{type_} of node {node} is {status}"), || async {
            let conditions = nodes.get(node).await?.status.and_then(|status| status.conditions).unwrap_or_default();
            let found = conditions.into_iter().find(|condition| condition.type_ == type_);
            let found = found.with_context(|| format!("no condition {type_}"))?;
            ensure!(found.status == status, "{found:?}");
            Ok(found)
        })
        .await
    }

    /// Pods of namespace `default`.
    pub fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }

    /// A pod of the test's image that is bound to a node. `spec` is merged over its spec.
    pub fn pod(&self, name: &str, node: &str, spec: &Value) -> Result<Pod> {
        let mut pod = serde_json::json!({
            "metadata": {"name": name, "labels": {"app": "machine"}},
            "spec": {
                "nodeName": node, "terminationGracePeriodSeconds": 1,
                "tolerations": [{"operator": "Exists"}],
                "containers": [{"name": "web", "image": self.image.name(), "imagePullPolicy": "Never"}],
            },
        });
        for (key, value) in spec.as_object().into_iter().flatten() {
            pod["spec"][key] = value.clone();
        }
        Ok(serde_json::from_value(pod)?)
    }

    /// Waits until a pod looks as it should.
    pub async fn pod_until(&self, name: &str, what: &str, look: impl Fn(&Pod) -> bool) -> Result<Pod> {
        let pods = self.pods();
        eventually(&format!("pod {name} {what}"), || async {
            let pod = pods.get(name).await?;
            ensure!(look(&pod), "{}", serde_json::to_string_pretty(&pod.status)?);
            Ok(pod)
        })
        .await
    }

    /// Events of namespace `default` for this reason, newest last.
    pub async fn events(&self, reason: &str) -> Result<Vec<Event>> {
        let events: Api<Event> = Api::default_namespaced(self.client.clone());
        let all = events.list(&ListParams::default()).await?.items;
        Ok(all.into_iter().filter(|event| event.reason.as_deref() == Some(reason)).collect())
    }
}
