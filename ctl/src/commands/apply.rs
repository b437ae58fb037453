//! `kctl apply`: each object of the files goes to the server as a server-side apply, owned by field manager `kctl`.

use crate::cluster::objects::Item;
use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{DryRun, Files, Global, Output};
use crate::manifest;
use crate::output;
use crate::print::{Format, objects};
use http::Method;
use serde_json::Value;

/// Create or change objects so that they are as files say.
///
/// The server keeps a list of which fields you own; fields that you no longer mention are removed, and fields that
/// somebody else owns are not overwritten unless --force-conflicts says so.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl apply -f web.yaml
  kctl apply -R -f manifests/
  cat web.yaml | kctl apply -f -
  kctl apply -f web.yaml --dry-run=server -o yaml")]
pub struct Args {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    output: Output,
    /// Take over fields that other managers own
    #[arg(long)]
    force_conflicts: bool,
    /// The name under which fields are owned
    #[arg(long, value_name = "NAME", default_value = "kctl")]
    field_manager: String,
    /// Send nothing (client), or let the server check but not store it (server)
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: DryRun,
    /// What to do about unknown fields: strict refuses, warn tells, ignore drops them
    #[arg(long, value_name = "MODE", default_value = "strict", num_args = 0..=1, require_equals = true,
          default_missing_value = "strict", value_parser = ["strict", "warn", "ignore", "true", "false"])]
    validate: String,
    /// Accepted for kubectl's sake; every apply is a server-side apply
    #[arg(long, hide = true)]
    server_side: bool,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    if args.files.filename.is_empty() {
        return Err(Error::usage("must specify --filename or -f"));
    }
    let format = Format::of(args.output.output.as_deref())?;
    let session = connect(global).await?;
    let manifest::Documents { documents, mut errors } = manifest::read(&args.files)?;
    if documents.is_empty() && errors.is_empty() {
        return Err(Error::usage("no objects passed to apply"));
    }
    let mut printer = objects::Printer::new(format, args.output.show_managed_fields);
    for document in documents {
        let source = document.source.clone();
        match apply(&session, document, &args).await {
            Ok(item) if printer.is_table() => {
                output::line(format!("{} serverside-applied{}", item.title(), args.dry_run.suffix()))?;
            }
            Ok(item) => output::write(printer.print(&item.object, &item.title()))?,
            Err(error @ Error::Output(_)) => return Err(error),
            Err(error) => errors.push(explain(error, &source)),
        }
    }
    Error::collect(errors)
}

async fn apply(session: &Session, document: manifest::Document, args: &Args) -> Result<Item, Error> {
    let mut item = Item::from_document(session, document).await?;
    if item.name.is_empty() {
        let generated = item.object["metadata"]["generateName"].as_str();
        return Err(Error::usage(match generated {
            Some(prefix) => format!("from {prefix}: cannot use generate name with apply"),
            None => format!("{}: metadata.name: an object needs a name to be applied", item.resource.short_type()),
        }));
    }
    if args.dry_run == DryRun::Client {
        return Ok(item);
    }
    if let Some(metadata) = item.object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    let call = Call::new(Method::PATCH, item.path())
        .query("fieldManager", &args.field_manager)
        .query("fieldValidation", validation(&args.validate))
        .query("force", args.force_conflicts)
        .query_some("dryRun", (args.dry_run == DryRun::Server).then_some("All"))
        .body("application/apply-patch+yaml", item.object.to_string());
    item.object = session.json(call).await?;
    if item.object["kind"] == Value::Null {
        return Err(Error::Protocol(format!("no object in the answer to {}", item.title())));
    }
    Ok(item)
}

/// The server's word for the mode.
pub fn validation(mode: &str) -> &'static str {
    match mode {
        "warn" => "Warn",
        "ignore" | "false" => "Ignore",
        _ => "Strict",
    }
}

/// A conflict says what can be done about it; everything else names the file.
fn explain(error: Error, source: &str) -> Error {
    match error {
        Error::Api(mut status) if status.reason.as_deref() == Some("Conflict") => {
            let message = status.message.take().unwrap_or_default();
            status.message = Some(format!("{message}\n{CONFLICT}"));
            Error::Api(status)
        }
        Error::Api(status) if status.reason.as_deref() == Some("Invalid") => Error::Api(status),
        error @ Error::Api(_) => error.context(&format!("error when applying \"{source}\"")),
        other => other,
    }
}

const CONFLICT: &str = "Please review the fields above--they currently have other managers. Here\n\
    are the ways you can resolve this warning:\n\
    * If you intend to manage all of these fields, please re-run the apply\n  command with the `--force-conflicts` flag.\n\
    * If you do not intend to manage all of the fields, please edit your\n  manifest to remove references to the fields that should keep their\n  current managers.\n\
    * You may co-own fields by updating your manifest to match the existing\n  value; in this case, you'll become the manager if the other manager(s)\n  stop managing the field (remove it from their configuration).\n\
    See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts";
