//! `kctl patch`

use crate::cluster::objects::{self, Selection};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{DryRun, Files, Global, Output};
use crate::output;
use crate::print::{Format, objects as render};
use crate::select::Query;
use crate::select::Selector;
use serde_json::Value;

/// Change some fields of an object.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl patch deployment web -p '{\"spec\":{\"replicas\":2}}'
  kctl patch node node-1 --type=json -p '[{\"op\":\"add\",\"path\":\"/spec/unschedulable\",\"value\":true}]'")]
pub struct Args {
    /// What to change: TYPE NAME or TYPE/NAME
    #[arg(value_name = "TYPE[/NAME]")]
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    output: Output,
    /// The patch, as JSON or YAML
    #[arg(long, short, value_name = "PATCH")]
    patch: Option<String>,
    /// A file with the patch
    #[arg(long, value_name = "FILE")]
    patch_file: Option<String>,
    /// How the patch is read
    #[arg(long = "type", value_name = "TYPE", default_value = "strategic", value_parser = ["strategic", "merge", "json"])]
    kind: String,
    /// Change this part of the object, such as status or scale
    #[arg(long, value_name = "NAME")]
    subresource: Option<String>,
    /// Say only what would be done
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: DryRun,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let patch = read(&args)?;
    let content_type = match args.kind.as_str() {
        "json" => "application/json-patch+json",
        "merge" => "application/merge-patch+json",
        _ => "application/strategic-merge-patch+json",
    };
    let format = Format::of(args.output.output.as_deref())?;
    let session = connect(global).await?;
    let selector = Selector::default();
    let query = Query { words: &args.words, files: Some(&args.files), selector: &selector, all: false, read: true };
    let Selection { items, mut errors } = objects::select(&session, query).await?;
    let subresource = args.subresource.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
    let mut printer = render::Printer::new(format, args.output.show_managed_fields);
    for mut item in items {
        let before = item.object["metadata"]["resourceVersion"].clone();
        let dry_run = args.dry_run == DryRun::Server;
        if args.dry_run != DryRun::Client
            && let Err(error) = item.patch(&session, &subresource, content_type, &patch, dry_run).await
        {
            errors.push(error);
            continue;
        }
        let unchanged = args.dry_run == DryRun::None && item.object["metadata"]["resourceVersion"] == before;
        match printer.is_table() {
            true => {
                let said = if unchanged { "patched (no change)" } else { "patched" };
                output::line(format!("{} {said}{}", item.title(), args.dry_run.suffix()))?;
            }
            false => output::write(printer.print(&item.object, &item.title()))?,
        }
    }
    Error::collect(errors)
}

fn read(args: &Args) -> Result<Value, Error> {
    let text = match (&args.patch, &args.patch_file) {
        (Some(text), None) => text.clone(),
        (None, Some(path)) => {
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.clone(), source })?
        }
        (Some(_), Some(_)) => return Err(Error::usage("cannot specify --patch and --patch-file together")),
        (None, None) => {
            return Err(Error::usage("must specify --patch or --patch-file containing the contents of the patch"));
        }
    };
    crate::manifest::parse_one(&text).map_err(|detail| Error::usage(format!("unable to parse {text:?}: {detail}")))
}
