//! Bootstrap tokens whose time is over are deleted.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use kube::api::DeleteParams;
use serde::Deserialize;
use timonier_client::{Informer, Meta, Next, Object, ObjectKey, Reconcile, Resource, Writer, object::null_as_default};

pub const TYPE: &str = "bootstrap.kubernetes.io/token";

/// A Secret of that type. Its content is read for the time alone.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct BootstrapToken {
    pub metadata: Meta,
    #[serde(default, deserialize_with = "null_as_default")]
    data: BTreeMap<String, String>,
}

impl Object for BootstrapToken {
    const KIND: &'static str = "Secret";
    const RESOURCE: Resource = Resource::of("", "v1", "secrets");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl BootstrapToken {
    /// `None`: it has no end. One whose end cannot be read has come to it: it was not meant for ever.
    fn expires(&self) -> Option<Timestamp> {
        let given = self.data.get("expiration").filter(|given| !given.is_empty())?;
        let text = STANDARD.decode(given).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        Some(text.and_then(|text| text.parse().ok()).unwrap_or(Timestamp::MIN))
    }
}

pub struct TokenCleaner {
    pub tokens: Informer<BootstrapToken>,
}

impl Reconcile for TokenCleaner {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let Some((token, expires)) = self.tokens.get(key).and_then(|token| Some((token.clone(), token.expires()?)))
        else {
            return Ok(Next::Settled);
        };
        match left(expires, Timestamp::now()) {
            Some(left) => Ok(Next::After(left)),
            None => {
                let uid = &token.metadata.uid;
                writer.delete(&BootstrapToken::RESOURCE, key, uid, DeleteParams::default()).await?;
                Ok(Next::Settled)
            }
        }
    }
}

/// How long until `expires`; `None` when it has come.
fn left(expires: Timestamp, now: Timestamp) -> Option<Duration> {
    if expires <= now {
        return None;
    }
    // A little later than the instant itself, so that one look is enough.
    Some(expires.duration_since(now).unsigned_abs() + Duration::from_millis(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_until_it_expires() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        assert_eq!(left(at(10), at(10)), None);
        assert_eq!(left(at(12), at(10)), Some(Duration::from_millis(2100)));
        let token = |expiration: &str| BootstrapToken {
            data: BTreeMap::from([("expiration".to_string(), STANDARD.encode(expiration))]),
            ..BootstrapToken::default()
        };
        assert_eq!(token("1970-01-01T00:00:10Z").expires(), Some(at(10)));
        assert_eq!(token("").expires(), None);
        for unreadable in ["soon", "1970-01-01", "10"] {
            assert_eq!(left(token(unreadable).expires().expect("an end"), at(0)), None, "{unreadable}");
        }
        assert_eq!(BootstrapToken::default().expires(), None);
    }
}
