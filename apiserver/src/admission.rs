//! What may be refused only after looking at the object, and at others.
//!
//! The order of a write, which is Kubernetes' own. First what changes it:
//!
//! 1. its namespace is there and does not end (`registry/write.rs`),
//! 2. the kind's defaults, what its creator may not set, who it is by (`kinds/KIND`),
//! 3. what follows from other objects (`completion.rs`): the default classes of claims and ingresses; for pods the defaults of limit ranges, the
//!    service account with its token, the priority,
//! 4. its name, where one is made up, and what follows from that.
//!
//! Then what only looks:
//!
//! 5. the kind's validation (422),
//! 6. the checks of this module (403): namespaces that stay, bootstrap tokens, claims that grow, mirror pods, nodes' agents;
//!    then who approves and who signs, and that nobody grants what one does not hold (`auth`),
//! 7. the bounds of limit ranges ([`limits`]), when a pod or claim is created or asks for something else,
//! 8. what policies of the cluster's administrators say ([`policies`], `registry/policies`), about updates and deletions, too,
//! 9. quotas ([`quota`]), last and in the same transaction as the object, so that nothing is charged that is refused.
//!
//! A deletion passes 6 and 8 and gives back to 9. An eviction asks the pod's disruption budget between them (`registry/budget.rs`).

pub mod limits;
pub mod matching;
mod mirror;
pub mod policies;
pub mod quota;
mod storage;
pub mod turns;

use serde_json::Value;
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;

use crate::identity::{BOOTSTRAPPERS, Identity, MASTERS};
use crate::kinds::{Row, certificatesigningrequest};
use crate::object::meta;

/// Signs what clients show to the API server.
const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";
/// Signs what nodes show to the API server.
const KUBELET_CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";

/// A write, just before it is committed.
pub struct Attributes<'a> {
    pub identity: &'a Identity,
    pub row: &'a Row,
    pub old: Option<&'a Value>,
    /// `None` for a deletion.
    pub new: Option<&'a Value>,
    /// Seconds, as asked for by a deletion.
    pub grace_period: Option<i64>,
}

impl Attributes<'_> {
    fn name(&self) -> &str {
        self.new.or(self.old).map_or("", |object| meta::text(object, "name"))
    }

    fn refuse(&self, detail: String) -> Result<(), Status> {
        let resource = GroupResource::new(&*self.row.kind.group, &*self.row.kind.plural);
        Err(Status::forbidden(&resource, self.name(), detail))
    }
}

/// All checks, in order.
pub fn admit(write: &Attributes<'_>) -> Result<(), Status> {
    keep_first_namespaces(write)?;
    restrict_bootstrapper(write)?;
    restrict_subject(write)?;
    storage::claims_do_not_grow(write)?;
    mirror::refer_to_nothing(write)?;
    restrict_node(write)
}

fn keep_first_namespaces(write: &Attributes<'_>) -> Result<(), Status> {
    let deletes = write.new.is_none() && write.row.kind.group.is_empty() && write.row.kind.plural == "namespaces";
    if deletes && matches!(write.name(), "default" | "kube-system" | "kube-public") {
        return write.refuse("this namespace may not be deleted".to_string());
    }
    Ok(())
}

/// A machine with a bootstrap token asks for a node's client certificate and for nothing else.
fn restrict_bootstrapper(write: &Attributes<'_>) -> Result<(), Status> {
    let signer = write.new.and_then(|request| request["spec"]["signerName"].as_str()).unwrap_or("");
    if write.identity.has_group(BOOTSTRAPPERS) && signer != KUBELET_CLIENT_SIGNER {
        return write
            .refuse(format!("a bootstrap token may ask for certificates of signer {KUBELET_CLIENT_SIGNER:?} only"));
    }
    Ok(())
}

/// The API server believes what this signer signs: nobody is made the master of everything by a certificate.
fn restrict_subject(write: &Attributes<'_>) -> Result<(), Status> {
    let Some(request) = write.new.filter(|_| write.old.is_none() && write.row.kind.kind == "CertificateSigningRequest")
    else {
        return Ok(());
    };
    let believed = request["spec"]["signerName"] == CLIENT_SIGNER;
    if believed && certificatesigningrequest::organizations(request).iter().any(|organization| organization == MASTERS)
    {
        return write.refuse(format!("use of {CLIENT_SIGNER} signer with {MASTERS} group is not allowed"));
    }
    Ok(())
}

/// A node's agent writes its own Node, its own Lease and the status of its own pods, ends its own pods,
/// and shows its static pods.
fn restrict_node(write: &Attributes<'_>) -> Result<(), Status> {
    if write.identity.has_group(MASTERS) {
        return Ok(());
    }
    let Some(node) = write.identity.node_name() else {
        return Ok(());
    };
    let name = write.name();
    let kind = &write.row.kind;
    match (&*kind.group, &*kind.plural) {
        ("", "nodes") if name != node => write.refuse(format!("node {node:?} is not allowed to modify node {name:?}")),
        ("", "nodes") => match (write.old, write.new) {
            (Some(old), Some(new)) if old["spec"]["taints"] != new["spec"]["taints"] => {
                write.refuse(format!("node {node:?} is not allowed to modify taints"))
            }
            _ => Ok(()),
        },
        ("coordination.k8s.io", "leases") if name != node => {
            write.refuse(format!("node {node:?} is not allowed to modify the lease {name:?}"))
        }
        ("", "pods") => {
            if let (None, Some(pod)) = (write.old, write.new) {
                return mirror::restrict_node(write, pod, node);
            }
            let bound = write.old.map_or("", |pod| pod["spec"]["nodeName"].as_str().unwrap_or(""));
            if bound != node {
                return write.refuse(format!("node {node:?} can only write pods with spec.nodeName set to itself"));
            }
            if write.new.is_none() && write.grace_period != Some(0) {
                return write.refuse(format!(
                    "node {node:?} can only delete pods with gracePeriodSeconds 0, once they have ended"
                ));
            }
            Ok(())
        }
        ("", "persistentvolumes") => storage::restrict_node(write, node),
        _ => Ok(()),
    }
}
