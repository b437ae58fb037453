//! `kctl diff`: what applying files would change, or what has changed since a moment.

use crate::cluster::objects::{self, Item, Selection};
use crate::cluster::past::{self, When};
use crate::cluster::{Call, Session};
use crate::commands::apply::validation;
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{Files, Global};
use crate::manifest;
use crate::output;
use crate::print::diff::{Side, unified};
use crate::print::{objects as render, yaml};
use crate::select::Query;
use crate::select::Selector;
use http::Method;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The exit code for differences, and the one for errors, as of `diff`.
const DIFFERENT: i32 = 1;
const FAILED: i32 = 2;

/// Show what applying files would change, or what has changed since a moment
///
/// With -f alone, the objects as they are beside those that `kctl apply` would make of them. With --at, the objects that
/// are named (or that files name) as they were beside those that are now. The exit code is 0 if there is no difference, 1 if
/// there is one, and 2 after an error.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl diff -f web.yaml                  what would apply change?
  kctl diff --at 10m deployment/web      what has changed in ten minutes?
  kctl diff --at 14:03 all -A            what has changed since 14:03?
  kctl diff --at 4711 -f web.yaml        the same, for the objects of a file")]
pub struct Args {
    /// With --at: which objects: TYPE, TYPE NAME…, TYPE/NAME… or TYPE,TYPE
    #[arg(value_name = "TYPE[/NAME]")]
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    selector: Selector,
    /// The moment to compare the present with: how long ago (10m), a time (14:03, 2026-11-26T14:03:00Z) or a resource
    /// version
    #[arg(long, value_name = "WHEN")]
    at: Option<When>,
    /// As for apply: take over fields that other managers own
    #[arg(long)]
    force_conflicts: bool,
    /// As for apply: the name under which fields are owned
    #[arg(long, value_name = "NAME", default_value = "kctl")]
    field_manager: String,
    /// Compare managedFields too
    #[arg(long)]
    show_managed_fields: bool,
    /// Accepted for kubectl's sake; every apply is a server-side apply
    #[arg(long, hide = true)]
    server_side: bool,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let compared = match compare(&args, global).await {
        Err(error @ Error::Output(_)) => return Err(error),
        compared => compared,
    };
    match compared {
        Ok(false) => Ok(()),
        Ok(true) => Err(Error::Exit(DIFFERENT)),
        Err(error) => {
            output::note(error.report());
            Err(Error::Exit(FAILED))
        }
    }
}

/// Prints the differences and says whether there are any.
async fn compare(args: &Args, global: &Global) -> Result<bool, Error> {
    if args.files.filename.is_empty() && (args.at.is_none() || args.words.is_empty()) {
        return Err(Error::usage(match args.at {
            None => "must specify --filename or -f, or the moment to compare with: --at 10m TYPE[/NAME]",
            Some(_) => "must specify what to compare: TYPE, TYPE/NAME or -f FILE",
        }));
    }
    if args.at.is_none() && !args.words.is_empty() {
        return Err(Error::usage("objects are named together with --at; without it, give files alone"));
    }
    let session = connect(global).await?;
    let (pairs, errors) = match &args.at {
        None => with_files(&session, args).await?,
        Some(when) => with_past(&session, args, when).await?,
    };
    let mut different = false;
    for pair in pairs {
        let text = pair.unified(args.show_managed_fields);
        different |= !text.is_empty();
        output::write(text)?;
    }
    Error::collect(errors)?;
    Ok(different)
}

/// One object at two moments; null where it was not there.
struct Pair {
    /// `apps.v1.Deployment.default.web`
    name: String,
    old: (String, Value),
    new: (String, Value),
}

impl Pair {
    fn unified(self, managed_fields: bool) -> String {
        let (mut old, mut new) = (self.old.1, self.new.1);
        if !managed_fields {
            render::drop_managed_fields(&mut old);
            render::drop_managed_fields(&mut new);
        }
        mask(&mut old, &mut new);
        let text = |object: &Value| if object.is_null() { String::new() } else { yaml::render(object) };
        let (old, new) = (text(&old), text(&new));
        let side = |moment, text| Side { name: &self.name, moment, text };
        unified(&side(&self.old.0, &old), &side(&self.new.0, &new))
    }
}

/// `apps.v1.Deployment.default.web`, as kubectl calls its files.
fn name(item: &Item) -> String {
    let group_version = item.resource.api_version().replace('/', ".");
    let place = if item.namespace.is_empty() { String::new() } else { format!("{}.", item.namespace) };
    format!("{group_version}.{}.{place}{}", item.resource.kind, item.name)
}

/// What is in a Secret is not shown, only whether it changed.
fn mask(old: &mut Value, new: &mut Value) {
    let is_secret = |object: &Value| object["kind"] == "Secret" && object["apiVersion"] == "v1";
    if !is_secret(&*old) && !is_secret(&*new) {
        return;
    }
    for field in ["data", "stringData"] {
        let entries = |object: &Value| object.get(field).and_then(Value::as_object).cloned().unwrap_or_default();
        let (before, after) = (entries(old), entries(new));
        let masked = |own: &Map<String, Value>, other: &Map<String, Value>, changed: &str| -> Map<String, Value> {
            let word = |key: &String, value: &Value| match other.get(key) {
                Some(theirs) if theirs != value => format!("*** ({changed})"),
                _ => "***".to_string(),
            };
            own.iter().map(|(key, value)| (key.clone(), word(key, value).into())).collect()
        };
        let (hidden_before, hidden_after) = (masked(&before, &after, "before"), masked(&after, &before, "after"));
        for (object, hidden) in [(&mut *old, hidden_before), (&mut *new, hidden_after)] {
            if !hidden.is_empty() {
                object[field] = Value::Object(hidden);
            }
        }
    }
}

type Pairs = (Vec<Pair>, Vec<Error>);

/// What is there beside what an apply would make of it.
async fn with_files(session: &Session, args: &Args) -> Result<Pairs, Error> {
    let manifest::Documents { documents, mut errors } = manifest::read(&args.files)?;
    if documents.is_empty() && errors.is_empty() {
        return Err(Error::usage("no objects passed to diff"));
    }
    let mut pairs = Vec::new();
    for document in documents {
        let source = document.source.clone();
        match with_file(session, document, args).await {
            Ok(pair) => pairs.push(pair),
            Err(error) => errors.push(error.context(&format!("error when comparing \"{source}\""))),
        }
    }
    Ok((pairs, errors))
}

async fn with_file(session: &Session, document: manifest::Document, args: &Args) -> Result<Pair, Error> {
    let mut item = Item::from_document(session, document).await?;
    if item.name.is_empty() {
        return Err(Error::usage(format!("{}: metadata.name: an object needs a name", item.resource.short_type())));
    }
    if let Some(metadata) = item.object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    let live = match session.json(Call::get(item.path())).await {
        Ok(live) => live,
        Err(error) if error.is_not_found() => Value::Null,
        Err(error) => return Err(error),
    };
    let call = Call::new(Method::PATCH, item.path())
        .query("fieldManager", &args.field_manager)
        .query("fieldValidation", validation("warn"))
        .query("force", args.force_conflicts)
        .query("dryRun", "All")
        .body("application/apply-patch+yaml", item.object.to_string());
    let mut merged = session.json(call).await?;
    // What is not stored has no revision of its own.
    if merged["metadata"]["resourceVersion"].is_null() && live["metadata"]["resourceVersion"].is_string() {
        merged["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    }
    Ok(Pair { name: name(&item), old: ("live".into(), live), new: ("applied".into(), merged) })
}

/// What was there beside what is.
async fn with_past(session: &Session, args: &Args, when: &When) -> Result<Pairs, Error> {
    // What the server serves is asked of the present.
    session.catalog().await?;
    let moment = past::find(session, when).await?;
    let query = Query {
        words: &args.words,
        files: Some(&args.files).filter(|files| !files.filename.is_empty()),
        selector: &args.selector,
        all: true,
        read: true,
    };
    let then = objects::select(&session.at(&moment), query).await?;
    let now = objects::select(session, query).await?;
    Ok(paired(then, now, &moment.label))
}

/// Brings together what is of one object. That it is missing is an error only if it always was.
fn paired(then: Selection, now: Selection, label: &str) -> Pairs {
    let absent = |label: &str| (label.to_string(), Value::Null);
    let mut pairs: BTreeMap<String, Pair> = BTreeMap::new();
    let pair = |item: &Item| Pair { name: name(item), old: absent(label), new: absent("now") };
    for item in then.items {
        let slot = pairs.entry(item.path()).or_insert_with(|| pair(&item));
        slot.old.1 = item.object;
    }
    for item in now.items {
        let slot = pairs.entry(item.path()).or_insert_with(|| pair(&item));
        slot.new.1 = item.object;
    }
    let missing_now: Vec<String> = now.errors.iter().filter(|e| e.is_not_found()).map(Error::report).collect();
    let matters = |error: &Error| !error.is_not_found() || missing_now.contains(&error.report());
    let errors = then.errors.into_iter().filter(matters);
    let errors = errors.chain(now.errors.into_iter().filter(|error| !error.is_not_found()));
    (pairs.into_values().collect(), errors.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secrets_values_are_not_shown() {
        let secret = |a: &str| json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": a, "b": "same"}});
        let (mut old, mut new) = (secret("c2VjcmV0"), secret("b3RoZXI="));
        mask(&mut old, &mut new);
        assert_eq!(old["data"], json!({"a": "*** (before)", "b": "***"}));
        assert_eq!(new["data"], json!({"a": "*** (after)", "b": "***"}));
        let (mut none, mut new) = (Value::Null, secret("c2VjcmV0"));
        mask(&mut none, &mut new);
        assert_eq!((none, &new["data"]["a"]), (Value::Null, &json!("***")));
    }
}
