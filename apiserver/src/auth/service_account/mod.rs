//! Service account tokens: signed by one key that all API servers of a cluster share, and good for as long as the account,
//! and the object that a token is bound to, are there.

mod claims;
mod jwt;

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_store::{Snapshot, Store};

pub use claims::{Claims, Private, Reference, subject};
pub use jwt::Signer;

use crate::identity::Identity;
use crate::object::{Object, meta};

/// Who signs: `iss` of every token, and the audience of tokens for the API itself.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// How long tokens outlive the decision to delete what they are bound to, as in Kubernetes: ending takes time.
const DELETION_SECONDS: i64 = 60;

/// Signs and recognises tokens; without a key, neither.
pub struct ServiceAccounts {
    signer: Option<Signer>,
}

impl ServiceAccounts {
    pub fn new(signer: Option<Signer>) -> ServiceAccounts {
        ServiceAccounts { signer }
    }

    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// Whom a token speaks for, and to which of the audiences; `None` when it is not ours, not for any of them, or its
    /// time is over.
    pub async fn authenticate(
        &self,
        store: &Store,
        token: &str,
        audiences: &[String],
    ) -> Option<(Identity, Vec<String>)> {
        let claims = self.signer.as_ref()?.verify(token)?;
        let claims: Claims = serde_json::from_value(claims).ok()?;
        let now = Timestamp::now();
        let matching = claims.audiences(audiences);
        if matching.is_empty() || !claims.hold(ISSUER, now) {
            return None;
        }
        // What another server acknowledged a moment ago may not have arrived here yet: a no is looked up again.
        if !is_bound(&store.snapshot(), &claims, now) && !is_bound(&store.fresh().await.ok()?, &claims, now) {
            return None;
        }
        Some((claims.identity(), matching))
    }

    /// `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0); `host` is where clients reach the server.
    pub fn discovery(host: &str) -> Value {
        json!({
            "issuer": ISSUER, "jwks_uri": format!("https://{host}/openid/v1/jwks"),
            "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    /// `/openid/v1/jwks`
    pub fn keys(&self) -> Value {
        json!({"keys": self.signer.iter().map(Signer::public_jwk).collect::<Vec<_>>()})
    }
}

/// Whether the account, and whatever the token is bound to, are still the same ones.
fn is_bound(snapshot: &Snapshot, claims: &Claims, now: Timestamp) -> bool {
    let own = &claims.kubernetes;
    let namespaced = |plural: &str, object: &Reference| format!("{plural}/{}/{}", own.namespace, object.name);
    let there = |key: String, object: &Reference| is_there(snapshot, &key, &object.uid, now);
    let pod = own.pod.as_ref().is_none_or(|pod| there(namespaced("pods", pod), pod));
    let secret = own.secret.as_ref().is_none_or(|secret| there(namespaced("secrets", secret), secret));
    // With a pod, the node is only told; the pod's end is what counts.
    let node = own.pod.is_some() || own.node.as_ref().is_none_or(|node| there(format!("nodes/{}", node.name), node));
    pod && secret && node && there(namespaced("serviceaccounts", &own.serviceaccount), &own.serviceaccount)
}

fn is_there(snapshot: &Snapshot, key: &str, uid: &str, now: Timestamp) -> bool {
    let Some(stored) = snapshot.get(key).and_then(|entry| Object::of(entry).ok()?.stored_value().ok()) else {
        return false;
    };
    let deleted = meta::text(&stored, "deletionTimestamp").parse::<Timestamp>();
    let gone = deleted.is_ok_and(|at| now.as_second() > at.as_second() + DELETION_SECONDS);
    meta::text(&stored, "uid") == uid && !gone
}
