//! `kctl drain`: takes a node out of use and its pods away.

use super::cordon::{self, Nodes};
use crate::cluster::objects::{self, Item, Selection};
use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::drain::evict::{self, Means};
use crate::drain::filter::{Allowed, DaemonSet, Verdict, controller, full_name, told, verdict};
use crate::error::Error;
use crate::flags::{DryRun, Global, parse_duration};
use crate::output;
use crate::select::Selector;
use std::time::Duration;

/// Cordon nodes and evict their pods, so that the machines may be worked on.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl drain node-1 --ignore-daemonsets
  kctl drain node-1 --force --grace-period=30
  kctl uncordon node-1")]
pub struct Args {
    #[command(flatten)]
    nodes: Nodes,
    /// Also evict pods that no controller would make anew
    #[arg(long)]
    force: bool,
    /// Leave the pods of DaemonSets, which would only come back
    #[arg(long)]
    ignore_daemonsets: bool,
    /// Also evict pods whose emptyDir volumes are lost with them
    #[arg(long, alias = "delete-local-data")]
    delete_emptydir_data: bool,
    /// Seconds that each pod gets to end by itself; -1 is the pod's own time
    #[arg(long, value_name = "SECONDS", default_value_t = -1, allow_negative_numbers = true)]
    grace_period: i64,
    /// How long to wait; 0 waits as long as it takes
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    timeout: Duration,
    /// Only pods whose labels match
    #[arg(long, value_name = "SELECTOR")]
    pod_selector: Option<String>,
    /// Delete pods instead of evicting them: no disruption budget is asked
    #[arg(long)]
    disable_eviction: bool,
    /// Do not wait for pods that have been ending for more than this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    skip_wait_for_delete_timeout: u32,
    /// Objects a page of a list
    #[arg(long, value_name = "N", default_value_t = 500, hide = true)]
    chunk_size: u32,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    let Selection { items: mut nodes, errors } = cordon::find(&session, &args.nodes, "drain").await?;
    Error::collect(errors)?;
    for node in &mut nodes {
        cordon::set(&session, node, true, args.nodes.dry_run).await?;
    }
    let mut left = Vec::new();
    for node in nodes {
        match empty(&session, &node, &args).await {
            Ok(()) => output::line(format!("{} drained{}", node.title(), args.nodes.dry_run.suffix()))?,
            Err(error) => {
                let (name, words) = (&node.name, in_words(&error));
                output::note(format!(
                    "error: unable to drain node {name:?} due to error: {words}, continuing command..."
                ));
                left.push((node.name, error));
            }
        }
    }
    if !left.is_empty() {
        output::note("There are pending nodes to be drained:");
        left.iter().for_each(|(node, _)| output::note(format!(" {node}")));
    }
    if left.is_empty() {
        return Ok(());
    }
    left.into_iter().for_each(|(_, error)| say(error));
    Err(Error::Exit(1))
}

/// Each error on a line of its own, bare where the words are ours.
fn say(error: Error) {
    match error {
        Error::Many(errors) => errors.into_iter().for_each(say),
        Error::Usage(words) => output::note(words),
        other => output::note(other.report()),
    }
}

/// Errors as they are told within a sentence.
fn in_words(error: &Error) -> String {
    match error {
        Error::Many(errors) => format!("[{}]", errors.iter().map(Error::to_string).collect::<Vec<_>>().join(", ")),
        one => one.to_string(),
    }
}

async fn empty(session: &Session, node: &Item, args: &Args) -> Result<(), Error> {
    let found = look(session, &node.name, args).await?;
    if !found.warnings.is_empty() {
        output::note(format!("Warning: {}", found.warnings.join("; ")));
    }
    if args.nodes.dry_run == DryRun::Client {
        for pod in &found.going {
            output::line(format!("evicting pod {} (dry run)", full_name(&pod.object)))?;
        }
        return Ok(());
    }
    let means = Means {
        grace_period: args.grace_period,
        disable_eviction: args.disable_eviction,
        timeout: (!args.timeout.is_zero()).then_some(args.timeout),
        dry_run: args.nodes.dry_run,
    };
    let Err(error) = evict::all(session, found.going, means).await else { return Ok(()) };
    if let Ok(pending) = look(session, &node.name, args).await
        && !pending.going.is_empty()
    {
        output::note(format!(
            "There are pending pods in node {:?} when an error occurred: {}",
            node.name,
            in_words(&error)
        ));
        pending.going.iter().for_each(|pod| output::note(pod.title()));
    }
    Err(error)
}

struct Found {
    going: Vec<Item>,
    warnings: Vec<String>,
}

/// The pods of a node that shall go; an error for those that nobody may make go.
async fn look(session: &Session, node: &str, args: &Args) -> Result<Found, Error> {
    let allowed = Allowed {
        force: args.force,
        ignore_daemon_sets: args.ignore_daemonsets,
        delete_empty_dir: args.delete_emptydir_data,
        skip_after: args.skip_wait_for_delete_timeout.into(),
    };
    let selector = Selector {
        selector: args.pod_selector.clone(),
        field_selector: Some(format!("spec.nodeName={node}")),
        all_namespaces: true,
    };
    let pods = session.catalog().await?.expand("pods")?;
    let Some(pods) = pods.first() else { return Err(Error::Protocol("the server serves no pods".into())) };
    let now = jiff::Timestamp::now().as_second();
    let mut found = Found { going: Vec::new(), warnings: Vec::new() };
    let (mut warned, mut refused) = (Vec::new(), Vec::new());
    for pod in objects::list(session, pods, &selector).await? {
        let daemon_set = daemon_set(session, &pod).await?;
        match verdict(&pod.object, &allowed, daemon_set, now) {
            Verdict::Evict => found.going.push(pod),
            Verdict::EvictBut(words) => {
                warned.push((words, pod.object.clone()));
                found.going.push(pod);
            }
            Verdict::Skip(Some(words)) => warned.push((words.to_string(), pod.object)),
            Verdict::Skip(None) => {}
            Verdict::Refuse(words) => refused.push((format!("cannot delete {words}"), pod.object)),
        }
    }
    found.warnings = told(warned.iter().map(|(words, pod)| (words.clone(), pod)));
    let refused = told(refused.iter().map(|(words, pod)| (words.clone(), pod)));
    Error::collect(refused.into_iter().map(Error::usage).collect())?;
    Ok(found)
}

/// Whether the DaemonSet that the pod names is there; None for a pod of another owner.
async fn daemon_set(session: &Session, pod: &Item) -> Result<Option<DaemonSet>, Error> {
    let Some(("DaemonSet", name)) = controller(&pod.object) else { return Ok(None) };
    let path = format!("/apis/apps/v1/namespaces/{}/daemonsets/{name}", pod.namespace);
    match session.json(Call::get(path)).await {
        Ok(_) => Ok(Some(DaemonSet::There)),
        Err(error) if error.is_not_found() => Ok(Some(DaemonSet::Gone)),
        Err(error) => Err(error),
    }
}
