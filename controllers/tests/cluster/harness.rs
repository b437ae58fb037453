//! A server, an administrator, the controllers, and pods that come up and end.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use kube::Client;
use serde_json::{Value, json};
use timonier_apiserver::{Config as ServerConfig, Identity, PkiPaths, Server};
use timonier_client::{
    Resource,
    connect::{ConnectOptions, connect, install_crypto},
    local,
};
use timonier_controllers::{Config, LeaderElection, NodeFlags, Profiles, Trust, run};
use timonier_store::{Options, Store, StoreUrl};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const PODS: Resource = Resource::of("", "v1", "pods");
pub const CONFIG_MAPS: Resource = Resource::of("", "v1", "configmaps");
pub const NAMESPACES: Resource = Resource::of("", "v1", "namespaces");
pub const NODES: Resource = Resource::of("", "v1", "nodes");
pub const SETS: Resource = Resource::of("apps", "v1", "replicasets");
pub const DEPLOYMENTS: Resource = Resource::of("apps", "v1", "deployments");
pub const STATEFUL_SETS: Resource = Resource::of("apps", "v1", "statefulsets");
pub const DAEMON_SETS: Resource = Resource::of("apps", "v1", "daemonsets");
pub const REVISIONS: Resource = Resource::of("apps", "v1", "controllerrevisions");
pub const CLAIMS: Resource = Resource::of("", "v1", "persistentvolumeclaims");
pub const REPLICATION_CONTROLLERS: Resource = Resource::of("", "v1", "replicationcontrollers");
pub const LEASES: Resource = Resource::of("coordination.k8s.io", "v1", "leases");

pub struct Cluster {
    pub server: Server,
    pub admin: Client,
    pki: tempfile::TempDir,
}

/// Controllers that run until dropped or stopped.
pub struct Running {
    pub shutdown: CancellationToken,
    task: JoinHandle<Result<(), timonier_controllers::Error>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Running {
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        (&mut self.task).await.expect("no panic").expect("no error");
    }
}

impl Cluster {
    pub async fn start() -> Cluster {
        install_crypto();
        let pki = tempfile::tempdir().expect("a temporary folder");
        credentials(pki.path());
        let url: StoreUrl = "memory:".parse().expect("a store's address");
        let store = Store::open(&url, Options::default()).await.expect("the store opens");
        let config = ServerConfig {
            bind: "127.0.0.1:0".parse().expect("an address"),
            pki: PkiPaths::in_dir(pki.path()),
            store,
            advertise: None,
            patience: Default::default(),
            limits: Default::default(),
        };
        let server = Server::start(config).await.expect("the server starts");
        let admin = local(server.local(Identity::admin()));
        Cluster { server, admin, pki }
    }

    /// The named controllers; leader election under the identity, if one is given.
    pub fn controllers(&self, only: &[&str], election: Option<LeaderElection>) -> Running {
        self.patient_controllers(only, election, NodeFlags::default())
    }

    pub fn patient_controllers(&self, only: &[&str], election: Option<LeaderElection>, nodes: NodeFlags) -> Running {
        self.run(only, election, nodes, Trust::default())
    }

    /// They know whom the cluster trusts, and where it is.
    pub fn trusting_controllers(&self, only: &[&str], trust: Trust) -> Running {
        self.run(only, None, NodeFlags::default(), trust)
    }

    fn run(&self, only: &[&str], election: Option<LeaderElection>, nodes: NodeFlags, trust: Trust) -> Running {
        let shutdown = CancellationToken::new();
        let config = Config {
            controllers: local(self.server.local(Identity::controller_manager())),
            scheduler: local(self.server.local(Identity::scheduler())),
            only: Some(only.iter().map(|name| name.to_string()).collect()),
            leader_election: election,
            cluster_cidr: "10.244.0.0/16".into(),
            nodes,
            profiles: Profiles::default(),
            trust,
        };
        Running { task: tokio::spawn(run(config, shutdown.clone())), shutdown }
    }

    /// An administrator whose requests all go over one connection.
    pub async fn one_connection(&self) -> Client {
        let options = ConnectOptions {
            server: Some(format!("https://{}", self.server.address())),
            token: Some(TOKEN.into()),
            certificate_authority: Some(self.pki.path().join("ca.crt")),
            multiplexed: true,
            ..ConnectOptions::default()
        };
        connect(options).await.expect("a client")
    }

    pub async fn create(&self, resource: &Resource, namespace: Option<&str>, object: Value) -> Value {
        let request = kube::core::Request::new(resource.path(namespace));
        let body = object.to_string().into_bytes();
        let request = request.create(&Default::default(), body).expect("a request");
        self.admin.request(request).await.expect("created")
    }

    pub async fn get(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Option<Value> {
        let request = kube::core::Request::new(resource.path(namespace));
        let request = request.get(name, &Default::default()).expect("a request");
        match self.admin.request(request).await {
            Ok(found) => Some(found),
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            Err(error) => panic!("get {resource} {name}: {error}"),
        }
    }

    pub async fn list(&self, resource: &Resource, namespace: Option<&str>) -> Vec<Value> {
        list(&self.admin, resource, namespace).await
    }

    pub async fn patch(&self, resource: &Resource, namespace: Option<&str>, name: &str, patch: Value) {
        self.patch_as(resource, namespace, name, "application/merge-patch+json", patch).await;
    }

    pub async fn strategic_patch(&self, resource: &Resource, namespace: Option<&str>, name: &str, patch: Value) {
        self.patch_as(resource, namespace, name, "application/strategic-merge-patch+json", patch).await;
    }

    pub async fn patch_status(&self, resource: &Resource, namespace: Option<&str>, name: &str, patch: Value) {
        self.patch_as(resource, namespace, &format!("{name}/status"), "application/merge-patch+json", patch).await;
    }

    async fn patch_as(&self, resource: &Resource, namespace: Option<&str>, path: &str, kind: &str, patch: Value) {
        let request = http::Request::patch(format!("{}/{path}", resource.path(namespace))).header("content-type", kind);
        let request = request.body(patch.to_string().into_bytes()).expect("a request");
        let _patched: Value = self.admin.request(request).await.expect("patched");
    }

    pub async fn delete(&self, resource: &Resource, namespace: Option<&str>, name: &str, policy: &str) {
        let uri = format!("{}/{name}?propagationPolicy={policy}", resource.path(namespace));
        let request = http::Request::delete(uri).body(Vec::new()).expect("a request");
        let _answer: Value = self.admin.request(request).await.expect("deleted");
    }

    /// Asks until the answer is there; what was found last is part of the failure.
    pub async fn until<T: std::fmt::Debug>(&self, what: &str, ask: impl AsyncFn() -> Result<T, Value>) -> T {
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            match ask().await {
                Ok(found) => return found,
                Err(seen) if Instant::now() > patience => panic!("{what}: {seen:#}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Waits until nothing of the resource is left in the namespace.
    pub async fn until_none(&self, resource: &Resource, namespace: &str) {
        self.until(&format!("no {resource} left"), async || {
            let left = self.list(resource, Some(namespace)).await;
            if left.is_empty() { Ok(()) } else { Err(json!(left)) }
        })
        .await;
    }

    /// Messages of the events about an object, by reason.
    pub async fn events(&self, name: &str) -> BTreeMap<String, Vec<String>> {
        let mut messages: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in self.list(&Resource::of("", "v1", "events"), Some("default")).await {
            if event["involvedObject"]["name"] == json!(name) {
                let reason = event["reason"].as_str().unwrap_or_default().to_string();
                messages.entry(reason).or_default().push(event["message"].as_str().unwrap_or_default().into());
            }
        }
        messages
    }
}

pub async fn list(client: &Client, resource: &Resource, namespace: Option<&str>) -> Vec<Value> {
    let request = kube::core::Request::new(resource.path(namespace));
    let request = request.list(&Default::default()).expect("a request");
    let list: Value = client.request(request).await.expect("listed");
    list["items"].as_array().cloned().unwrap_or_default()
}

/// On a pod: it ends as soon as it runs, with this code; or with one for each completion index: `0,1,0`.
pub const EXIT_CODES: &str = "test/exit-codes";

/// Moves pods on: a new one becomes ready on node `n`, one that is deleted ends, and so does one that says how.
pub struct Kubelet(JoinHandle<()>);

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Kubelet {
    pub fn start(cluster: &Cluster) -> Kubelet {
        let client = cluster.admin.clone();
        Kubelet(tokio::spawn(async move {
            loop {
                for pod in list(&client, &PODS, None).await {
                    let (meta, status) = (&pod["metadata"], &pod["status"]);
                    let name = meta["name"].as_str().expect("a name");
                    let namespace = meta["namespace"].as_str();
                    let path = PODS.path(namespace);
                    let request = if !meta["deletionTimestamp"].is_null() {
                        http::Request::delete(format!("{path}/{name}?gracePeriodSeconds=0")).body(Vec::new())
                    } else if let Some(code) = exit_code(&pod) {
                        if matches!(status["phase"].as_str(), Some("Succeeded" | "Failed")) {
                            continue;
                        }
                        let phase = if code == 0 { "Succeeded" } else { "Failed" };
                        let state = json!({"terminated": {"exitCode": code, "finishedAt": "2026-01-01T00:00:00Z"}});
                        let container = json!({"name": "c", "image": "i", "imageID": "", "ready": false,
                            "restartCount": 0, "state": state});
                        let patch = json!({"status": {"phase": phase, "containerStatuses": [container]}});
                        status_patch(&path, name, &patch)
                    } else if status["phase"] != "Running" {
                        let ready = json!({"type": "Ready", "status": "True",
                            "lastTransitionTime": "2026-01-01T00:00:00Z"});
                        let patch = json!({"status": {"phase": "Running", "conditions": [ready]}});
                        status_patch(&path, name, &patch)
                    } else {
                        continue;
                    };
                    // It may be gone already.
                    let _answer = client.request::<Value>(request.expect("a request")).await;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }))
    }
}

fn status_patch(path: &str, name: &str, patch: &Value) -> Result<http::Request<Vec<u8>>, http::Error> {
    http::Request::patch(format!("{path}/{name}/status"))
        .header("content-type", "application/merge-patch+json")
        .body(patch.to_string().into_bytes())
}

fn exit_code(pod: &Value) -> Option<i32> {
    let annotations = &pod["metadata"]["annotations"];
    let codes = annotations[EXIT_CODES].as_str()?;
    let index = annotations["batch.kubernetes.io/job-completion-index"].as_str().and_then(|index| index.parse().ok());
    codes.split(',').nth(index.unwrap_or(0))?.parse().ok()
}

const TOKEN: &str = "an-administrators-token";

/// One self-signed certificate plays every part.
fn credentials(dir: &Path) {
    std::fs::write(dir.join("tokens.csv"), format!("{TOKEN},admin,1,\"system:masters\"\n")).expect("written");
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for name in ["ca", "apiserver", "apiserver-kubelet-client"] {
        std::fs::write(dir.join(format!("{name}.crt")), &certificate).expect("written");
        std::fs::write(dir.join(format!("{name}.key")), &key).expect("written");
    }
}

pub fn deployment(name: &str, replicas: i32, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    })
}
