//! Which credentials a registry is shown for an image: those of the pod's `imagePullSecrets` that match its name.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;

use super::image_name;

/// How Docker has always called its own registry.
const DOCKER_HUB: &str = "index.docker.io/v1";

#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    pub username: String,
    pub password: String,
    /// What the registry's owner exchanged the password for.
    pub identity_token: String,
}

/// A password is nobody's to read in a log.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials of {:?}", self.username)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    username: String,
    password: String,
    auth: String,
    identitytoken: String,
}

#[derive(Deserialize)]
struct Config {
    auths: BTreeMap<String, Entry>,
}

/// Credentials by the host, or host and path, that they are for, the most specific first.
#[derive(Default)]
pub struct Keyring {
    entries: Vec<(String, Credentials)>,
}

impl Keyring {
    /// Secrets of other types hold no credentials. What can't be read is told, the rest holds.
    pub fn of(secrets: &[Secret]) -> (Keyring, Vec<String>) {
        let mut keyring = Keyring::default();
        let mut unreadable = Vec::new();
        for secret in secrets {
            let content = |key: &str| secret.data.as_ref().and_then(|data| data.get(key)).map(|data| data.0.as_slice());
            let read = match secret.type_.as_deref() {
                Some("kubernetes.io/dockerconfigjson") => content(".dockerconfigjson")
                    .map(|bytes| serde_json::from_slice::<Config>(bytes).map(|config| config.auths)),
                Some("kubernetes.io/dockercfg") => content(".dockercfg").map(serde_json::from_slice),
                _ => None,
            };
            match read {
                None => {}
                Some(Ok(entries)) => keyring.add(entries),
                Some(Err(_)) => unreadable.push(secret.metadata.name.clone().unwrap_or_default()),
            }
        }
        keyring.entries.sort_by(|(a, _), (b, _)| b.cmp(a));
        (keyring, unreadable)
    }

    fn add(&mut self, entries: BTreeMap<String, Entry>) {
        for (place, entry) in entries {
            let place = place.trim_start_matches("https://").trim_start_matches("http://");
            let place = place.trim_end_matches('/');
            // A registry's address may end in the version of its protocol, which no image's name has.
            let place = match place {
                DOCKER_HUB => place,
                other => other.strip_suffix("/v1").or(other.strip_suffix("/v2")).unwrap_or(other),
            };
            self.entries.push((place.to_owned(), entry.credentials()));
        }
    }

    /// What to try for an image, in this order.
    pub fn lookup(&self, image: &str) -> Vec<&Credentials> {
        let name = image_name::qualified(image);
        let found: Vec<_> = self.entries.iter().filter(|(place, _)| matches(place, &name)).map(|(_, it)| it).collect();
        if !found.is_empty() || !name.starts_with("docker.io/") {
            return found;
        }
        self.entries.iter().filter(|(place, _)| place == DOCKER_HUB).map(|(_, it)| it).collect()
    }
}

impl Entry {
    /// `auth` is `user:password`, and says it all where it is.
    fn credentials(self) -> Credentials {
        let decoded = STANDARD.decode(self.auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
        let (username, password) = match pair {
            // Some programs pad it with zeros.
            Some((user, password)) => (user.to_owned(), password.trim_end_matches('\0').to_owned()),
            None => (self.username, self.password),
        };
        Credentials { username, password, identity_token: self.identitytoken }
    }
}

/// Each part of the host may be a pattern; the path is the beginning of the image's.
fn matches(place: &str, name: &str) -> bool {
    let (place_host, place_path) = place.split_once('/').unwrap_or((place, ""));
    let (host, path) = name.split_once('/').unwrap_or((name, ""));
    let parts = |host: &str| host.split(['.', ':']).map(str::to_owned).collect::<Vec<_>>();
    let (wanted, found) = (parts(place_host), parts(host));
    wanted.len() == found.len()
        && wanted.iter().zip(&found).all(|(pattern, part)| glob(pattern.as_bytes(), part.as_bytes()))
        && path.starts_with(place_path)
}

/// `*` is any number of characters, `?` is one.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => glob(rest, text) || text.split_first().is_some_and(|(_, tail)| glob(pattern, tail)),
        (Some((p, pattern)), Some((t, text))) => (*p == b'?' || p == t) && glob(pattern, text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use serde_json::{Value, json};

    use super::*;

    fn secret(kind: &str, key: &str, content: &Value) -> Secret {
        Secret {
            type_: Some(format!("kubernetes.io/{kind}")),
            data: Some([(key.to_owned(), ByteString(content.to_string().into_bytes()))].into()),
            ..Secret::default()
        }
    }

    fn entry(user: &str) -> Value {
        json!({"auth": STANDARD.encode(format!("{user}:secret"))})
    }

    #[test]
    fn an_image_is_shown_what_matches_its_name_the_most_specific_first() {
        let config = json!({"auths": {
            "https://index.docker.io/v1/": entry("hub"),
            "registry.example.com": entry("all"),
            "registry.example.com/team": {"username": "team", "password": "secret"},
            "https://registry.example.com:5000/v2/": entry("port"),
            "*.corp.example": entry("any"),
        }});
        let (keyring, unreadable) = Keyring::of(&[secret("dockerconfigjson", ".dockerconfigjson", &config)]);
        assert!(unreadable.is_empty());
        for (image, expected) in [
            ("nginx", vec!["hub"]),
            ("library/nginx:1", vec!["hub"]),
            ("docker.io/me/nginx", vec!["hub"]),
            ("registry.example.com/other/app", vec!["all"]),
            ("registry.example.com/team/app:1", vec!["team", "all"]),
            ("registry.example.com:5000/app", vec!["port"]),
            ("a.corp.example/app", vec!["any"]),
            ("a.b.corp.example/app", vec![]),
            ("elsewhere.example/app", vec![]),
        ] {
            let found: Vec<_> = keyring.lookup(image).iter().map(|found| found.username.as_str()).collect();
            assert_eq!(found, expected, "{image}");
            assert!(keyring.lookup(image).iter().all(|found| found.password == "secret"), "{image}");
        }
    }

    #[test]
    fn old_secrets_are_read_and_broken_ones_told_of() {
        let mut broken = secret("dockerconfigjson", ".dockerconfigjson", &json!("no object"));
        broken.metadata.name = Some("broken".into());
        let old = secret("dockercfg", ".dockercfg", &json!({"r.example": entry("old")}));
        let foreign = secret("tls", "tls.key", &json!({}));
        let (keyring, unreadable) = Keyring::of(&[broken, old, foreign]);
        assert_eq!(unreadable, ["broken"]);
        assert_eq!(keyring.lookup("r.example/app")[0].username, "old");
    }

    #[test]
    fn nothing_secret_is_printed() {
        let credentials = Credentials { username: "me".into(), password: "hush".into(), ..Credentials::default() };
        assert_eq!(format!("{credentials:?}"), "Credentials of \"me\"");
    }
}
