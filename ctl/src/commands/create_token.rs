//! `kctl create token`: a token that speaks for a service account.

use crate::cluster::{Call, encode};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{self, Global, Output};
use crate::output;
use crate::print::{Format, objects};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Request a token for a service account and print it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl create token robot
  kctl create token robot --duration 10m --audience https://vault.example")]
pub struct Args {
    /// The service account
    name: String,
    /// Whom the token is shown to; repeatable [default: the API server]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// How long it is good for, at least 10m [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = flags::parse_duration)]
    duration: Option<Duration>,
    /// The kind of the object that the token ends with: Pod, Secret or Node
    #[arg(long, value_name = "KIND", requires = "bound_object_name")]
    bound_object_kind: Option<String>,
    /// The name of that object
    #[arg(long, value_name = "NAME", requires = "bound_object_kind")]
    bound_object_name: Option<String>,
    /// The uid of that object; without it, whichever has the name now
    #[arg(long, value_name = "UID", requires = "bound_object_kind")]
    bound_object_uid: Option<String>,
    #[command(flatten)]
    output: Output,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let format = args.output.output.as_deref().map(|format| Format::of(Some(format))).transpose()?;
    let session = connect(global).await?;
    let path =
        format!("/api/v1/namespaces/{}/serviceaccounts/{}/token", encode(session.namespace()), encode(&args.name));
    let answer = session.json(Call::new(Method::POST, path).json(&request(&args))).await?;
    match format {
        Some(format) => {
            let mut printer = objects::Printer::new(format, args.output.show_managed_fields);
            output::write(printer.print(&answer, &format!("tokenrequest.authentication.k8s.io/{}", args.name)))
        }
        None => match answer["status"]["token"].as_str() {
            Some(token) => output::line(token),
            None => Err(Error::Protocol("the answer holds no token".into())),
        },
    }
}

fn request(args: &Args) -> Value {
    let mut spec = json!({});
    if !args.audience.is_empty() {
        spec["audiences"] = json!(args.audience);
    }
    if let Some(duration) = args.duration {
        spec["expirationSeconds"] = duration.as_secs().into();
    }
    if let (Some(kind), Some(name)) = (&args.bound_object_kind, &args.bound_object_name) {
        spec["boundObjectRef"] = json!({"kind": kind, "apiVersion": "v1", "name": name});
        if let Some(uid) = &args.bound_object_uid {
            spec["boundObjectRef"]["uid"] = uid.as_str().into();
        }
    }
    json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_is_asked_for() {
        let args = |duration, kind: Option<&str>| Args {
            name: "robot".into(),
            audience: vec![],
            duration,
            bound_object_kind: kind.map(String::from),
            bound_object_name: kind.map(|_| "web".into()),
            bound_object_uid: None,
            output: Output::default(),
        };
        assert_eq!(request(&args(None, None))["spec"], json!({}));
        let asked = request(&args(Some(Duration::from_secs(600)), Some("Pod")));
        let reference = json!({"kind": "Pod", "apiVersion": "v1", "name": "web"});
        assert_eq!(asked["spec"], json!({"expirationSeconds": 600, "boundObjectRef": reference}));
    }
}
