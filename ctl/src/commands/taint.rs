//! `kctl taint`

use crate::cluster::Session;
use crate::cluster::objects::{self, Item, Selection};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{DryRun, Global, Output};
use crate::output;
use crate::print::{Format, objects as render};
use crate::select::Query;
use crate::select::Selector;
use crate::taints::{Change, is_taint};
use serde_json::{Value, json};

/// Keep pods that do not tolerate it away from nodes.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl taint nodes node-1 dedicated=build:NoSchedule
  kctl taint nodes node-1 dedicated:NoSchedule-
  kctl taint nodes -l zone=a drained:NoExecute --overwrite
  kctl taint nodes node-1 dedicated-")]
pub struct Args {
    /// nodes NAME…, then KEY=VALUE:EFFECT or KEY:EFFECT to set, KEY:EFFECT- or KEY- to remove
    #[arg(value_name = "NODE KEY=VALUE:EFFECT")]
    words: Vec<String>,
    #[command(flatten)]
    output: Output,
    /// Nodes whose labels match
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
    /// All nodes
    #[arg(long)]
    all: bool,
    /// Change what is set already
    #[arg(long)]
    overwrite: bool,
    /// Say only what would be done
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: DryRun,
}

/// Writes of others in between that are put up with.
const ATTEMPTS: usize = 5;

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let first = args.words.iter().position(|word| is_taint(word)).unwrap_or(args.words.len());
    let (words, taints) = args.words.split_at(first);
    if let Some(word) = taints.iter().find(|word| !is_taint(word)) {
        return Err(Error::usage(format!("all resources must be specified before taint changes: {word}")));
    }
    if words.is_empty() {
        return Err(Error::usage("one or more resources must be specified as <resource> <name>"));
    }
    let change = Change::parse(taints)?;
    if change.is_empty() {
        return Err(Error::usage("at least one taint update is required"));
    }
    let kind = words.first().map_or("", |word| word.split('/').next().unwrap_or(word));
    if !matches!(kind, "node" | "nodes" | "no") {
        return Err(Error::usage(format!("invalid resource type {kind}, only node(s) is supported")));
    }
    let format = Format::of(args.output.output.as_deref())?;
    let session = connect(global).await?;
    let selector = Selector { selector: args.selector.clone(), ..Selector::default() };
    let query = Query { words, files: None, selector: &selector, all: args.all, read: true };
    let Selection { items, mut errors } = objects::select(&session, query).await?;
    let mut printer = render::Printer::new(format, args.output.show_managed_fields);
    for mut node in items {
        match taint(&session, &mut node, &change, &args).await {
            Ok(done) if printer.is_table() => {
                // kubectl does not say here whether it was a rehearsal.
                output::line(format!("{} {done}", node.title()))?;
            }
            Ok(_) => output::write(printer.print(&node.object, &node.title()))?,
            Err(error) => errors.push(error),
        }
    }
    Error::collect(errors)
}

/// The list is written whole, so only over the very state that it was made from.
async fn taint(session: &Session, node: &mut Item, change: &Change, args: &Args) -> Result<&'static str, Error> {
    for _ in 1..ATTEMPTS {
        match try_taint(session, node, change, args).await {
            Err(error) if error.reason() == Some("Conflict") => node.refresh(session).await?,
            other => return other,
        }
    }
    try_taint(session, node, change, args).await
}

async fn try_taint(session: &Session, node: &mut Item, change: &Change, args: &Args) -> Result<&'static str, Error> {
    let present: Vec<Value> = node.object["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let (taints, done) = change.apply(&node.name, &present, args.overwrite)?;
    if args.dry_run == DryRun::Client {
        node.object["spec"]["taints"] = taints.into();
        return Ok(done);
    }
    let revision = &node.object["metadata"]["resourceVersion"];
    let taints = if taints.is_empty() { Value::Null } else { taints.into() };
    let patch = json!({"metadata": {"resourceVersion": revision}, "spec": {"taints": taints}});
    let server = args.dry_run == DryRun::Server;
    node.patch(session, "", "application/merge-patch+json", &patch, server).await?;
    Ok(done)
}
