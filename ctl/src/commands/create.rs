//! `kctl create`

use super::apply::validation;
use crate::cluster::Call;
use crate::cluster::Session;
use crate::cluster::objects::Item;
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{DryRun, Files, Global, Output};
use crate::manifest::{self, Document, Documents};
use crate::output;
use crate::print::{Format, objects};
use clap::Subcommand;
use http::Method;
use serde_json::json;

/// Create objects from files; an object that is there already is an error.
#[derive(clap::Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  kctl create -f pod.yaml
  kctl create namespace shop"
)]
pub struct Args {
    #[command(subcommand)]
    object: Option<Object>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(clap::Args, Debug)]
struct Flags {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Args, Debug)]
struct How {
    #[command(flatten)]
    output: Output,
    /// Send nothing (client), or let the server check but not store it (server)
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: DryRun,
    /// What to do about unknown fields: strict refuses, warn tells, ignore drops them
    #[arg(long, value_name = "MODE", default_value = "strict", num_args = 0..=1, require_equals = true,
          default_missing_value = "strict", value_parser = ["strict", "warn", "ignore", "true", "false"])]
    validate: String,
}

#[derive(Subcommand, Debug)]
enum Object {
    /// Create a namespace
    #[command(visible_alias = "ns")]
    Namespace {
        name: String,
        #[command(flatten)]
        how: How,
    },
    Token(super::create_token::Args),
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let (documents, how) = match args.object {
        Some(Object::Token(args)) => return super::create_token::run(args, global).await,
        Some(Object::Namespace { name, how }) => {
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            let documents = vec![Document { object, source: String::new() }];
            (Documents { documents, errors: Vec::new() }, how)
        }
        None if args.flags.files.filename.is_empty() => {
            return Err(Error::usage(
                "must specify one of -f or a type of object.\nSee 'kctl create -h' for help and examples",
            ));
        }
        None => (manifest::read(&args.flags.files)?, args.flags.how),
    };
    let format = Format::of(how.output.output.as_deref())?;
    let session = connect(global).await?;
    let Documents { documents, mut errors } = documents;
    if documents.is_empty() && errors.is_empty() {
        return Err(Error::usage("no objects passed to create"));
    }
    let mut printer = objects::Printer::new(format, how.output.show_managed_fields);
    for document in documents {
        let source = document.source.clone();
        match create(&session, document, &how).await {
            Ok(item) if printer.is_table() => {
                output::line(format!("{} created{}", item.title(), how.dry_run.suffix()))?;
            }
            Ok(item) => output::write(printer.print(&item.object, &item.title()))?,
            Err(error @ Error::Api(_)) if !source.is_empty() && error.reason() != Some("Invalid") => {
                errors.push(error.context(&format!("error when creating \"{source}\"")));
            }
            Err(error) => errors.push(error),
        }
    }
    Error::collect(errors)
}

async fn create(session: &Session, document: Document, how: &How) -> Result<Item, Error> {
    let mut item = Item::from_document(session, document).await?;
    if how.dry_run == DryRun::Client {
        return Ok(item);
    }
    let call = Call::new(Method::POST, item.resource.path(Some(&item.namespace)))
        .query("fieldManager", "kctl-create")
        .query("fieldValidation", validation(&how.validate))
        .query_some("dryRun", (how.dry_run == DryRun::Server).then_some("All"))
        .json(&item.object);
    item.object = session.json(call).await?;
    // The server may have made the name.
    if let Some(name) = item.object["metadata"]["name"].as_str() {
        item.name = name.to_string();
    }
    Ok(item)
}
