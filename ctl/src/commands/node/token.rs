//! `kctl node token`: the secrets with which a machine may ask to become a node.

use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{self, Global};
use crate::join::{cluster_info, pin};
use crate::output;
use crate::print::tabwriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use serde_json::{Value, json};
use std::time::Duration;

const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";
const TYPE: &str = "bootstrap.kubernetes.io/token";
const NAME_PREFIX: &str = "bootstrap-token-";

/// Make, list and delete the tokens that `kctl node join` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make a token and print the command that joins a machine with it
    Create {
        /// How long machines may join with it, such as 30m or 24h; 0 is for ever
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = flags::parse_duration)]
        ttl: Duration,
        /// What it is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
        /// Print only the token
        #[arg(long, short)]
        quiet: bool,
    },
    /// List the tokens
    List,
    /// Delete tokens; nodes that joined with them stay
    Delete {
        /// Whole tokens, or what stands before the dot
        #[arg(required = true, value_name = "TOKEN")]
        tokens: Vec<String>,
    },
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    match args.command {
        Command::Create { ttl, description, quiet } => create(&session, ttl, &description, quiet).await,
        Command::List => list(&session).await,
        Command::Delete { tokens } => delete(&session, &tokens).await,
    }
}

/// `length` letters and digits.
fn random(length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// The Secret of a token, in the form that Kubernetes gives it.
fn secret(id: &str, secret: &str, expires: Option<Timestamp>, description: &str) -> Value {
    let mut data = json!({
        "token-id": id, "token-secret": secret,
        "usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
    });
    if let Some(expires) = expires {
        data["expiration"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    }
    if !description.is_empty() {
        data["description"] = description.into();
    }
    json!({"apiVersion": "v1", "kind": "Secret", "type": TYPE, "stringData": data,
        "metadata": {"name": format!("{NAME_PREFIX}{id}"), "namespace": "kube-system"}})
}

async fn create(session: &Session, ttl: Duration, description: &str, quiet: bool) -> Result<(), Error> {
    let expires = match ttl {
        Duration::ZERO => None,
        ttl => {
            let ttl = SignedDuration::try_from(ttl).map_err(|_| Error::usage("--ttl is too long"))?;
            Some(Timestamp::now().checked_add(ttl).map_err(|_| Error::usage("--ttl is too long"))?)
        }
    };
    // Before anything is made: a token that nobody can use is of no use.
    let info = cluster_info::published(session).await?;
    let (id, key) = (random(6), random(16));
    session.json(Call::new(Method::POST, SECRETS).json(&secret(&id, &key, expires, description))).await?;
    let token = format!("{id}.{key}");
    if quiet {
        return output::line(token);
    }
    if info.is_local() {
        output::note(format!(
            "warning: {} is reached from this machine only. For other machines, start the cluster on an address \
             that they reach:\n  kctl down && kctl up --bind-address ADDRESS",
            info.server
        ));
    }
    output::line(format!(
        "kctl node join {} --token {token} --ca-cert-hash {}",
        info.server,
        pin::of_pem(&info.ca_pem).map_err(Error::Protocol)?
    ))
}

async fn list(session: &Session) -> Result<(), Error> {
    let found = session.json(Call::get(SECRETS).query("fieldSelector", format!("type={TYPE}"))).await?;
    let now = Timestamp::now();
    let rows: Vec<String> = found["items"].as_array().into_iter().flatten().map(|item| row(item, now)).collect();
    if rows.is_empty() {
        output::note("There are no tokens; make one with `kctl node token create`.");
        return Ok(());
    }
    let table = format!("TOKEN\tTTL\tEXPIRES\tUSAGES\tDESCRIPTION\n{}\n", rows.join("\n"));
    output::write(tabwriter::align(&table, tabwriter::TABLE))
}

/// A token as a line of the list.
fn row(secret: &Value, now: Timestamp) -> String {
    let data = |key: &str| {
        let decoded = secret["data"][key].as_str().and_then(|text| STANDARD.decode(text).ok());
        decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    };
    let (ttl, expires) = match data("expiration") {
        text if text.is_empty() => ("<forever>".to_string(), "<never>".to_string()),
        text => match text.parse::<Timestamp>() {
            Ok(at) if at > now => (timonier_api::duration::human(at.as_second() - now.as_second()), text),
            Ok(_) => ("<expired>".to_string(), text),
            Err(_) => ("<invalid>".to_string(), text),
        },
    };
    let usages: Vec<&str> =
        [("authentication", "usage-bootstrap-authentication"), ("signing", "usage-bootstrap-signing")]
            .into_iter()
            .filter(|(_, key)| data(key) == "true")
            .map(|(word, _)| word)
            .collect();
    let or_none = |text: String| if text.is_empty() { "<none>".to_string() } else { text };
    format!(
        "{}.{}\t{ttl}\t{expires}\t{}\t{}",
        data("token-id"),
        data("token-secret"),
        or_none(usages.join(",")),
        or_none(data("description"))
    )
}

async fn delete(session: &Session, tokens: &[String]) -> Result<(), Error> {
    let mut errors = vec![];
    for token in tokens {
        let id = token.split('.').next().unwrap_or_default();
        let path = format!("{SECRETS}/{NAME_PREFIX}{}", crate::cluster::encode(id));
        match session.json(Call::new(Method::DELETE, path)).await {
            Ok(_) => output::line(format!("token {id:?} deleted"))?,
            Err(error) if error.is_not_found() => errors.push(Error::usage(format!("there is no token {id:?}"))),
            Err(error) => errors.push(error),
        }
    }
    Error::collect(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_secret_in_kubernetes_own_form() {
        let expires = "2026-01-01T00:00:00Z".parse().ok();
        let made = secret("abcdef", "0123456789abcdef", expires, "for the lab");
        assert_eq!(made["metadata"]["name"], "bootstrap-token-abcdef");
        assert_eq!(made["type"], TYPE);
        assert_eq!(made["stringData"]["expiration"], "2026-01-01T00:00:00Z");
        assert_eq!(made["stringData"]["usage-bootstrap-authentication"], "true");
        assert_eq!(secret("a", "b", None, "")["stringData"].get("expiration"), None);
    }

    #[test]
    fn a_row_says_how_long_a_token_is_good_for() {
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        let item = |expiration: &str| {
            let data = [
                ("token-id", "abcdef"),
                ("token-secret", "s"),
                ("usage-bootstrap-signing", "true"),
                ("expiration", expiration),
            ];
            let data: serde_json::Map<String, Value> =
                data.into_iter().map(|(key, text)| (key.to_string(), STANDARD.encode(text).into())).collect();
            row(&json!({"data": data}), now)
        };
        assert_eq!(item(""), "abcdef.s\t<forever>\t<never>\tsigning\t<none>");
        assert!(item("2026-01-01T01:00:00Z").contains("\t60m\t"), "{}", item("2026-01-01T01:00:00Z"));
        assert!(item("2025-01-01T01:00:00Z").contains("\t<expired>\t"));
    }

    #[test]
    fn what_is_random_has_the_right_letters() {
        let text = random(64);
        assert!(text.len() == 64 && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{text}");
        assert_ne!(random(16), random(16));
    }
}
