//! `kctl node`: a Docker host becomes a node with one command, and nobody else does.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Secret};
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use timonier_tests::binaries::binary;
use timonier_tests::cluster::{Cluster, Store, Wish, remove_leftovers};
use timonier_tests::command::{Program, Said};
use timonier_tests::image::Image;
use timonier_tests::scenario::on;
use timonier_tests::wait::eventually;

const HOLLOW: Wish = Wish { store: Store::Embedded, nodes: 1, hollow: true };

/// A machine that joins; its agent, containers and network go with this value.
struct Machine<'a> {
    cluster: &'a Cluster,
    name: &'static str,
    dir: PathBuf,
    address: String,
}

impl<'a> Machine<'a> {
    fn new(cluster: &'a Cluster, name: &'static str) -> Machine<'a> {
        let dir = cluster.state_dir().with_file_name(format!("machine-{name}"));
        let [a, b, c] = rand::random::<[u8; 3]>();
        let address = format!("127.{}.{b}.{}", a.clamp(2, 250), c.clamp(2, 250));
        Machine { cluster, name, dir, address }
    }

    /// The command that the cluster printed, for this machine.
    fn join(&self, command: &str, more: &[&str]) -> Result<Program> {
        let words = command.split_whitespace().skip(1);
        let program = self.kctl()?.env("HOME", self.dir.with_file_name("nobody"));
        let program = program.args(words).args(["--node-name", self.name, "--address", &self.address, "--state-dir"]);
        Ok(program.args([&self.dir]).args(["--timeout", "60s"]).args(more))
    }

    /// `kctl` on a machine whose disk may be as full as that of the test's own.
    fn kctl(&self) -> Result<Program> {
        Ok(Program::new(binary("kctl")?).env("TIMONIER_EVICTION_HARD", ""))
    }

    async fn down(&self) -> Result<Said> {
        Program::new(binary("kctl")?).args(["down", "--state-dir"]).args([&self.dir]).run().await
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        if let Ok(kctl) = binary("kctl") {
            let _not_running = Command::new(kctl).args(["down", "--state-dir"]).arg(&self.dir).output();
        }
        let id = self.cluster.id();
        let _all = std::process::Command::new("sh")
            .args(["-c", "docker ps -aq --filter label=io.timonier.cluster=$1 | xargs -r docker rm -f", "sh", id])
            .output();
        remove_leftovers(id);
        let network = format!("timonier-{}", id.get(..8).unwrap_or(id));
        let _none = Command::new("docker").args(["network", "rm", &network]).output();
    }
}

async fn token(cluster: &Cluster, more: &[&str]) -> Result<String> {
    let said = cluster.kctl(["node", "token", "create"].into_iter().chain(more.iter().copied())).await?;
    ensure!(said.stderr.contains("--bind-address"), "a cluster on 127.0.0.1 says what to do: {said}");
    let command = said.ok()?;
    ensure!(command.starts_with("kctl node join https://127.0.0.1:"), "{command}");
    Ok(command.trim().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docker_host_joins_with_one_command_and_runs_pods() {
    on(HOLLOW, async |cluster| {
        let image = Image::make()?;
        cluster.apply(&super::sets::daemon(image.name())).await?;
        let command = token(cluster, &[]).await?;
        let machine = Machine::new(cluster, "worker");
        let said = machine.join(&command, &["--detach", "--label", "disk=ssd"])?.run().await?.ok()?;
        ensure!(said.contains("Node worker is ready") && said.contains("ExecStart="), "{said}");
        let nodes: Api<Node> = Api::all(cluster.client());
        let node = nodes.get("worker").await?;
        ensure!(node.labels().get("disk").map(String::as_str) == Some("ssd"), "{:?}", node.labels());

        let pod = json!({"metadata": {"name": "here"}, "spec": {
            "nodeSelector": {"disk": "ssd"}, "terminationGracePeriodSeconds": 0, "containers": [{
                "name": "main", "image": image.name(), "imagePullPolicy": "Never",
                "command": ["sh", "-c", "echo hello from the new node; sleep 3600"]}]}});
        let pods: Api<Pod> = cluster.api();
        pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
        eventually("the API server reads the new node's logs", || async {
            let logs = cluster.kctl(["logs", "here"]).await?.ok()?;
            ensure!(logs == "hello from the new node\n", "{logs}");
            Ok(())
        })
        .await?;

        let daemons = async |there: usize| {
            eventually("a DaemonSet has a pod on each node", || async {
                let pods = cluster.pods("app=agent").await?;
                let running = |pod: &&Pod| pod.status.as_ref().is_some_and(|s| s.phase.as_deref() == Some("Running"));
                ensure!(pods.len() == there && pods.iter().filter(running).count() == there, "{pods:?}");
                Ok(())
            })
            .await
        };
        daemons(2).await?;
        cluster.kctl(["delete", "ds", "agent"]).await?.ok()?;
        daemons(0).await?;

        // The token was for joining alone.
        let secrets: Api<Secret> = Api::namespaced(cluster.client(), "kube-system");
        let id = command.split("--token ").nth(1).and_then(|rest| rest.split('.').next()).context("a token")?;
        cluster.kctl(["node", "token", "delete", id]).await?.ok()?;
        ensure!(secrets.get_opt(&format!("bootstrap-token-{id}")).await?.is_none(), "the token is still there");
        machine.down().await?.ok()?;
        let again = machine.kctl()?.args(["node", "join", "--detach", "--state-dir"]).args([&machine.dir]);
        again.run().await?.ok().context("what joined once needs no token")?;
        let logs = cluster.kctl(["logs", "here"]).await?.ok()?;
        ensure!(logs == "hello from the new node\n", "its containers were left running: {logs}");

        // A second agent on the same daemon, with a range of its own, would get in the way of the first.
        let second = Machine::new(cluster, "second");
        let command = token(cluster, &[]).await?;
        let refused = second.join(&command, &[])?.run().await?.refused()?;
        ensure!(refused.contains("--bridge-subnet"), "{refused}");

        let purge = Program::new(binary("kctl")?).args(["down", "--purge", "--state-dir"]).args([&machine.dir]);
        let purged = purge.run().await?.ok()?;
        ensure!(purged.starts_with("Removed 2 containers, 1 network and "), "{purged}");

        let here = cluster.kctl(["node", "env", "--shell", "bash", "worker"]).await?.ok()?;
        let kubeconfig = format!("export KUBECONFIG='{}'\n", cluster.kubeconfig().display());
        ensure!(here.starts_with(&kubeconfig) && here.contains("export DOCKER_HOST='"), "{here}");
        let simulated = cluster.kctl(["node", "env", "hollow-1"]).await?.refused()?;
        ensure!(simulated.contains("hollow-1"), "{simulated}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_right_to_join_is_told_why() {
    on(HOLLOW, async |cluster| {
        let command = token(cluster, &["--ttl", "1h", "--description", "for the lab"]).await?;
        let listed = cluster.kctl(["node", "token", "list"]).await?.ok()?;
        ensure!(listed.starts_with("TOKEN") && listed.contains("for the lab"), "{listed}");
        let machine = Machine::new(cluster, "stranger");
        let refusal = async |command: String, more: &[&str]| machine.join(&command, more)?.run().await?.refused();

        let hash = command.split("sha256:").nth(1).context("a hash")?.to_string();
        let other = hash.chars().map(|c| if c == '0' { '1' } else { '0' }).collect::<String>();
        let refused = refusal(command.replace(&hash, &other), &["--runtime", "hollow"]).await?;
        ensure!(
            refused.contains("is not the cluster that --ca-cert-hash names") && refused.contains(&hash),
            "{refused}"
        );

        let key = command.split("--token ").nth(1).and_then(|rest| rest.split(' ').next()).context("a token")?;
        let wrong = format!("{}.{}", &key[..6], "0".repeat(16));
        let refused = refusal(command.replace(key, &wrong), &["--runtime", "hollow"]).await?;
        ensure!(refused.contains("kctl node token create"), "{refused}");
        let refused = refusal(command.replace(key, "nonsense"), &["--runtime", "hollow"]).await?;
        ensure!(refused.contains("is not a bootstrap token"), "{refused}");

        let nobody = format!("https://127.0.0.1:{}", timonier_tests::etcd::free_port()?);
        let server = command.split_whitespace().nth(3).context("a server")?.to_string();
        let refused = refusal(command.replace(&server, &nobody), &["--runtime", "hollow"]).await?;
        ensure!(refused.contains("cannot reach") && refused.contains("--bind-address"), "{refused}");
        let refused = refusal(command.clone(), &["--docker-host", "unix:///nowhere/docker.sock"]).await?;
        ensure!(refused.contains("/nowhere/docker.sock") && refused.contains("Docker Engine"), "{refused}");

        // The name of a node that lives.
        let taken = Machine::new(cluster, "hollow-1");
        let refused = taken.join(&command, &["--runtime", "hollow"])?.run().await?.refused()?;
        ensure!(refused.contains("node \"hollow-1\" is alive and has another key"), "{refused}");
        let nodes: Api<Node> = Api::all(cluster.client());
        ensure!(nodes.list(&ListParams::default()).await?.items.len() == 1, "somebody got in");

        // What a token lets its holder do, and what it does not.
        let ca = cluster.file("ca.crt", &authority(cluster).await?)?;
        let as_machine = |args: &[&str]| -> Result<Program> {
            let program = Program::new(binary("kctl")?).env("HOME", cluster.state_dir().with_file_name("nobody"));
            Ok(program.args(["--server", &server, "--token", key, "--certificate-authority", &ca]).args(args))
        };
        for forbidden in [&["get", "secrets", "-A"][..], &["get", "nodes"], &["get", "csr"]] {
            let refused = as_machine(forbidden)?.run().await?.refused()?;
            ensure!(refused.contains("system:bootstrap:"), "{forbidden:?}: {refused}");
        }
        let requests: Api<CertificateSigningRequest> = Api::all(cluster.client());
        let denied = requests.list(&ListParams::default()).await?.items.into_iter().filter(|request| {
            let conditions = request.status.iter().flat_map(|status| status.conditions.iter().flatten());
            conditions.into_iter().any(|condition| condition.type_ == "Denied")
        });
        ensure!(denied.count() == 1, "the name was asked for once");

        // A token ends by itself.
        let short = cluster.kctl(["node", "token", "create", "--ttl", "2s", "--quiet"]).await?.ok()?;
        let secrets: Api<Secret> = Api::namespaced(cluster.client(), "kube-system");
        let name = format!("bootstrap-token-{}", &short[..6]);
        timonier_tests::wait::within(Duration::from_secs(60), "the expired token is deleted", || async {
            ensure!(secrets.get_opt(&name).await?.is_none(), "{name} is still there");
            Ok(())
        })
        .await?;
        let refused = refusal(command.replace(key, short.trim()), &["--runtime", "hollow"]).await?;
        ensure!(refused.contains("its time is over"), "{refused}");
        Ok(())
    })
    .await;
}

/// The CA as every namespace has it.
async fn authority(cluster: &Cluster) -> Result<String> {
    eventually("the CA is published to the namespace", || async {
        let published = cluster.api::<ConfigMap>().get("kube-root-ca.crt").await?;
        published.data.and_then(|data| data.get("ca.crt").cloned()).context("it is empty")
    })
    .await
}
