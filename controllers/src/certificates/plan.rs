//! What becomes of a certificate request: approved, denied, signed, or left to a person. Pure.

use jiff::{SignedDuration, Timestamp};

use super::request::{Purpose, Request};
use crate::objects::CertificateRequest;

const BOOTSTRAPPERS: &str = "system:bootstrappers";

/// How long requests are kept, as in Kubernetes: those that were dealt with, and those that wait for a person.
const DONE_LIFE: SignedDuration = SignedDuration::from_hours(1);
const PENDING_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How long a name stays with the key that got a certificate for it before its node has come up.
pub const CLAIM_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// What stands against giving a node's name to a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The Node is ready.
    pub alive: bool,
    /// Another key got a certificate for the name a moment ago, and its node has not come up yet.
    pub claimed: bool,
    /// This very key got one before.
    pub known_key: bool,
    /// An address or name is an API server's, or another node's.
    pub others_name: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Approve(&'static str),
    Deny(String),
    Sign,
    /// It was approved and still cannot be signed.
    Fail(String),
    Delete,
    /// Not ours, or a person's to decide.
    Leave,
}

/// The next step for one request that was read.
pub fn plan(csr: &CertificateRequest, request: &Result<Request, String>, standing: Standing) -> Action {
    let Some(purpose) = Purpose::of(&csr.spec.signer_name) else { return Action::Leave };
    if !csr.status.certificate.is_empty() || csr.has("Denied") || csr.has("Failed") {
        return Action::Leave;
    }
    let node = match request {
        Ok(request) => request.node(purpose, &csr.spec.usages),
        Err(reason) => Err(reason.clone()),
    };
    match (csr.has("Approved"), request, node) {
        (true, _, Ok(_)) => Action::Sign,
        (true, _, Err(reason)) => Action::Fail(reason),
        (false, Ok(request), Ok(node)) => judge(csr, request, node, purpose, standing),
        (false, ..) => Action::Leave,
    }
}

fn judge(csr: &CertificateRequest, request: &Request, node: &str, purpose: Purpose, standing: Standing) -> Action {
    let itself = csr.spec.username == request.user && csr.spec.groups.iter().any(|group| group == "system:nodes");
    let bootstraps = csr.spec.username.starts_with("system:bootstrap:")
        && csr.spec.groups.iter().any(|group| group == BOOTSTRAPPERS);
    match purpose {
        Purpose::Client if itself => Action::Approve("the node renews its own certificate"),
        Purpose::Client if bootstraps && !standing.known_key && standing.alive => Action::Deny(format!(
            "node {node:?} is alive and has another key: take another name, or stop that node and delete it first"
        )),
        Purpose::Client if bootstraps && !standing.known_key && standing.claimed => Action::Deny(format!(
            "another machine was given the name {node:?} a moment ago: take another name, or try again in {} minutes",
            CLAIM_LIFE.as_mins()
        )),
        Purpose::Client if bootstraps => Action::Approve("a bootstrap token vouches for a new node"),
        // Whose address it is cannot be seen from here; what belongs to others can.
        Purpose::Serving if itself && request.names_are_own(node) && !standing.others_name => {
            Action::Approve("the node asks for its own name and addresses")
        }
        _ => Action::Leave,
    }
}

/// Whether a request has been kept for long enough.
pub fn is_over(csr: &CertificateRequest, now: Timestamp) -> bool {
    let done = !csr.status.certificate.is_empty() || csr.has("Denied") || csr.has("Failed");
    let life = if done { DONE_LIFE } else { PENDING_LIFE };
    csr.metadata.creation_timestamp.is_some_and(|since| now.duration_since(since) > life)
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::{request, usages};
    use super::*;
    use rcgen::KeyPair;
    use serde_json::json;

    fn csr(by: &str, groups: &[&str], signer: &str, user: &str, names: &[&str]) -> CertificateRequest {
        let key = KeyPair::generate().expect("a key");
        let signer_name = format!("kubernetes.io/{signer}");
        let usages = Purpose::of(&signer_name).map(usages).unwrap_or_default();
        serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": {
            "request": request(&key, user, "system:nodes", names), "signerName": signer_name,
            "username": by, "groups": groups, "usages": usages}}))
        .expect("is one")
    }

    fn next(csr: &CertificateRequest, standing: Standing) -> Action {
        plan(csr, &Request::parse(&csr.spec.request), standing)
    }

    const CLIENT: &str = "kube-apiserver-client-kubelet";
    const FREE: Standing = Standing { alive: false, claimed: false, known_key: false, others_name: false };

    fn bootstrap(user: &str) -> CertificateRequest {
        csr("system:bootstrap:abcdef", &["system:bootstrappers"], CLIENT, user, &[])
    }

    #[test]
    fn a_bootstrap_token_makes_new_nodes_and_nothing_else() {
        assert!(matches!(next(&bootstrap("system:node:n1"), FREE), Action::Approve(_)));
        for user in ["admin", "system:kube-controller-manager", "system:node:"] {
            assert_eq!(next(&bootstrap(user), FREE), Action::Leave, "{user}");
        }
        let serving = csr(
            "system:bootstrap:abcdef",
            &["system:bootstrappers"],
            "kubelet-serving",
            "system:node:n1",
            &["10.0.0.7"],
        );
        assert_eq!(next(&serving, FREE), Action::Leave);
        let other = csr("bob", &[], CLIENT, "system:node:n1", &[]);
        assert_eq!(next(&other, FREE), Action::Leave);
        let lookalike = csr("system:bootstrap:abcdef", &[], CLIENT, "system:node:n1", &[]);
        assert_eq!(next(&lookalike, FREE), Action::Leave);
    }

    #[test]
    fn a_name_in_use_stays_with_its_key() {
        let asks = bootstrap("system:node:n1");
        for standing in [Standing { alive: true, ..FREE }, Standing { claimed: true, ..FREE }] {
            assert!(matches!(next(&asks, standing), Action::Deny(_)), "{standing:?}");
            let again = Standing { known_key: true, ..standing };
            assert!(matches!(next(&asks, again), Action::Approve(_)), "{standing:?}");
        }
    }

    #[test]
    fn a_node_renews_its_own_certificate_and_serves_under_its_own_names() {
        let own =
            |signer: &str, user: &str, names: &[&str]| csr("system:node:n1", &["system:nodes"], signer, user, names);
        assert!(matches!(
            next(&own(CLIENT, "system:node:n1", &[]), Standing { alive: true, ..FREE }),
            Action::Approve(_)
        ));
        assert_eq!(next(&own(CLIENT, "system:node:n2", &[]), FREE), Action::Leave);
        let serving = own("kubelet-serving", "system:node:n1", &["10.0.0.7", "n1"]);
        assert!(matches!(next(&serving, FREE), Action::Approve(_)));
        assert_eq!(next(&serving, Standing { others_name: true, ..FREE }), Action::Leave);
        assert_eq!(next(&own("kubelet-serving", "system:node:n1", &["kubernetes.default"]), FREE), Action::Leave);
        assert_eq!(next(&own("kubelet-serving", "system:node:n2", &["10.0.0.7"]), FREE), Action::Leave);
    }

    #[test]
    fn only_what_was_approved_and_has_the_form_is_signed() {
        let with = |mut csr: CertificateRequest, kinds: &[&str]| {
            let conditions: Vec<_> = kinds.iter().map(|kind| json!({"type": kind, "status": "True"})).collect();
            csr.status.conditions = serde_json::from_value(json!(conditions)).expect("conditions");
            csr
        };
        let asks = || bootstrap("system:node:n1");
        assert_eq!(next(&with(asks(), &["Approved"]), FREE), Action::Sign);
        assert_eq!(next(&with(asks(), &["Denied"]), FREE), Action::Leave);
        assert_eq!(next(&with(asks(), &["Approved", "Failed"]), FREE), Action::Leave);
        // A person may approve what must not be: it is not signed.
        assert!(matches!(next(&with(bootstrap("admin"), &["Approved"]), FREE), Action::Fail(_)));
        let mut issued = with(asks(), &["Approved"]);
        issued.status.certificate = "c".into();
        assert_eq!(next(&issued, FREE), Action::Leave);
        let foreign = with(csr("bob", &[], "else", "system:node:n1", &[]), &["Approved"]);
        assert_eq!(next(&foreign, FREE), Action::Leave);
    }

    #[test]
    fn requests_go_when_they_were_dealt_with_or_forgotten() {
        let mut asks = bootstrap("system:node:n1");
        asks.metadata.creation_timestamp = Some(Timestamp::UNIX_EPOCH);
        let after = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours) + SignedDuration::from_secs(1);
        assert!(!is_over(&asks, after(23)) && is_over(&asks, after(24)));
        asks.status.certificate = "c".into();
        assert!(!is_over(&asks, after(0)) && is_over(&asks, after(1)));
    }
}
