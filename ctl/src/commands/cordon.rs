//! `kctl cordon` and `kctl uncordon`: whether new pods may be placed on a node.

use crate::cluster::Session;
use crate::cluster::objects::{self, Item, Selection};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{DryRun, Files, Global};
use crate::output;
use crate::select::Query;
use crate::select::Selector;
use serde_json::{Value, json};

/// Which nodes.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Nodes {
    /// The nodes
    #[arg(value_name = "NODE")]
    pub names: Vec<String>,
    /// Nodes whose labels match
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Say only what would be done
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub dry_run: DryRun,
}

/// Keep new pods away from nodes, or let them come again.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    nodes: Nodes,
}

pub async fn run(unschedulable: bool, args: Args, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    let command = if unschedulable { "cordon" } else { "uncordon" };
    let Selection { items, mut errors } = find(&session, &args.nodes, command).await?;
    for mut item in items {
        if let Err(error) = set(&session, &mut item, unschedulable, args.nodes.dry_run).await {
            let node = &item.name;
            errors.push(error.context(&format!("error: unable to {command} node {node:?}")));
        }
    }
    Error::collect(errors)
}

/// The nodes as the server has them.
pub async fn find(session: &Session, nodes: &Nodes, command: &str) -> Result<Selection, Error> {
    if nodes.names.is_empty() && nodes.selector.is_none() {
        return Err(Error::usage(format!(
            "USAGE: {command} NODE [flags]\nSee 'kctl {command} -h' for help and examples"
        )));
    }
    if !nodes.names.is_empty() && nodes.selector.is_some() {
        return Err(Error::usage(format!(
            "cannot specify both a node name and a --selector option\nSee 'kctl {command} -h' for help and examples"
        )));
    }
    let mut words = vec!["nodes".to_string()];
    words.extend(nodes.names.iter().map(|name| name.strip_prefix("node/").unwrap_or(name).to_string()));
    let selector = Selector { selector: nodes.selector.clone(), ..Selector::default() };
    let query = Query { words: &words, files: None::<&Files>, selector: &selector, all: false, read: true };
    objects::select(session, query).await
}

/// Brings one node there and says so.
pub async fn set(session: &Session, node: &mut Item, unschedulable: bool, dry_run: DryRun) -> Result<(), Error> {
    let done = if unschedulable { "cordoned" } else { "uncordoned" };
    if (node.object["spec"]["unschedulable"] == true) == unschedulable {
        return output::line(format!("{} already {done}{}", node.title(), dry_run.suffix()));
    }
    if dry_run != DryRun::Client {
        let value = if unschedulable { Value::Bool(true) } else { Value::Null };
        let patch = json!({"spec": {"unschedulable": value}});
        let server = dry_run == DryRun::Server;
        node.patch(session, "", "application/strategic-merge-patch+json", &patch, server).await?;
    }
    output::line(format!("{} {done}{}", node.title(), dry_run.suffix()))
}
