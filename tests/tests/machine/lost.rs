//! Hosts that are cut off or die, and a control plane that goes away: what runs where is read from Docker, not from our
//! own status. One farm a store, one story after the other.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use timonier_tests::cluster::Store;
use timonier_tests::farm::Farm;
use timonier_tests::hosts::Options;
use timonier_tests::replicas::Replicas;
use timonier_tests::wait::eventually;

/// Short, so that the stories are; still several heartbeats long.
const CONTROLLERS: &[&str] =
    &["--node-monitor-grace-period=8s", "--node-monitor-period=500ms", "--node-eviction-rate=10"];
/// A heartbeat a second.
const AGENT: &[&str] = &["--node-lease-duration-seconds=4", "--node-status-update-frequency=1"];
/// Heartbeats that take longer than the grace period.
const BEYOND_GRACE: usize = 12;
/// The same in attempts at one: five a second, while nobody listens.
const ATTEMPTS_BEYOND_GRACE: usize = 60;
const NODES: [&str; 3] = ["host-1", "host-2", "host-3"];
const REPLICAS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_fail_lose_their_pods_and_nobody_else_does_embedded() {
    on(Store::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_fail_lose_their_pods_and_nobody_else_does_etcd() {
    on(Store::Etcd).await;
}

async fn on(store: Store) {
    let mut stories = match Stories::begin(store).await {
        Ok(stories) => stories,
        Err(error) => panic!("no farm: {error:#}"),
    };
    if let Err(error) = stories.all().await {
        let picture = stories.picture().await;
        panic!("{error:#}\n{picture}");
    }
}

/// Container ids by the uid of their pod, sandboxes not counted.
type Running = BTreeMap<String, BTreeSet<String>>;

struct Stories {
    replicas: Replicas,
    farm: Farm,
}

impl Stories {
    async fn begin(store: Store) -> Result<Stories> {
        let mut farm = Farm::with(store, CONTROLLERS).await?;
        for _ in NODES {
            farm.add(Options::default(), AGENT).await?;
        }
        let replicas = Replicas::watch(farm.client.clone(), "app=web");
        let deployment: Deployment = serde_json::from_value(web(farm.image.name()))?;
        let deployments: Api<Deployment> = Api::default_namespaced(farm.client.clone());
        deployments.create(&PostParams::default(), &deployment).await?;
        Ok(Stories { replicas, farm })
    }

    async fn all(&mut self) -> Result<()> {
        let start = std::time::Instant::now();
        let told = |story: &str| eprintln!("{story}: told {:?} after the beginning", start.elapsed());
        self.settled().await.context("in the beginning")?;
        self.an_agent_that_is_killed_and_started_again_restarts_nothing().await.context("agent killed")?;
        told("agent killed");
        self.a_host_that_is_cut_off_comes_back_without_what_was_replaced().await.context("host cut off")?;
        told("host cut off");
        self.a_host_that_dies_is_replaced().await.context("host killed")?;
        told("host killed");
        self.nobody_leaves_while_the_api_server_is_away().await.context("API server away")?;
        told("API server away");
        self.nobody_leaves_for_what_the_controllers_did_not_see().await.context("controllers away")?;
        told("controllers away");
        self.nobody_leaves_when_all_hosts_are_cut_off().await.context("all cut off")?;
        told("all cut off");
        ensure!(self.replicas.most() == REPLICAS, "there were {} pods at a time", self.replicas.most());
        Ok(())
    }

    async fn an_agent_that_is_killed_and_started_again_restarts_nothing(&mut self) -> Result<()> {
        let before = self.running_everywhere().await?;
        self.farm.machines[0].agent.kill();
        self.farm.machines[0].agent.again()?;
        self.beats(NODES[0], 2).await?;
        self.settled().await?;
        ensure!(self.running_everywhere().await? == before, "containers before: {before:#?}");
        Ok(())
    }

    async fn a_host_that_is_cut_off_comes_back_without_what_was_replaced(&mut self) -> Result<()> {
        let lost = self.running(1).await?;
        ensure!(lost.len() == REPLICAS / NODES.len(), "the pods are not spread: {lost:#?}");
        self.farm.machines[1].host.cut()?;
        self.farm.condition(NODES[1], "Ready", "Unknown").await?;
        self.settled_on(&[0, 2]).await?;
        ensure!(self.running(1).await? == lost, "nobody could tell the host: {:#?}", self.running(1).await?);
        // One of them is forgotten altogether.
        let pods = self.farm.pods();
        let ending = self.pods().await?.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_some());
        let ending = ending.context("no pod of the host is ending")?.name_any();
        pods.delete(&ending, &DeleteParams::default().grace_period(0)).await?;

        self.farm.machines[1].host.mend()?;
        self.farm.condition(NODES[1], "Ready", "True").await?;
        let left: Vec<_> = self.running(1).await?.into_keys().filter(|uid| lost.contains_key(uid)).collect();
        ensure!(left.is_empty(), "it says that it is ready, and {left:?} still run");
        self.untainted(NODES[1]).await?;
        self.settled().await?;
        self.takes_pods_again(1).await
    }

    async fn a_host_that_dies_is_replaced(&mut self) -> Result<()> {
        let lost = self.running(2).await?;
        ensure!(!lost.is_empty(), "nothing runs on the host");
        self.farm.machines[2].host.lose_power();
        self.farm.machines[2].agent.kill();
        self.farm.condition(NODES[2], "Ready", "Unknown").await?;
        self.settled_on(&[0, 1]).await?;
        self.farm.machines[2].host.boot().await?;
        self.farm.machines[2].agent.again()?;
        self.farm.condition(NODES[2], "Ready", "True").await?;
        let left: Vec<_> = self.running(2).await?.into_keys().filter(|uid| lost.contains_key(uid)).collect();
        ensure!(left.is_empty(), "{left:?} run again");
        self.untainted(NODES[2]).await?;
        self.settled().await?;
        self.takes_pods_again(2).await
    }

    async fn nobody_leaves_while_the_api_server_is_away(&mut self) -> Result<()> {
        let before = self.running_everywhere().await?;
        let said: Vec<usize> = self.farm.machines.iter().map(|machine| unheard(&machine.agent.log())).collect();
        self.farm.server.process.kill();
        eventually("all agents have missed enough heartbeats", || async {
            for (machine, said) in self.farm.machines.iter().zip(&said) {
                let missed = unheard(&machine.agent.log()) - said;
                ensure!(missed >= ATTEMPTS_BEYOND_GRACE, "{} has missed {missed}", machine.name);
            }
            Ok(())
        })
        .await?;
        self.farm.server.process.again()?;
        self.farm.server.ready().await?;
        self.nothing_happened(before).await
    }

    async fn nobody_leaves_for_what_the_controllers_did_not_see(&mut self) -> Result<()> {
        let before = self.running_everywhere().await?;
        self.farm.controllers.kill();
        self.farm.machines[0].host.cut()?;
        self.beats(NODES[1], BEYOND_GRACE).await?;
        self.farm.machines[0].host.mend()?;
        self.farm.controllers.again()?;
        self.nothing_happened(before).await
    }

    async fn nobody_leaves_when_all_hosts_are_cut_off(&mut self) -> Result<()> {
        let before = self.running_everywhere().await?;
        self.farm.machines.iter().try_for_each(|machine| machine.host.cut())?;
        for node in NODES {
            self.farm.condition(node, "Ready", "Unknown").await?;
        }
        self.farm.machines.iter().try_for_each(|machine| machine.host.mend())?;
        self.nothing_happened(before).await
    }

    /// Everybody has been heard for longer than the grace period since, and all is as it was before.
    async fn nothing_happened(&self, before: Running) -> Result<()> {
        try_join_all(NODES.map(async |node| {
            self.farm.condition(node, "Ready", "True").await?;
            self.beats(node, BEYOND_GRACE).await?;
            self.untainted(node).await
        }))
        .await?;
        self.settled().await?;
        let after = self.running_everywhere().await?;
        ensure!(after == before, "before: {before:#?}\nafter: {after:#?}");
        let restarts = |pod: &Pod| {
            let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
            statuses.into_iter().flatten().map(|status| status.restart_count).sum::<i32>()
        };
        ensure!(self.pods().await?.iter().all(|pod| restarts(pod) == 0), "containers were restarted");
        Ok(())
    }

    /// New pods come to the host, too. Leaves as many pods as there were.
    async fn takes_pods_again(&self, machine: usize) -> Result<()> {
        let node = NODES[machine];
        let pods = self.pods().await?;
        // Whoever is replaced finds the empty host the best.
        for pod in pods.iter().take(REPLICAS / NODES.len()) {
            self.farm.pods().delete(&pod.name_any(), &DeleteParams::default()).await?;
        }
        eventually(&format!("pods run on {node}"), || async {
            let there = self.running(machine).await?;
            ensure!(!there.is_empty(), "none");
            Ok(())
        })
        .await?;
        self.settled().await
    }

    async fn settled(&self) -> Result<()> {
        self.settled_on(&[0, 1, 2]).await
    }

    /// As many pods as there should be are ready, and each runs once, on one of these hosts. Pods that end do not count.
    async fn settled_on(&self, machines: &[usize]) -> Result<()> {
        eventually("the pods are settled", || async {
            let all = machines.len() == NODES.len();
            let pods = self.pods().await?;
            let active: Vec<&Pod> = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect();
            let wanted: BTreeSet<String> =
                active.iter().filter(|pod| is_ready(pod)).filter_map(|pod| pod.uid()).collect();
            ensure!(wanted.len() == REPLICAS && active.len() == REPLICAS, "{} of {} ready", wanted.len(), active.len());
            let mut running: BTreeMap<String, usize> = BTreeMap::new();
            for machine in machines {
                for (uid, containers) in self.running(*machine).await? {
                    *running.entry(uid).or_default() += containers.len();
                }
            }
            // Of a host that cannot be told, the pods that are to end run on.
            ensure!(!all || active.len() == pods.len(), "some still end");
            ensure!(running.values().all(|count| *count == 1), "run more than once: {running:?}");
            let running: BTreeSet<String> = running.into_keys().collect();
            ensure!(running == wanted, "running: {running:?}, wanted: {wanted:?}");
            Ok(())
        })
        .await
    }

    async fn pods(&self) -> Result<Vec<Pod>> {
        Ok(self.farm.pods().list(&ListParams::default().labels("app=web")).await?.items)
    }

    /// What one host's Docker runs.
    async fn running(&self, machine: usize) -> Result<Running> {
        let format = r#"{{.Label "io.timonier.sandbox"}} {{.Label "io.timonier.pod-uid"}} {{.ID}}"#;
        let docker = self.farm.machines[machine].host.docker();
        let said = docker.args(["ps", "--no-trunc", "--format", format]).run().await?.ok()?;
        let mut running = Running::new();
        for line in said.lines().filter(|line| !line.starts_with(' ')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, uid, id] = words.as_slice() else { anyhow::bail!("unexpected: {line:?}") };
            running.entry((*uid).to_string()).or_default().insert((*id).to_string());
        }
        Ok(running)
    }

    async fn running_everywhere(&self) -> Result<Running> {
        let mut all = Running::new();
        for machine in 0..NODES.len() {
            for (uid, containers) in self.running(machine).await? {
                all.entry(uid).or_default().extend(containers);
            }
        }
        Ok(all)
    }

    /// Waits for so many further heartbeats of a node.
    async fn beats(&self, node: &str, count: usize) -> Result<()> {
        let leases: Api<Lease> = Api::namespaced(self.farm.client.clone(), "kube-node-lease");
        let mut seen = BTreeSet::new();
        for _ in 0..=count {
            let seen_now = &seen;
            let leases = &leases;
            let next = eventually(&format!("node {node} beats"), || async move {
                let version = leases.get(node).await?.resource_version().context("no revision")?;
                ensure!(!seen_now.contains(&version), "not since revision {version}");
                Ok(version)
            })
            .await?;
            seen.insert(next);
        }
        Ok(())
    }

    async fn untainted(&self, node: &str) -> Result<()> {
        let nodes: Api<Node> = Api::all(self.farm.client.clone());
        eventually(&format!("node {node} has no taints"), || async {
            let taints = nodes.get(node).await?.spec.and_then(|spec| spec.taints).unwrap_or_default();
            ensure!(taints.is_empty(), "{taints:?}");
            Ok(())
        })
        .await
    }

    async fn picture(&self) -> String {
        let mut picture = String::new();
        let kubeconfig = self.farm.server.kubeconfig("admin").unwrap_or_default();
        for look in [
            &["get", "nodes,pods", "-o", "wide"][..],
            &["get", "events", "-A"],
            &["describe", "nodes"],
            &["get", "nodes", "-o", "jsonpath={.items[*].spec}"],
        ] {
            let words = [look, &["--kubeconfig", &kubeconfig]].concat();
            match self.farm.ground.kctl(&words).await {
                Ok(said) => picture += &format!("\n=== kctl {look:?}\n{said}"),
                Err(error) => picture += &format!("\n=== kctl {look:?}: {error:#}"),
            }
        }
        for (machine, node) in NODES.iter().enumerate() {
            picture += &format!("\n=== {node}: {:#?}", self.running(machine).await);
        }
        let logs = self.farm.machines.iter().map(|machine| (machine.name.clone(), machine.agent.log()));
        let logs = logs.chain([("controllers".to_string(), self.farm.controllers.log())]);
        for (name, log) in logs {
            let mut last: Vec<&str> = log.lines().rev().take(60).collect();
            last.reverse();
            picture += &format!("\n=== log of {name}\n{}", last.join("\n"));
        }
        picture
    }
}

fn web(image: &str) -> serde_json::Value {
    let patient = |taint: &str| {
        json!({"key": format!("node.kubernetes.io/{taint}"), "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": 1})
    };
    json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": REPLICAS, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "tolerations": [patient("not-ready"), patient("unreachable")],
                    "containers": [{"name": "web", "image": image, "imagePullPolicy": "Never"}],
                },
            },
        },
    })
}

/// How often an agent said that the API server did not hear it.
fn unheard(log: &str) -> usize {
    log.matches("lease not renewed").count()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
