//! Volumes that are directories of a node, made for claims of the class `local-path` and others of its provisioner.
//!
//! Here only the PersistentVolume is written: below which directory a node's volumes lie its agent says in an annotation of
//! the Node, and the agent alone makes and removes them. It holds a finalizer on the volume until the directory is gone.

use std::sync::Arc;

use kube::api::Patch;
use serde_json::{Value, json};
use timonier_client::events::{Recorder, Regarding};
use timonier_client::{Informer, Next, ObjectKey, Reconcile, Writer};
use timonier_scheduling::volume::SELECTED_NODE;

use super::Subject;
use super::protection::let_go;
use crate::objects::{Claim, Node, PROVISIONED_BY, StorageClass, Volume};
use crate::refusal::is_gone;

/// The name that its classes give, and that its events carry.
pub const PROVISIONER: &str = "timonier.io/local-path";
/// On a Node: the directory of its volumes.
const DIRECTORY: &str = "timonier.io/local-path";
/// On a volume: its node.
pub const NODE_LABEL: &str = "timonier.io/node";
/// Held by the agent of the volume's node.
const FINALIZER: &str = "timonier.io/local-path";
const HOSTNAME: &str = "kubernetes.io/hostname";
/// The longest name of a file.
const NAME_MAX: usize = 255;

pub struct LocalPaths {
    pub claims: Informer<Claim>,
    pub volumes: Informer<Volume>,
    pub classes: Informer<StorageClass>,
    pub nodes: Informer<Node>,
    pub events: Recorder,
}

/// What to do about a claim.
#[derive(Debug, PartialEq)]
enum Plan {
    Nothing,
    Create(Box<Value>),
    /// The node can't have it: let the scheduler choose again.
    TakeBack(String),
    Refuse(String),
}

impl Reconcile for LocalPaths {
    type Key = Subject;
    type Error = kube::Error;

    async fn reconcile(&self, subject: &Subject, writer: &Writer) -> Result<Next, kube::Error> {
        match subject {
            Subject::Claim(key) => {
                if let Some(claim) = self.claims.get(key) {
                    self.provision(writer, &claim).await?;
                }
            }
            Subject::Volume(name) => {
                let Some(volume) = self.volumes.get(&ObjectKey::cluster(name.clone())) else {
                    return Ok(Next::Settled);
                };
                if is_orphaned(&volume, &self.nodes) {
                    // The directory went with its node.
                    return let_go::<Volume>(writer, &volume.metadata, FINALIZER).await;
                }
            }
        }
        Ok(Next::Settled)
    }
}

/// Whether a volume waits for an agent whose node is gone.
fn is_orphaned(volume: &Volume, nodes: &Informer<Node>) -> bool {
    let meta = &volume.metadata;
    let node = meta.labels.get(NODE_LABEL);
    meta.is_deleting()
        && meta.finalizers.iter().any(|held| held == FINALIZER)
        && node.is_some_and(|node| nodes.get(&ObjectKey::cluster(node.as_str())).is_none())
}

impl LocalPaths {
    async fn provision(&self, writer: &Writer, claim: &Claim) -> Result<(), kube::Error> {
        let class = self.classes.get(&ObjectKey::cluster(claim.claim.class.clone()));
        let Some(class) = class.filter(|class| &*class.class.provisioner == PROVISIONER) else { return Ok(()) };
        let about = Regarding::object(claim);
        match plan(claim, &class, &self.nodes.all(), |name| self.volumes.get(&ObjectKey::cluster(name)).is_some()) {
            Plan::Nothing => {}
            Plan::Create(body) => match writer.create::<Volume>(None, &body).await {
                Ok(volume) => {
                    let message = format!("Successfully provisioned volume {}", volume.name);
                    self.events.normal(about, "ProvisioningSucceeded", message);
                }
                Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {}
                Err(error) => {
                    self.events.warning(about, "ProvisioningFailed", error.to_string());
                    return Err(error);
                }
            },
            Plan::TakeBack(why) => {
                self.events.warning(about, "ProvisioningFailed", why);
                let patch = json!({"metadata": {"uid": &*claim.metadata.uid, "annotations": {SELECTED_NODE: null}}});
                match writer.patch::<Claim>(&claim.metadata.key(), &Patch::Merge(patch)).await {
                    Err(error) if !is_gone(&error) => return Err(error),
                    _ => {}
                }
            }
            Plan::Refuse(why) => self.events.warning(about, "ProvisioningFailed", why),
        }
        Ok(())
    }
}

fn volume_name(claim: &Claim) -> String {
    format!("pvc-{}", claim.metadata.uid)
}

fn plan(claim: &Claim, class: &StorageClass, nodes: &[Arc<Node>], exists: impl Fn(&str) -> bool) -> Plan {
    let wanted = &claim.claim;
    if wanted.volume.is_some() || wanted.bound || claim.metadata.is_deleting() || exists(&volume_name(claim)) {
        return Plan::Nothing;
    }
    let refuse = |why: &str| {
        Plan::Refuse(format!("failed to provision volume with StorageClass {:?}: {why}", &*class.metadata.name))
    };
    if wanted.block {
        return refuse("a directory can't be a block device");
    }
    if wanted.selector.is_some() {
        return refuse("claim.spec.selector is not supported");
    }
    if wanted.modes.iter().any(|mode| !matches!(&**mode, "ReadWriteOnce" | "ReadWriteOncePod")) {
        return refuse("a directory of one node has only the access modes ReadWriteOnce and ReadWriteOncePod");
    }
    let directory = |node: &Node| node.metadata.annotations.get(DIRECTORY).cloned();
    let node = match (&wanted.selected_node, class.class.waits_for_consumer) {
        (Some(selected), _) => match nodes.iter().find(|node| node.metadata.name == *selected) {
            Some(node) => node,
            None => return Plan::TakeBack(format!("node {selected:?} not found")),
        },
        (None, true) => return Plan::Nothing,
        // Nobody said where: spread by the claim's uid over the nodes that take pods.
        (None, false) => {
            let open = |node: &&Arc<Node>| !node.spec.unschedulable && directory(node).is_some();
            let mut open: Vec<_> = nodes.iter().filter(open).collect();
            open.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
            let turn = claim.metadata.uid.bytes().map(usize::from).sum::<usize>();
            match open.get(turn.checked_rem(open.len()).unwrap_or(0)).copied() {
                Some(node) => node,
                None => return refuse("no node offers a directory for volumes"),
            }
        }
    };
    match directory(node) {
        Some(directory) => Plan::Create(Box::new(body(claim, class, node, &directory))),
        None => Plan::TakeBack(format!("node {:?} offers no directory for volumes", &*node.metadata.name)),
    }
}

fn body(claim: &Claim, class: &StorageClass, node: &Node, directory: &str) -> Value {
    let (name, meta) = (volume_name(claim), &claim.metadata);
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    // Names that people can read when they look into the directory.
    let mut file = format!("{name}_{namespace}_{}", meta.name);
    file.truncate(NAME_MAX);
    let hostname = node.metadata.labels.get(HOSTNAME).map_or(&*node.metadata.name, String::as_str);
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "labels": {NODE_LABEL: &*node.metadata.name},
            "annotations": {PROVISIONED_BY: PROVISIONER},
            "finalizers": [FINALIZER],
        },
        "spec": {
            "capacity": {"storage": claim.requested},
            "accessModes": claim.modes,
            "persistentVolumeReclaimPolicy": class.reclaim_policy,
            "storageClassName": &*class.metadata.name,
            "volumeMode": "Filesystem",
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace,
                "name": &*meta.name, "uid": &*meta.uid, "resourceVersion": meta.resource_version.to_string()},
            "local": {"path": format!("{}/{file}", directory.trim_end_matches('/'))},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": HOSTNAME, "operator": "In", "values": [hostname]}]}]}},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(over: Value) -> Claim {
        let mut object = json!({"metadata": {"name": "data", "namespace": "a", "uid": "u1", "resourceVersion": "7"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
                "storageClassName": "local-path"}});
        for (path, value) in over.as_object().expect("a map") {
            let (section, field) = path.split_once('.').expect("section.field");
            object[section][field] = value.clone();
        }
        serde_json::from_value(object).expect("a claim")
    }

    fn class(mode: &str) -> StorageClass {
        serde_json::from_value(json!({"metadata": {"name": "local-path"}, "provisioner": PROVISIONER,
            "reclaimPolicy": "Delete", "volumeBindingMode": mode}))
        .expect("a class")
    }

    fn nodes() -> Vec<Arc<Node>> {
        let node = |name: &str, annotations: Value| -> Arc<Node> {
            let labels = json!({HOSTNAME: format!("host-{name}")});
            Arc::new(
                serde_json::from_value(
                    json!({"metadata": {"name": name, "annotations": annotations, "labels": labels}}),
                )
                .expect("a node"),
            )
        };
        vec![node("n1", json!({DIRECTORY: "/state/n1/local-path"})), node("n2", json!({}))]
    }

    fn on(node: &str) -> Value {
        json!({"metadata.annotations": {SELECTED_NODE: node}})
    }

    #[test]
    fn a_volume_is_a_directory_of_the_node_that_the_scheduler_chose() {
        let wait = class("WaitForFirstConsumer");
        assert_eq!(plan(&claim(json!({})), &wait, &nodes(), |_| false), Plan::Nothing);
        let Plan::Create(body) = plan(&claim(on("n1")), &wait, &nodes(), |_| false) else { panic!("nothing is made") };
        assert_eq!(body["spec"]["local"]["path"], "/state/n1/local-path/pvc-u1_a_data");
        assert_eq!(body["metadata"]["labels"][NODE_LABEL], "n1");
        assert_eq!(body["metadata"]["finalizers"], json!([FINALIZER]));
        assert_eq!(
            (&body["spec"]["claimRef"]["uid"], &body["spec"]["capacity"]["storage"]),
            (&json!("u1"), &json!("1Gi"))
        );
        let terms = &body["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"];
        assert_eq!(terms[0]["matchExpressions"][0]["values"], json!(["host-n1"]));
        assert_eq!(plan(&claim(on("n1")), &wait, &nodes(), |name| name == "pvc-u1"), Plan::Nothing);
    }

    #[test]
    fn without_a_wait_some_node_that_offers_directories_is_taken() {
        let Plan::Create(body) = plan(&claim(json!({})), &class("Immediate"), &nodes(), |_| false) else {
            panic!("nothing is made")
        };
        assert_eq!(body["metadata"]["labels"][NODE_LABEL], "n1");
    }

    #[test]
    fn what_can_not_be_is_said_or_goes_back_to_the_scheduler() {
        let wait = class("WaitForFirstConsumer");
        let plan = |over: Value| plan(&claim(over), &wait, &nodes(), |_| false);
        assert_eq!(plan(on("n2")), Plan::TakeBack("node \"n2\" offers no directory for volumes".into()));
        assert_eq!(plan(on("n9")), Plan::TakeBack("node \"n9\" not found".into()));
        for over in [
            json!({"spec.volumeMode": "Block"}),
            json!({"spec.selector": {"matchLabels": {"a": "b"}}}),
            json!({"spec.accessModes": ["ReadWriteMany"]}),
        ] {
            let planned = plan(over.clone());
            assert!(
                matches!(&planned, Plan::Refuse(why) if why.starts_with("failed to provision volume with StorageClass")),
                "{over}"
            );
        }
    }
}
