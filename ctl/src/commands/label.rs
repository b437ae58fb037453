//! `kctl label` and `kctl annotate`: the same change to two maps of the metadata.

use crate::cluster::objects::{self, Item, Selection};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{DryRun, Files, Global, Output};
use crate::output;
use crate::print::{Format, objects as render};
use crate::select::Query;
use crate::select::Selector;
use serde_json::{Map, Value, json};

/// Add, change or remove.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl label pod web-1 tier=front
  kctl label nodes --all zone=a --overwrite
  kctl annotate deployment/web owner=me note-")]
pub struct Args {
    /// TYPE NAME… or TYPE/NAME…, then KEY=VALUE to set and KEY- to remove
    #[arg(value_name = "TYPE[/NAME] KEY=VALUE", required = true)]
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    selector: Selector,
    #[command(flatten)]
    output: Output,
    /// All objects of the types in the namespace
    #[arg(long)]
    all: bool,
    /// Change what is set already
    #[arg(long)]
    overwrite: bool,
    /// Show what is set and change nothing
    #[arg(long)]
    list: bool,
    /// Say only what would be done
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: DryRun,
}

/// Which map of the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Labels,
    Annotations,
}

impl Field {
    fn key(self) -> &'static str {
        match self {
            Field::Labels => "labels",
            Field::Annotations => "annotations",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Field::Labels => "label",
            Field::Annotations => "annotation",
        }
    }
}

/// Keys to set, and keys to remove as null: a merge patch of the map.
type Change = Map<String, Value>;

pub async fn run(field: Field, args: Args, global: &Global) -> Result<(), Error> {
    let (words, change) = split(&args.words, field)?;
    if change.is_empty() && !args.list {
        return Err(Error::usage(format!("at least one {} update is required", field.noun())));
    }
    let format = Format::of(args.output.output.as_deref())?;
    let session = connect(global).await?;
    let files = Some(&args.files);
    let query = Query { words: &words, files, selector: &args.selector, all: args.all, read: true };
    let Selection { items, mut errors } = objects::select(&session, query).await?;
    if items.is_empty() && errors.is_empty() {
        return Err(Error::usage("no objects selected"));
    }
    let mut printer = render::Printer::new(format, args.output.show_managed_fields);
    for mut item in items {
        if args.list {
            output::write(listed(&item, field))?;
            continue;
        }
        let present = &item.object["metadata"][field.key()];
        for (key, _) in change.iter().filter(|(key, value)| value.is_null() && present.get(key).is_none()) {
            output::line(format!("{} {key:?} not found.", field.noun()))?;
        }
        let said = sentence(present, &change, field);
        let changed = match check(&item, &change, field, args.overwrite) {
            Ok(()) if args.dry_run == DryRun::Client => Ok(()),
            Ok(()) => {
                let patch = json!({"metadata": {field.key(): change}});
                let dry_run = args.dry_run == DryRun::Server;
                item.patch(&session, "", "application/merge-patch+json", &patch, dry_run).await
            }
            Err(error) => Err(error),
        };
        match changed {
            Ok(()) if printer.is_table() => {
                output::line(format!("{} {said}{}", item.title(), args.dry_run.suffix()))?;
            }
            Ok(()) => output::write(printer.print(&item.object, &item.title()))?,
            Err(error) => errors.push(error),
        }
    }
    Error::collect(errors)
}

/// Objects first, then changes.
fn split(words: &[String], field: Field) -> Result<(Vec<String>, Change), Error> {
    let is_change = |word: &String| word.contains('=') || word.ends_with('-');
    let first = words.iter().position(is_change).unwrap_or(words.len());
    let (objects, changes) = words.split_at(first);
    let mut change = Change::new();
    for word in changes {
        let (key, value) = match (word.split_once('='), word.strip_suffix('-')) {
            (Some((key, value)), _) => (key, Value::from(value)),
            (None, Some(key)) => (key, Value::Null),
            (None, None) => {
                return Err(Error::usage(format!(
                    "all resources must be specified before {} changes: {word}",
                    field.noun()
                )));
            }
        };
        if key.is_empty() {
            return Err(Error::usage(format!("invalid {} spec: {word}", field.noun())));
        }
        if change.insert(key.to_string(), value.clone()).is_some_and(|earlier| earlier != value) {
            return Err(Error::usage(format!("can not both modify and remove a {} in the same command", field.noun())));
        }
    }
    Ok((objects.to_vec(), change))
}

/// What is set to something else is changed only with `--overwrite`.
fn check(item: &Item, change: &Change, field: Field, overwrite: bool) -> Result<(), Error> {
    let present = &item.object["metadata"][field.key()];
    for (key, value) in change {
        if let (Some(old), Some(new)) = (present[key].as_str(), value.as_str())
            && old != new
            && !overwrite
        {
            return Err(Error::usage(match field {
                Field::Labels => format!("'{key}' already has a value ({old}), and --overwrite is false"),
                Field::Annotations => format!(
                    "--overwrite is false but found the following declared annotation(s): '{key}' already has a value ({old})"
                ),
            }));
        }
    }
    Ok(())
}

fn sentence(present: &Value, change: &Change, field: Field) -> &'static str {
    if field == Field::Annotations {
        return "annotated";
    }
    let removes = change.iter().any(|(key, value)| value.is_null() && present.get(key).is_some());
    let sets = change.iter().any(|(key, value)| !value.is_null() && present.get(key) != Some(value));
    match (sets, removes) {
        (true, _) => "labeled",
        (false, true) => "unlabeled",
        (false, false) => "not labeled",
    }
}

fn listed(item: &Item, field: Field) -> String {
    let map = item.object["metadata"][field.key()].as_object().into_iter().flatten();
    let lines = map.map(|(key, value)| format!("{key}={}\n", value.as_str().unwrap_or_default()));
    format!("Listing {}s for {}/{}:\n{}", field.noun(), item.resource.kind, item.name, lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_string).collect()
    }

    #[test]
    fn objects_come_before_changes() {
        let (objects, change) = split(&words("pod web-1 a=1 b="), Field::Labels).expect("readable");
        assert_eq!(objects, ["pod", "web-1"]);
        assert_eq!(Value::from(change), json!({"a": "1", "b": ""}));
        let (_, change) = split(&words("pod/x a-"), Field::Labels).expect("readable");
        assert_eq!(Value::from(change), json!({"a": null}));
        for line in ["pod a=1 x", "pod =1", "pod a=1 a-"] {
            assert!(split(&words(line), Field::Labels).is_err(), "{line}");
        }
    }

    #[test]
    fn the_sentence_says_what_changed() {
        let present = json!({"a": "1"});
        let say = |line: &str| {
            let (_, change) = split(&words(line), Field::Labels).expect("readable");
            sentence(&present, &change, Field::Labels)
        };
        assert_eq!(say("p a=1"), "not labeled");
        assert_eq!(say("p a=2"), "labeled");
        assert_eq!(say("p a-"), "unlabeled");
        assert_eq!(say("p b-"), "not labeled");
    }
}
