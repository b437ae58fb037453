//! `kctl rollout`

use super::logs::pod_selector;
use crate::cluster::Session;
use crate::cluster::objects::{self, Item, Selection, list};
use crate::cluster::until::until;
use crate::connect::connect;
use crate::describe;
use crate::error::Error;
use crate::flags::{DryRun, Files, Global, parse_duration};
use crate::output;
use crate::rollout::history::{self, Undo};
use crate::rollout::sets;
use crate::rollout::status::{Progress, progress};
use crate::select::Query;
use crate::select::Selector;
use clap::Subcommand;
use serde_json::{Value, json};
use std::time::Duration;

/// Follow, look back on and undo changes of a Deployment, StatefulSet or DaemonSet.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl rollout status deployment/web
  kctl rollout history deployment/web --revision=2
  kctl rollout undo deployment/web --to-revision=1
  kctl rollout restart deployment/web
  kctl rollout undo statefulset/db")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Show how far the rollout is and wait until it is done
    Status {
        #[command(flatten)]
        which: Which,
        /// Wait until it is done
        #[arg(long, short, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true",
              action = clap::ArgAction::Set, hide_default_value = true, value_name = "BOOL")]
        watch: bool,
        /// How long to wait; 0 waits as long as it takes
        #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
        timeout: Duration,
        /// Only this revision counts; 0 is any
        #[arg(long, value_name = "N", default_value_t = 0)]
        revision: u64,
    },
    /// Show the revisions, or what one of them runs
    History {
        #[command(flatten)]
        which: Which,
        /// Show the pods' template of this revision
        #[arg(long, value_name = "N", default_value_t = 0)]
        revision: u64,
    },
    /// Go back to an earlier revision
    Undo {
        #[command(flatten)]
        which: Which,
        /// The revision; 0 is the one before the present
        #[arg(long, value_name = "N", default_value_t = 0)]
        to_revision: u64,
        /// Say only what would be done
        #[arg(long, value_enum, default_value_t, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
        dry_run: DryRun,
    },
    /// Replace all pods, a few at a time
    Restart(Which),
    /// Do not act on changes until resumed
    Pause(Which),
    /// Act on changes again
    Resume(Which),
}

#[derive(clap::Args, Debug)]
struct Which {
    /// TYPE/NAME… or TYPE NAME…
    #[arg(value_name = "TYPE[/NAME]")]
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// Objects whose labels match
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
}

const DEPLOYMENTS: &str = "deployments.apps";
const STATEFUL_SETS: &str = "statefulsets.apps";
const DAEMON_SETS: &str = "daemonsets.apps";

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    let session = &session;
    match args.action {
        Action::Status { which, watch, timeout, revision } => {
            each(session, &which, async |item| status(session, item, watch, timeout, revision).await).await
        }
        Action::History { which, revision } => {
            each(session, &which, async |item| show_history(session, item, revision).await).await
        }
        Action::Undo { which, to_revision, dry_run } => {
            each(session, &which, async |item| undo(session, item, to_revision, dry_run).await).await
        }
        Action::Restart(which) => each(session, &which, async |item| restart(session, item).await).await,
        Action::Pause(which) => each(session, &which, async |item| pause(session, item, true).await).await,
        Action::Resume(which) => each(session, &which, async |item| pause(session, item, false).await).await,
    }
}

/// Does it for each selected object; one that fails does not keep the others.
async fn each(session: &Session, which: &Which, act: impl AsyncFn(Item) -> Result<(), Error>) -> Result<(), Error> {
    if which.words.is_empty() && which.files.filename.is_empty() {
        return Err(Error::usage("required resource not specified"));
    }
    let selector = Selector { selector: which.selector.clone(), ..Selector::default() };
    let query = Query { words: &which.words, files: Some(&which.files), selector: &selector, all: true, read: true };
    let Selection { items, mut errors } = objects::select(session, query).await?;
    for item in items {
        let done = match item.resource.group_resource().as_str() {
            DEPLOYMENTS | STATEFUL_SETS | DAEMON_SETS => act(item).await,
            other => Err(Error::usage(format!(
                "no rollouts of {other}: Deployments, StatefulSets and DaemonSets are rolled out in revisions"
            ))),
        };
        match done {
            Err(error @ Error::Output(_)) => return Err(error),
            Err(error) => errors.push(error),
            Ok(()) => {}
        }
    }
    Error::collect(errors)
}

/// Only a Deployment says which revision it is at.
fn progress_of(item: &Item, object: &Value, revision: u64) -> Progress {
    match item.resource.group_resource().as_str() {
        STATEFUL_SETS => sets::stateful_set(object),
        DAEMON_SETS => sets::daemon_set(object),
        _ => progress(object, revision),
    }
}

fn is_deployment(item: &Item) -> bool {
    item.resource.group_resource() == DEPLOYMENTS
}

async fn status(session: &Session, item: Item, watch: bool, timeout: Duration, revision: u64) -> Result<(), Error> {
    if !watch {
        return match progress_of(&item, &item.object, revision) {
            Progress::Waiting(text) | Progress::Done(text) => output::line(text),
            Progress::Failed(text) => Err(Error::usage(text)),
        };
    }
    let limit = (!timeout.is_zero()).then_some(timeout);
    let mut said = String::new();
    let wait = until(session, &item, limit, |object| {
        let Some(object) = object else { return Err(Error::usage("object has been deleted")) };
        match progress_of(&item, object, revision) {
            Progress::Waiting(text) if text == said => Ok(None),
            Progress::Waiting(text) => {
                output::line(&text)?;
                said = text;
                Ok(None)
            }
            Progress::Done(text) => output::line(text).map(Some),
            Progress::Failed(text) => Err(Error::usage(text)),
        }
    });
    tokio::select! {
        done = wait => done?.ok_or_else(|| Error::usage("timed out waiting for the condition")),
        _ = tokio::signal::ctrl_c() => Err(Error::Exit(130)),
    }
}

/// What keeps its past, by revision: a Deployment's ReplicaSets, or others' ControllerRevisions.
async fn revisions(session: &Session, item: &Item) -> Result<Vec<Value>, Error> {
    let catalog = session.catalog().await?;
    let selector = Selector { selector: Some(pod_selector(item)?), ..Selector::default() };
    let kept = if is_deployment(item) { "replicasets.apps" } else { "controllerrevisions.apps" };
    let sets = list(&session.in_namespace(&item.namespace), catalog.resolve(kept)?, &selector).await?;
    Ok(history::owned(&item.object, sets.into_iter().map(|set| set.object).collect()))
}

async fn show_history(session: &Session, item: Item, revision: u64) -> Result<(), Error> {
    let owned = revisions(session, &item).await?;
    if revision == 0 {
        return output::line(format!("{} \n{}", item.title(), history::table(&owned)));
    }
    let Some(set) = owned.iter().find(|set| history::revision(set) == revision) else {
        return Err(Error::usage("unable to find the specified revision"));
    };
    let template = if is_deployment(&item) { set["spec"]["template"].clone() } else { sets::template(set) };
    let template = describe::pod_template(&template);
    output::line(format!("{} with revision #{revision}\n{template}", item.title()))
}

async fn undo(session: &Session, mut item: Item, to: u64, dry_run: DryRun) -> Result<(), Error> {
    let owned = revisions(session, &item).await?;
    let (undo, kind) = if is_deployment(&item) {
        (history::undo(&item.object, &owned, to), "application/json-patch+json")
    } else {
        (sets::undo(&item.object, &owned, to), "application/strategic-merge-patch+json")
    };
    match undo.map_err(Error::Usage)? {
        Undo::Nothing(revision) => output::line(format!(
            "{} skipped rollback (current template already matches revision {revision})",
            item.title()
        )),
        Undo::Patch(patch) => {
            if dry_run != DryRun::Client {
                let server = dry_run == DryRun::Server;
                item.patch(session, "", kind, &patch, server).await?;
            }
            output::line(format!("{} rolled back{}", item.title(), dry_run.suffix()))
        }
    }
}

async fn restart(session: &Session, mut item: Item) -> Result<(), Error> {
    if item.object["spec"]["paused"] == true {
        return Err(Error::usage(format!(
            "deployments.apps {:?} can't restart paused deployment (run rollout resume first)",
            item.name
        )));
    }
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let annotations = json!({"kubectl.kubernetes.io/restartedAt": now});
    let patch = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
    item.patch(session, "", "application/strategic-merge-patch+json", &patch, false).await?;
    output::line(format!("{} restarted", item.title()))
}

async fn pause(session: &Session, mut item: Item, paused: bool) -> Result<(), Error> {
    if !is_deployment(&item) {
        let what = if paused { "pausing" } else { "resuming" };
        return Err(Error::usage(format!(
            "{} {:?} {what} is not supported",
            item.resource.group_resource(),
            item.name
        )));
    }
    let is_paused = item.object["spec"]["paused"] == true;
    if is_paused == paused {
        let what = if paused { "is already paused" } else { "is not paused" };
        return Err(Error::usage(format!("deployments.apps {:?} {what}", item.name)));
    }
    let patch = json!({"spec": {"paused": paused}});
    item.patch(session, "", "application/strategic-merge-patch+json", &patch, false).await?;
    output::line(format!("{} {}", item.title(), if paused { "paused" } else { "resumed" }))
}
