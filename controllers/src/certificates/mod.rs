//! Certificates for nodes: requests of machines with a bootstrap token, and of nodes for themselves, are approved and signed.
//!
//! All requests are one key: two that were judged apart could give one name to two keys.

mod plan;
pub mod request;

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, Preconditions},
};
use serde_json::{Value, json};
use timonier_client::{Informer, Next, Object, Reconcile, Writer};

use request::{Purpose, Request};

use crate::{authority::Authority, objects::CertificateRequest, refusal::is_gone};
use plan::{Action, CLAIM_LIFE, Standing, is_over, plan};

/// What is signed lives a year, unless the request asks for less.
const LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// How often old requests are looked for while there are any.
const SWEEP: Duration = Duration::from_secs(10 * 60);

pub struct Certificates {
    pub requests: Informer<CertificateRequest>,
    pub authority: Arc<Authority>,
}

/// A request with what could be read of it.
struct Read {
    csr: Arc<CertificateRequest>,
    request: Result<Request, String>,
}

impl Reconcile for Certificates {
    type Key = ();
    type Error = kube::Error;

    async fn reconcile(&self, _all: &(), writer: &Writer) -> Result<Next, kube::Error> {
        let now = Timestamp::now();
        let ours = |csr: &Arc<CertificateRequest>| Purpose::of(&csr.spec.signer_name).is_some();
        let mut all: Vec<Read> = self.requests.all().into_iter().filter(ours).map(Read::new).collect();
        all.sort_by_key(|read| read.csr.metadata.creation_timestamp);
        for read in &all {
            let action = match plan(&read.csr, &read.request, Standing::default()) {
                _ if is_over(&read.csr, now) => Action::Delete,
                // What stands against it is asked for only when that decides.
                Action::Approve(_) => {
                    let standing = self.standing(read, &all, writer, now).await?;
                    plan(&read.csr, &read.request, standing)
                }
                action => action,
            };
            let decides = matches!(action, Action::Approve(_));
            match self.act(read, action, writer).await {
                Err(error) if !is_gone(&error) => return Err(error),
                _ => {}
            }
            if decides {
                // The next one is judged when this verdict is seen.
                break;
            }
        }
        Ok(if all.is_empty() { Next::Settled } else { Next::After(SWEEP) })
    }
}

impl Read {
    fn new(csr: Arc<CertificateRequest>) -> Read {
        let request = Request::parse(&csr.spec.request);
        Read { csr, request }
    }
}

impl Certificates {
    async fn standing(
        &self,
        asking: &Read,
        all: &[Read],
        writer: &Writer,
        now: Timestamp,
    ) -> Result<Standing, kube::Error> {
        let mut standing = Standing::default();
        let Ok(request) = &asking.request else { return Ok(standing) };
        let nodes = Api::<Node>::all(writer.client().clone()).list(&ListParams::default()).await?.items;
        let name = request.user.trim_start_matches("system:node:");
        let (own, others): (Vec<Node>, Vec<Node>) =
            nodes.into_iter().partition(|node| node.metadata.name.as_deref() == Some(name));
        standing.alive = own.iter().any(is_ready);
        for other in all.iter().filter(|other| other.csr.metadata.uid != asking.csr.metadata.uid) {
            let Ok(theirs) = &other.request else { continue };
            let client = Purpose::of(&other.csr.spec.signer_name) == Some(Purpose::Client);
            if !client || !other.csr.has("Approved") || theirs.user != request.user {
                continue;
            }
            let age = other.csr.metadata.creation_timestamp.map(|since| now.duration_since(since));
            if theirs.has_key_of(request) {
                standing.known_key = true;
            } else if own.is_empty() && age.is_some_and(|age| age < CLAIM_LIFE) {
                standing.claimed = true;
            }
        }
        let others: Vec<String> = others.iter().flat_map(addresses).collect();
        standing.others_name =
            request.names.iter().any(|name| self.authority.is_servers_own(name) || others.contains(name));
        Ok(standing)
    }

    async fn act(&self, read: &Read, action: Action, writer: &Writer) -> Result<(), kube::Error> {
        let (csr, name) = (&read.csr, &read.csr.metadata.name);
        match action {
            Action::Leave => Ok(()),
            Action::Approve(message) => {
                tracing::info!(request = %name, user = csr.spec.username, message, "approved");
                verdict(csr, "Approved", "AutoApproved", message, writer).await
            }
            Action::Deny(message) => {
                tracing::warn!(request = %name, user = csr.spec.username, message, "denied");
                verdict(csr, "Denied", "AutoDenied", &message, writer).await
            }
            Action::Sign => {
                let signed = match (&read.request, Purpose::of(&csr.spec.signer_name)) {
                    (Ok(request), Some(purpose)) => self.authority.sign(request, purpose, life(csr)),
                    _ => Err("it cannot be read".to_string()),
                };
                match signed {
                    Ok(pem) => status(csr, json!({"certificate": STANDARD.encode(pem)}), writer).await,
                    Err(reason) => fail(csr, "SigningFailure", &reason, writer).await,
                }
            }
            Action::Fail(reason) => fail(csr, "SignerValidationFailure", &reason, writer).await,
            Action::Delete => {
                let uid = Some(csr.metadata.uid.to_string());
                let params = DeleteParams::default().preconditions(Preconditions { uid, resource_version: None });
                writer.delete_if(&CertificateRequest::RESOURCE, &csr.metadata.key(), params).await
            }
        }
    }
}

fn life(csr: &CertificateRequest) -> Duration {
    let asked = csr.spec.expiration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    asked.map_or(LIFE, |seconds| Duration::from_secs(seconds).min(LIFE))
}

fn conditions(csr: &CertificateRequest, kind: &str, reason: &str, message: &str) -> Value {
    let mut all = json!(csr.status.conditions);
    let new = json!({"type": kind, "status": "True", "reason": reason, "message": message});
    if let Some(all) = all.as_array_mut() {
        all.push(new);
    }
    all
}

async fn verdict(
    csr: &CertificateRequest,
    kind: &str,
    reason: &str,
    message: &str,
    writer: &Writer,
) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {"uid": csr.metadata.uid, "resourceVersion": csr.metadata.resource_version.to_string()},
        "status": {"conditions": conditions(csr, kind, reason, message)}});
    let key = csr.metadata.key();
    writer.patch_subresource::<CertificateRequest>(&key, "approval", &Patch::Merge(patch)).await.map(drop)
}

async fn fail(csr: &CertificateRequest, reason: &str, message: &str, writer: &Writer) -> Result<(), kube::Error> {
    tracing::warn!(request = %csr.metadata.name, message, "cannot be signed");
    status(csr, json!({"conditions": conditions(csr, "Failed", reason, message)}), writer).await
}

async fn status(csr: &CertificateRequest, status: Value, writer: &Writer) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {"uid": csr.metadata.uid}, "status": status});
    writer.patch_status::<CertificateRequest>(&csr.metadata.key(), &Patch::Merge(patch)).await.map(drop)
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn addresses(node: &Node) -> Vec<String> {
    let addresses = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
    addresses.map(|address| address.address.clone()).collect()
}
