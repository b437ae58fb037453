//! Bootstrap tokens: Secrets of a known form in `kube-system` with which a machine may ask to become a node, for a while.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use timonier_store::{Snapshot, Store};

use crate::identity::{BOOTSTRAPPERS, Identity};
use crate::object::{Object, meta};

const TYPE: &str = "bootstrap.kubernetes.io/token";

/// `ID.SECRET`: six and sixteen of `a-z` and `0-9`.
fn parse(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (id.len() == 6 && secret.len() == 16 && plain(id) && plain(secret)).then_some((id, secret))
}

/// Whom the token speaks for; `None` when there is no such token, or its time is over.
pub async fn authenticate(store: &Store, token: &str) -> Option<Identity> {
    let (id, secret) = parse(token)?;
    let now = Timestamp::now();
    let identity = find(&store.snapshot(), id).and_then(|stored| identity(&stored, id, secret, now));
    match identity {
        Some(identity) => Some(identity),
        // It may have been made through another server a moment ago.
        None => find(&store.fresh().await.ok()?, id).and_then(|stored| self::identity(&stored, id, secret, now)),
    }
}

fn find(snapshot: &Snapshot, id: &str) -> Option<Value> {
    let entry = snapshot.get(&format!("secrets/kube-system/bootstrap-token-{id}"))?;
    Object::of(entry).ok()?.stored_value().ok()
}

fn identity(secret: &Value, id: &str, given: &str, now: Timestamp) -> Option<Identity> {
    let data = |key: &str| {
        let bytes = STANDARD.decode(secret["data"][key].as_str()?).ok()?;
        String::from_utf8(bytes).ok()
    };
    if secret["type"] != TYPE || meta::is_deleting(secret) || data("token-id")? != id {
        return None;
    }
    if !same(&data("token-secret")?, given) || data("usage-bootstrap-authentication")? != "true" {
        return None;
    }
    if let Some(expiration) = data("expiration").filter(|text| !text.is_empty()) {
        // A time that cannot be read is one that has passed.
        let at: Timestamp = expiration.parse().ok()?;
        if at <= now {
            return None;
        }
    }
    let extra = data("auth-extra-groups").unwrap_or_default();
    let extra: Vec<&str> = extra.split(',').map(str::trim).filter(|group| !group.is_empty()).collect();
    // A token never carries a group that means anything elsewhere.
    if !extra.iter().all(|group| group.strip_prefix(BOOTSTRAPPERS).is_some_and(|rest| rest.starts_with(':'))) {
        return None;
    }
    let groups: Vec<&str> = std::iter::once(BOOTSTRAPPERS).chain(extra).collect();
    Some(Identity::new(format!("system:bootstrap:{id}"), &groups))
}

/// Compares without telling by its time where they differ.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(change: &[(&str, &str)]) -> Value {
        let mut data = serde_json::Map::new();
        let all =
            [("token-id", "abcdef"), ("token-secret", "0123456789abcdef"), ("usage-bootstrap-authentication", "true")];
        for (key, value) in all.iter().chain(change) {
            data.insert(key.to_string(), STANDARD.encode(value).into());
        }
        json!({"type": TYPE, "metadata": {"name": "bootstrap-token-abcdef"}, "data": data})
    }

    fn who(secret: &Value, given: &str) -> Option<String> {
        let now = "2026-01-01T12:00:00Z".parse().expect("a time");
        identity(secret, "abcdef", given, now)
            .map(|identity| format!("{} {}", identity.user, identity.groups.join(",")))
    }

    #[test]
    fn a_token_is_its_own_user_until_it_expires() {
        let right = "0123456789abcdef";
        let plain = "system:bootstrap:abcdef system:bootstrappers,system:authenticated";
        assert_eq!(who(&secret(&[]), right).as_deref(), Some(plain));
        assert_eq!(who(&secret(&[("expiration", "2026-01-01T12:00:01Z")]), right).as_deref(), Some(plain));
        let refused = [
            secret(&[("expiration", "2026-01-01T12:00:00Z")]),
            secret(&[("expiration", "tomorrow")]),
            secret(&[("usage-bootstrap-authentication", "false")]),
            secret(&[("token-id", "ghijkl")]),
            secret(&[("auth-extra-groups", "system:masters")]),
            secret(&[("auth-extra-groups", "system:bootstrappersx")]),
        ];
        for secret in refused {
            assert_eq!(who(&secret, right), None, "{secret}");
        }
        assert_eq!(who(&secret(&[]), "0123456789abcdeX"), None);
        let mut opaque = secret(&[]);
        opaque["type"] = "Opaque".into();
        assert_eq!(who(&opaque, right), None);
        let grouped = who(&secret(&[("auth-extra-groups", "system:bootstrappers:workers")]), right).expect("is known");
        assert!(grouped.contains("system:bootstrappers:workers"), "{grouped}");
    }

    #[test]
    fn only_text_of_the_right_form_is_looked_up() {
        assert_eq!(parse("abcdef.0123456789abcdef"), Some(("abcdef", "0123456789abcdef")));
        for wrong in ["", "abcdef", "abcde.0123456789abcdef", "ABCDEF.0123456789abcdef", "abc/ef.0123456789abcdef"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
