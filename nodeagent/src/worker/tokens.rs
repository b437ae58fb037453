//! Tokens of a pod's account, asked for as the kubelet does and renewed before they expire.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{Pod, ServiceAccount},
};
use kube::{Api, Client, api::PostParams};

use crate::{
    desired::{self, sources::Audience},
    memory::later,
    node::in_time,
};

/// However long a token lives, another is asked for after a day.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// One token, and when to ask for the next.
#[derive(Clone, Debug)]
struct Token {
    value: String,
    renew: Timestamp,
    expires: Timestamp,
}

#[derive(Default)]
pub(super) struct Tokens(BTreeMap<Audience, Token>);

impl Tokens {
    /// A token for each audience: the one at hand unless it is due.
    pub async fn current(
        &mut self,
        client: &Client,
        pod: &Pod,
        audiences: impl IntoIterator<Item = Audience>,
    ) -> Result<BTreeMap<Audience, String>, String> {
        let mut all = BTreeMap::new();
        for audience in audiences {
            let now = Timestamp::now();
            let known = self.0.get(&audience);
            let token = match known.filter(|known| known.renew > now) {
                Some(known) => known.clone(),
                None => match request(client, pod, &audience).await {
                    Ok(token) => token,
                    // Good for a while yet.
                    Err(error) => match known.filter(|known| known.expires > now) {
                        Some(known) => Token { renew: later(now, SignedDuration::from_secs(30)), ..known.clone() },
                        None => return Err(format!("failed to fetch token: {error}")),
                    },
                },
            };
            all.insert(audience.clone(), token.value.clone());
            self.0.insert(audience, token);
        }
        Ok(all)
    }

    /// When the first of them is due.
    pub fn renewal(&self) -> Option<Timestamp> {
        self.0.values().map(|token| token.renew).min()
    }
}

async fn request(client: &Client, pod: &Pod, audience: &Audience) -> Result<Token, String> {
    let identity = desired::identity(pod);
    let account = desired::spec(pod).service_account_name.as_deref().filter(|name| !name.is_empty());
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &identity.namespace);
    let body = TokenRequest {
        spec: Some(TokenRequestSpec {
            audiences: (!audience.audience.is_empty()).then(|| vec![audience.audience.clone()]),
            expiration_seconds: Some(audience.seconds),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(identity.name),
                uid: Some(identity.uid),
            }),
        }),
        ..TokenRequest::default()
    };
    let asked = Timestamp::now();
    let parameters = PostParams::default();
    let answer = accounts.create_token_request(account.unwrap_or("default"), &parameters, &body);
    let answer = in_time(answer).await.map_err(|error| error.to_string())?;
    let status = answer.status.unwrap_or_default();
    match (status.token, status.expiration_timestamp) {
        (Some(value), Some(expires)) => Ok(Token { value, renew: renewal(asked, expires.0), expires: expires.0 }),
        _ => Err("the server answered without a token".to_owned()),
    }
}

/// After four fifths of its life, and after a day at the latest.
fn renewal(issued: Timestamp, expires: Timestamp) -> Timestamp {
    let life = expires.duration_since(issued);
    later(issued, (life * 4 / 5).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_after_four_fifths_of_its_life_or_a_day() {
        let issued = Timestamp::UNIX_EPOCH;
        for (life, expected) in [(3600, 2880), (600, 480), (24 * 3600, 19 * 3600 + 720), (30 * 24 * 3600, 24 * 3600)] {
            let expires = later(issued, SignedDuration::from_secs(life));
            assert_eq!(renewal(issued, expires).as_second(), expected, "{life}");
        }
    }
}
