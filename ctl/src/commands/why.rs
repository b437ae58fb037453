//! `kctl why`

use serde_json::{Value, json};
use timonier_scheduling::why::{API_VERSION, Explanation, words};

use crate::cluster::Session;
use crate::cluster::objects::{self, Item, Selection};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use crate::print::{json as as_json, yaml};
use crate::select::Query;
use crate::select::Selector;
use crate::why::ask::{self, Wish};
use crate::why::report;

/// Show why pods wait for a node, and the smallest change after which they would fit
///
/// Of a pod that has its node, it shows what the nodes were worth. Of a Deployment, ReplicaSet or another maker of pods it
/// goes down to what keeps the pods from being made, then to a pod that waits. The answer is computed from the state in
/// which the scheduler decided.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl why                       all pods of the namespace that wait for a node
  kctl why web-1                 pod web-1
  kctl why deployment/web        from the Deployment down to its pods
  kctl why pod/web-1 --nodes     every node by its name
  kctl why pod/web-1 --now -o yaml")]
pub struct Args {
    /// What to explain: NAME of a pod, or TYPE/NAME…; nothing for all pods that wait
    #[arg(value_name = "[TYPE/]NAME")]
    words: Vec<String>,
    #[command(flatten)]
    selector: Selector,
    /// Judge the cluster as it is now, not as it was when the scheduler decided
    #[arg(long)]
    now: bool,
    /// List every refused node
    #[arg(long)]
    nodes: bool,
    /// Output format: json or yaml
    #[arg(long, short, value_name = "FORMAT", value_parser = ["json", "yaml"])]
    output: Option<String>,
}

/// What is printed: as text, and as an object.
struct Told {
    text: String,
    object: Value,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    let wish = Wish { now: args.now, every_node: args.nodes };
    let mut told = Vec::new();
    let mut errors = Vec::new();
    if args.words.is_empty() {
        for explanation in ask::all(&session, &args.selector, wish).await? {
            told.push(of_pod(&explanation)?);
        }
    } else {
        // A lone name is a pod's.
        let words: Vec<String> = match &args.words[..] {
            [name] if !name.contains('/') => vec![format!("pod/{name}")],
            words => words.to_vec(),
        };
        let query = Query { words: &words, files: None, selector: &args.selector, all: true, read: true };
        let Selection { items, errors: failed } = objects::select(&session, query).await?;
        errors = failed;
        for item in items {
            match about(&session, item, wish).await {
                Ok(one) => told.push(one),
                Err(error) => errors.push(error),
            }
        }
    }
    if told.is_empty() && errors.is_empty() {
        output::note(match args.selector.all_namespaces {
            true => "No pod waits for a node.".to_string(),
            false => format!("No pod in {} namespace waits for a node.", session.namespace()),
        });
    }
    print(told, args.output.as_deref())?;
    Error::collect(errors)
}

fn print(mut told: Vec<Told>, format: Option<&str>) -> Result<(), Error> {
    let render = match format {
        None => {
            let texts: Vec<_> = told.into_iter().map(|one| one.text).collect();
            return output::write(texts.join("\n"));
        }
        Some("json") => as_json::render,
        Some(_) => yaml::render,
    };
    match told.len() {
        0 => Ok(()),
        1 => output::write(render(&told.remove(0).object)),
        _ => {
            let items: Vec<_> = told.into_iter().map(|one| one.object).collect();
            output::write(render(&json!({"apiVersion": "v1", "kind": "List", "items": items})))
        }
    }
}

fn object(told: &impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(told).map_err(|error| Error::Protocol(error.to_string()))
}

fn of_pod(told: &Explanation) -> Result<Told, Error> {
    Ok(Told { text: words::text(told) + &report::like_it(told.like_it), object: object(told)? })
}

async fn about(session: &Session, item: Item, wish: Wish) -> Result<Told, Error> {
    if item.resource.group_resource() == "pods" {
        return of_pod(&ask::pod(session, &item.namespace, &item.name, wish).await?);
    }
    let report = ask::maker(session, item, wish).await?;
    let mut object = object(&report)?;
    (object["apiVersion"], object["kind"]) = (API_VERSION.into(), "MakerExplanation".into());
    Ok(Told { text: report::text(&report), object })
}
