//! `kctl delete`

use crate::cluster::objects::{self, Item, Selection};
use crate::cluster::until::until;
use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{DryRun, Global, parse_duration};
use crate::output;
use crate::select::Targets;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Delete objects by file, name or selector, and wait until they are gone.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl delete -f web.yaml
  kctl delete pod web-1 web-2
  kctl delete pods,services -l app=web
  kctl delete pods --all
  kctl delete pod web-1 --now")]
pub struct Args {
    #[command(flatten)]
    targets: Targets,
    /// What becomes of the objects that these own: deleted later (background), before (foreground), or kept (orphan)
    #[arg(long, value_name = "HOW", default_value = "background", num_args = 0..=1, require_equals = true,
          default_missing_value = "background", value_parser = ["background", "foreground", "orphan"])]
    cascade: String,
    /// Seconds that an object gets to end by itself; -1 is the object's own time, 1 the least without --force
    #[arg(long, value_name = "SECONDS", default_value_t = -1, allow_negative_numbers = true)]
    grace_period: i64,
    /// Forget the object at once, whether or not its containers have ended
    #[arg(long)]
    force: bool,
    /// Stop it soon: the same as --grace-period=1
    #[arg(long)]
    now: bool,
    /// Wait until the objects are gone
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true",
          action = clap::ArgAction::Set, hide_default_value = true, value_name = "BOOL")]
    wait: bool,
    /// How long to wait; 0 waits as long as it takes
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    timeout: Duration,
    /// It is no error if an object does not exist
    #[arg(long)]
    ignore_not_found: bool,
    /// Say only what would be deleted
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: DryRun,
    /// Print type/name only
    #[arg(long, short, value_name = "FORMAT", value_parser = ["name"])]
    output: Option<String>,
}

/// What the flags about time come to: seconds to ask for, whether to forget at once, whether to wait.
#[derive(Debug, PartialEq, Eq)]
struct Grace {
    seconds: Option<i64>,
    forced: bool,
    wait: bool,
}

fn grace(args: &Args) -> Result<Grace, Error> {
    if args.now && args.grace_period >= 0 {
        return Err(Error::usage("--now and --grace-period cannot be specified together"));
    }
    let asked = if args.now { 1 } else { args.grace_period };
    let (seconds, forced) = match (asked, args.force) {
        (..0, true) | (0, true) => (Some(0), true),
        (..0, false) => (None, false),
        // Forgetting a running container by accident loses it; only --force does that.
        (0, false) => (Some(1), false),
        (1.., true) => {
            return Err(Error::usage("--force and --grace-period greater than 0 cannot be specified together"));
        }
        (seconds, false) => (Some(seconds), false),
    };
    Ok(Grace { seconds, forced, wait: args.wait && !forced })
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let grace = grace(&args)?;
    if args.targets.all && args.targets.selector.selector.is_some() {
        return Err(Error::usage("cannot set --all and --selector at the same time"));
    }
    if args.targets.is_empty() {
        return Err(Error::usage(
            "You must provide one or more resources by argument or filename.\nSee 'kctl delete -h' for help and examples",
        ));
    }
    let session = connect(global).await?;
    let Selection { items, mut errors } = objects::select(&session, args.targets.query(false)).await?;
    if items.is_empty() && errors.is_empty() && !args.ignore_not_found {
        output::line("No resources found")?;
    }
    if grace.forced {
        output::note(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. \
             The resource may continue to run on the cluster indefinitely.",
        );
    }
    let mut going = Vec::new();
    for item in items {
        match delete(&session, &item, &args, &grace).await {
            Ok(uid) => {
                output::line(sentence(&item, &args, &grace))?;
                going.push((item, uid));
            }
            Err(error) if args.ignore_not_found && error.is_not_found() => {}
            Err(error) => errors.push(match &item.source {
                Some(source) => error.context(&format!("error when deleting \"{source}\"")),
                None => error,
            }),
        }
    }
    if grace.wait && args.dry_run == DryRun::None {
        for (item, uid) in going {
            if let Err(error) = gone(&session, &item, uid, args.timeout).await {
                errors.push(error);
            }
        }
    }
    Error::collect(errors)
}

fn sentence(item: &Item, args: &Args, grace: &Grace) -> String {
    if args.output.is_some() {
        return item.title();
    }
    let how = if grace.forced { "force deleted" } else { "deleted" };
    format!("{} \"{}\" {how}{}", item.resource.short_type(), item.name, args.dry_run.suffix())
}

/// Asks for the deletion; the object's uid if the server tells it.
async fn delete(session: &Session, item: &Item, args: &Args, grace: &Grace) -> Result<Option<String>, Error> {
    if args.dry_run == DryRun::Client {
        return Ok(None);
    }
    let policy = match args.cascade.as_str() {
        "foreground" => "Foreground",
        "orphan" => "Orphan",
        _ => "Background",
    };
    let mut options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy});
    if let Some(seconds) = grace.seconds {
        options["gracePeriodSeconds"] = seconds.into();
    }
    if args.dry_run == DryRun::Server {
        options["dryRun"] = json!(["All"]);
    }
    let answer = session.json(Call::new(Method::DELETE, item.path()).json(&options)).await?;
    let uid = answer["metadata"]["uid"].as_str().or(answer["details"]["uid"].as_str());
    Ok(uid.map(str::to_string))
}

/// Waits until the object is gone or another has taken its name.
async fn gone(session: &Session, item: &Item, uid: Option<String>, timeout: Duration) -> Result<(), Error> {
    let progress = waiting(&format!("waiting for {} to be gone", item.title()));
    let limit = (!timeout.is_zero()).then_some(timeout);
    let done = until(session, item, limit, |object| {
        let gone = object.is_none_or(|object| uid.is_some() && object["metadata"]["uid"] != Value::from(uid.clone()));
        Ok(gone.then_some(()))
    })
    .await;
    progress.finish_and_clear();
    match done? {
        Some(()) => Ok(()),
        None => {
            Err(Error::usage(format!("timed out waiting for the condition on {}/{}", item.resource.plural, item.name)))
        }
    }
}

/// A line that moves while a person waits, and nothing at all for a script.
fn waiting(message: &str) -> indicatif::ProgressBar {
    if !output::stderr_is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let progress = indicatif::ProgressBar::new_spinner().with_message(message.to_string());
    progress.enable_steady_tick(Duration::from_millis(120));
    progress
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn of(line: &str) -> Result<Grace, Error> {
        grace(&Line::parse_from(format!("delete {line}").split_whitespace()).args)
    }

    #[test]
    fn nothing_is_forgotten_while_it_runs_unless_forced() {
        let plain = |seconds| Grace { seconds, forced: false, wait: true };
        assert_eq!(of("pod a").ok(), Some(plain(None)));
        assert_eq!(of("pod a --grace-period=0").ok(), Some(plain(Some(1))));
        assert_eq!(of("pod a --grace-period 7").ok(), Some(plain(Some(7))));
        assert_eq!(of("pod a --now").ok(), Some(plain(Some(1))));
        assert_eq!(of("pod a --force").ok(), Some(Grace { seconds: Some(0), forced: true, wait: false }));
        assert_eq!(of("pod a --wait=false").ok(), Some(Grace { seconds: None, forced: false, wait: false }));
    }

    #[test]
    fn contradicting_flags_are_refused() {
        for line in ["pod a --now --grace-period=3", "pod a --force --grace-period=3"] {
            assert!(of(line).is_err(), "{line}");
        }
    }
}
