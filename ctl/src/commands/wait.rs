//! `kctl wait`

use crate::cluster::objects::{self, Item, Selection};
use crate::cluster::until::until;
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{Global, parse_duration};
use crate::output;
use crate::select::Targets;
use serde_json::Value;
use std::time::Duration;
use timonier_api::jsonpath::Template;

/// Wait until objects have a condition, are there, or are gone.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl wait --for=condition=Available deployment/web
  kctl wait --for=condition=Ready=false pod/web-1 --timeout=60s
  kctl wait --for=delete pod -l app=web
  kctl wait --for=jsonpath='{.status.phase}'=Running pod/web-1
  kctl wait --for=create configmap/settings")]
pub struct Args {
    #[command(flatten)]
    targets: Targets,
    /// condition=NAME[=VALUE], jsonpath='{PATH}'[=VALUE], create or delete
    #[arg(long = "for", value_name = "WHAT")]
    until: String,
    /// How long to wait for each object; 0 looks once, less than 0 waits a week
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = timeout, allow_hyphen_values = true)]
    timeout: Duration,
}

fn timeout(text: &str) -> Result<Duration, String> {
    match text.starts_with('-') {
        true => Ok(Duration::from_secs(7 * 24 * 3600)),
        false => parse_duration(text),
    }
}

/// What is waited for.
#[derive(Debug)]
enum Goal {
    Condition { name: String, value: String },
    Path { path: Template, value: Option<String> },
    Created,
    Deleted,
}

impl Goal {
    fn parse(text: &str) -> Result<Goal, Error> {
        let unknown = || Error::usage(format!("unrecognized condition: {text:?}"));
        match text.to_lowercase().as_str() {
            "delete" => return Ok(Goal::Deleted),
            "create" => return Ok(Goal::Created),
            _ => {}
        }
        match text.split_once('=').ok_or_else(unknown)? {
            ("condition", rest) if !rest.is_empty() => {
                let (name, value) = rest.split_once('=').unwrap_or((rest, "true"));
                Ok(Goal::Condition { name: name.to_string(), value: value.to_string() })
            }
            ("jsonpath", rest) => {
                let (path, value) = split_path(rest);
                if value.as_deref() == Some("") {
                    return Err(Error::usage(
                        "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3",
                    ));
                }
                Ok(Goal::Path { path: Template::parse_relaxed(path)?, value })
            }
            _ => Err(unknown()),
        }
    }

    fn is_met(&self, object: Option<&Value>) -> bool {
        match (self, object) {
            (Goal::Deleted, object) => object.is_none(),
            (_, None) => false,
            (Goal::Created, Some(_)) => true,
            (Goal::Condition { name, value }, Some(object)) => has_condition(object, name, value),
            (Goal::Path { path, value }, Some(object)) => {
                let found = path.values(object);
                match value {
                    None => !found.is_empty(),
                    Some(value) => matches!(found.as_slice(), [one] if text(one) == *value),
                }
            }
        }
    }
}

/// The path, which may hold `=` inside of its braces, and what should be there.
fn split_path(text: &str) -> (&str, Option<String>) {
    let end = match text.rfind('}') {
        Some(brace) => brace + 1,
        None => text.find('=').unwrap_or(text.len()),
    };
    let (path, rest) = text.split_at(end);
    let value = rest.strip_prefix('=').map(|value| value.trim_matches(['"', '\'']).to_string());
    (path.trim_matches('\''), value)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A condition about an older generation of the object does not count.
fn has_condition(object: &Value, name: &str, value: &str) -> bool {
    let generation = object["metadata"]["generation"].as_i64();
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|condition| {
        let same =
            |field: &str, wanted: &str| condition[field].as_str().is_some_and(|text| text.eq_ignore_ascii_case(wanted));
        let observed = condition["observedGeneration"].as_i64().or(object["status"]["observedGeneration"].as_i64());
        let stale = observed.is_some_and(|observed| generation.is_some_and(|generation| observed < generation));
        same("type", name) && same("status", value) && !stale
    })
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let goal = Goal::parse(&args.until)?;
    if args.targets.is_empty() {
        return Err(Error::usage("Required resource not specified.\nSee 'kctl wait -h' for help and examples"));
    }
    let session = connect(global).await?;
    let may_be_missing = matches!(goal, Goal::Deleted | Goal::Created);
    let Selection { items, mut errors } = objects::select(&session, args.targets.query(!may_be_missing)).await?;
    if items.is_empty() && errors.is_empty() && !matches!(goal, Goal::Deleted) {
        return Err(Error::usage("no matching resources found"));
    }
    let deadline = tokio::time::Instant::now() + args.timeout;
    for mut item in items {
        if matches!(goal, Goal::Deleted) && item.object.is_null() {
            match item.refresh(&session).await {
                Ok(()) => {}
                // It is gone already; there was nothing to wait for.
                Err(error) if error.is_not_found() => continue,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            }
        }
        let uid = item.object["metadata"]["uid"].clone();
        let limit = deadline.saturating_duration_since(tokio::time::Instant::now());
        let done = until(&session, &item, Some(limit.max(LOOK)), |object| {
            // Another object of the same name is not the one that was to go.
            let replaced =
                matches!(goal, Goal::Deleted) && !uid.is_null() && object.is_some_and(|o| o["metadata"]["uid"] != uid);
            Ok((replaced || goal.is_met(object)).then_some(()))
        });
        match done.await {
            Ok(Some(())) => output::line(format!("{} condition met", item.title()))?,
            Ok(None) => errors.push(timed_out(&item)),
            Err(error) => errors.push(error),
        }
    }
    Error::collect(errors)
}

/// Time for one look, also when the deadline has passed.
const LOOK: Duration = Duration::from_secs(1);

fn timed_out(item: &Item) -> Error {
    Error::usage(format!("timed out waiting for the condition on {}/{}", item.resource.plural, item.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod() -> Value {
        json!({
            "metadata": {"generation": 2},
            "status": {"phase": "Running", "readyReplicas": 3, "conditions": [
                {"type": "Ready", "status": "True", "observedGeneration": 2},
                {"type": "Old", "status": "True", "observedGeneration": 1},
            ]},
        })
    }

    #[track_caller]
    fn check(goal: &str, met: bool) {
        assert_eq!(Goal::parse(goal).expect(goal).is_met(Some(&pod())), met, "{goal}");
    }

    #[test]
    fn goals_are_written_as_for_kubectl() {
        check("condition=Ready", true);
        check("condition=ready=TRUE", true);
        check("condition=Ready=false", false);
        check("condition=Available", false);
        check("condition=Old", false);
        check("jsonpath={.status.phase}=Running", true);
        check("jsonpath='{.status.phase}'=Running", true);
        check("jsonpath={.status.phase}=Pending", false);
        check("jsonpath=.status.readyReplicas=3", true);
        check("jsonpath={.status.phase}", true);
        check("jsonpath={.status.missing}", false);
        check("jsonpath={.status.conditions[?(@.type==\"Ready\")].status}=True", true);
        check("create", true);
        check("delete", false);
        assert!(Goal::Deleted.is_met(None));
    }

    #[test]
    fn an_unknown_goal_is_refused() {
        for goal in ["", "ready", "conditions=Ready", "jsonpath={.a}="] {
            assert!(Goal::parse(goal).is_err(), "{goal}");
        }
    }
}
