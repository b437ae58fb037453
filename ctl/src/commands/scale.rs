//! `kctl scale`

use crate::cluster::objects::{self, Item, Selection};
use crate::cluster::until::until;
use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{DryRun, Global, parse_duration};
use crate::output;
use crate::select::Targets;
use serde_json::json;
use std::time::Duration;

/// Set how many replicas something has.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl scale deployment/web --replicas=5
  kctl scale deployment web api --replicas=0
  kctl scale deployment/web --current-replicas=3 --replicas=5")]
pub struct Args {
    #[command(flatten)]
    targets: Targets,
    /// How many replicas there should be
    #[arg(long, value_name = "N")]
    replicas: Option<u32>,
    /// Only if there should be this many now
    #[arg(long, value_name = "N")]
    current_replicas: Option<i64>,
    /// Only if the object has this resourceVersion
    #[arg(long, value_name = "VERSION")]
    resource_version: Option<String>,
    /// Wait this long for the replicas to be there; 0 does not wait
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    timeout: Duration,
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    /// Say only what would be done
    dry_run: DryRun,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let Some(replicas) = args.replicas else {
        return Err(Error::usage(
            "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0",
        ));
    };
    let session = connect(global).await?;
    let Selection { items, mut errors } = objects::select(&session, args.targets.query(false)).await?;
    if items.is_empty() && errors.is_empty() {
        return Err(Error::usage("no objects passed to scale"));
    }
    for mut item in items {
        match scale(&session, &mut item, replicas, &args).await {
            Ok(()) => output::line(format!("{} scaled{}", item.title(), args.dry_run.suffix()))?,
            Err(error) => errors.push(error),
        }
    }
    Error::collect(errors)
}

async fn scale(session: &Session, item: &mut Item, replicas: u32, args: &Args) -> Result<(), Error> {
    let mut patch = json!({"spec": {"replicas": replicas}});
    if args.current_replicas.is_some() || args.resource_version.is_some() {
        let now = session.json(Call::get(item.path() + "/scale")).await?;
        let version = now["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let count = now["spec"]["replicas"].as_i64().unwrap_or(0);
        if let Some(expected) = args.current_replicas.filter(|expected| *expected >= 0 && *expected != count) {
            return Err(Error::usage(format!("Expected replicas to be {expected}, was {count}")));
        }
        if let Some(expected) = args.resource_version.as_ref().filter(|expected| *expected != version) {
            return Err(Error::usage(format!("Expected resource version to be {expected}, was {version}")));
        }
        // What was looked at is what is changed.
        patch["metadata"] = json!({"resourceVersion": version});
    }
    if args.dry_run != DryRun::Client {
        item.patch(session, "/scale", "application/merge-patch+json", &patch, args.dry_run == DryRun::Server).await?;
    }
    if args.timeout.is_zero() || args.dry_run != DryRun::None {
        return Ok(());
    }
    let done = until(session, item, Some(args.timeout), |object| {
        let reached = object.is_some_and(|object| {
            let seen = object["status"]["observedGeneration"].as_i64() >= object["metadata"]["generation"].as_i64();
            seen && object["status"]["replicas"].as_u64().unwrap_or(0) == u64::from(replicas)
        });
        Ok(reached.then_some(()))
    });
    done.await?.ok_or_else(|| Error::usage("timed out waiting for the condition"))
}
