//! `kctl get`: tables that the server renders, or whole objects.

mod watch;

use crate::cluster::objects::{self, Item, PAGE, Selection};
use crate::cluster::past::{self, When};
use crate::cluster::{Call, Resource, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{Files, Global, Output};
use crate::output;
use crate::print::table::{Options, Printer, Table};
use crate::print::{Format, objects as render};
use crate::select::Query;
use crate::select::{self, Selector};
use serde_json::Value;
use timonier_api::jsonpath::{Template, compare_first};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// Show objects: a table, or the whole of them.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl get pods
  kctl get all -o wide
  kctl get pod web-1 -o yaml
  kctl get deploy,rs -l app=web
  kctl get pods -A --field-selector spec.nodeName=node-1
  kctl get events -w
  kctl get pods --at 10m
  kctl get deploy web --at 14:03 -o yaml
  kctl get nodes -o jsonpath='{.items[*].metadata.name}'")]
pub struct Args {
    /// What to show: TYPE, TYPE NAME…, TYPE/NAME… or TYPE,TYPE
    #[arg(value_name = "TYPE[/NAME]")]
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    selector: Selector,
    #[command(flatten)]
    output: Output,
    /// After showing them, go on showing changes
    #[arg(long, short)]
    watch: bool,
    /// Show changes only
    #[arg(long)]
    watch_only: bool,
    /// With -w: a column that says what happened
    #[arg(long)]
    output_watch_events: bool,
    /// No header line
    #[arg(long)]
    no_headers: bool,
    /// A last column with all labels
    #[arg(long)]
    show_labels: bool,
    /// Columns with these labels
    #[arg(long, short = 'L', value_name = "LABEL", value_delimiter = ',')]
    label_columns: Vec<String>,
    /// Put the type before each name
    #[arg(long)]
    show_kind: bool,
    /// Sort by this field, such as .metadata.creationTimestamp
    #[arg(long, value_name = "JSONPATH")]
    sort_by: Option<String>,
    /// It is no error if an object does not exist
    #[arg(long)]
    ignore_not_found: bool,
    /// Print what the server answers to this path, as it is
    #[arg(long, value_name = "PATH", conflicts_with = "words")]
    raw: Option<String>,
    /// Show what was there: how long ago (10m), a time (14:03, 2026-11-26T14:03:00Z) or a resource version
    #[arg(long, value_name = "WHEN", conflicts_with_all = ["watch", "watch_only", "raw"])]
    at: Option<When>,
    /// How many objects to ask for at once; 0 means all
    #[arg(long, value_name = "N", default_value_t = PAGE)]
    chunk_size: usize,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    if let Some(path) = &args.raw {
        return output::write(connect(global).await?.bytes(Call::get(path).accept("application/json, */*")).await?);
    }
    if args.words.is_empty() && args.files.filename.is_empty() {
        output::note(
            "You must specify the type of resource to get. Use \"kctl api-resources\" for a complete list of supported resources.\n",
        );
        return Err(Error::usage("Required resource not specified.\nSee 'kctl get -h' for help and examples"));
    }
    let format = Format::of(args.output.output.as_deref())?;
    let sort = args.sort_by.as_deref().map(Template::parse_relaxed).transpose()?;
    let session = connect(global).await?;
    let groups = groups(&session, &args).await?;
    let session = match &args.at {
        Some(when) => session.at(&past::find(&session, when).await?),
        None => session,
    };
    if args.watch || args.watch_only {
        return watch::watch(&session, &args, format, groups).await;
    }
    match format {
        Format::Table { wide } => tables(&session, &args, wide, sort.as_ref(), groups).await,
        format => whole(&session, &args, format, sort.as_ref(), groups).await,
    }
}

/// Objects of one type: all that match, or those named.
struct Group {
    resource: Resource,
    /// Namespace and name; none means the collection.
    names: Option<Vec<(String, String)>>,
}

/// What was asked for, neighbours of one type together.
async fn groups(session: &Session, args: &Args) -> Result<Vec<Group>, Error> {
    let mut groups: Vec<Group> = Vec::new();
    let mut add = |resource: &Resource, name: Option<(String, String)>| match (groups.last_mut(), name) {
        (Some(Group { resource: last, names: Some(names) }), Some(name)) if last == resource => names.push(name),
        (_, name) => groups.push(Group { resource: resource.clone(), names: name.map(|name| vec![name]) }),
    };
    if !args.files.filename.is_empty() {
        let query =
            Query { words: &args.words, files: Some(&args.files), selector: &args.selector, all: true, read: false };
        let Selection { items, errors } = objects::select(session, query).await?;
        Error::collect(errors)?;
        for Item { resource, namespace, name, .. } in items {
            add(&resource, Some((namespace, name)));
        }
        return Ok(groups);
    }
    let catalog = session.catalog().await?;
    for target in select::targets(&args.words)? {
        for resource in catalog.expand(&target.word)? {
            let Some(name) = target.name.clone() else {
                add(resource, None);
                continue;
            };
            if !args.selector.is_empty() {
                return Err(Error::usage("name cannot be provided when a selector is specified"));
            }
            if args.selector.all_namespaces {
                return Err(Error::usage("a resource cannot be retrieved by name across all namespaces"));
            }
            add(resource, Some((session.namespace_of(resource, None)?, name)));
        }
    }
    Ok(groups)
}

/// The calls for a group, in order: one for each name, or one for the collection.
fn calls(session: &Session, args: &Args, group: &Group) -> Vec<Call> {
    match &group.names {
        Some(names) => {
            names.iter().map(|(namespace, name)| Call::get(group.resource.object_path(namespace, name))).collect()
        }
        None => vec![objects::list_call(session, &group.resource, &args.selector)],
    }
}

async fn tables(
    session: &Session,
    args: &Args,
    wide: bool,
    sort: Option<&Template>,
    groups: Vec<Group>,
) -> Result<(), Error> {
    let mut errors = Vec::new();
    let mut shown = 0;
    let with_kind = args.show_kind || several_types(&groups);
    for group in groups {
        let mut printer = printer(args, wide, with_kind || group.resource.namespaced, &group.resource, with_kind);
        let mut whole = Table::default();
        for call in calls(session, args, &group) {
            match table(session, call.accept(TABLE), args.chunk_size, sort.is_some()).await {
                Ok(mut table) => {
                    whole.column_definitions = table.column_definitions;
                    whole.rows.append(&mut table.rows);
                }
                Err(error) if args.ignore_not_found && error.is_not_found() => {}
                Err(error) => errors.push(objects::unmatched(error, &group.resource, &args.selector)),
            }
        }
        if let Some(path) = sort {
            whole.rows.sort_by(|a, b| compare_first(path, &a.object, &b.object));
        }
        if !whole.rows.is_empty() {
            let gap = if shown > 0 && !args.no_headers { "\n" } else { "" };
            output::write(gap.to_string() + &printer.print(&whole))?;
            shown += whole.rows.len();
        }
    }
    if shown == 0 && errors.is_empty() && !args.ignore_not_found {
        output::note(match args.selector.all_namespaces {
            true => "No resources found".to_string(),
            false => nothing_found(session, args).await?,
        });
    }
    Error::collect(errors)
}

/// Cluster-wide types are not looked for in a namespace.
async fn nothing_found(session: &Session, args: &Args) -> Result<String, Error> {
    let catalog = session.catalog().await?;
    let mut namespaced = false;
    for target in select::targets(&args.words)? {
        namespaced |= catalog.expand(&target.word)?.iter().any(|resource| resource.namespaced);
    }
    Ok(match namespaced {
        true => format!("No resources found in {} namespace.", session.namespace()),
        false => "No resources found".into(),
    })
}

fn several_types(groups: &[Group]) -> bool {
    groups.windows(2).any(|pair| pair[0].resource != pair[1].resource)
}

fn printer(args: &Args, wide: bool, namespaces: bool, resource: &Resource, with_kind: bool) -> Printer {
    Printer::new(Options {
        wide,
        headers: !args.no_headers,
        namespace: args.selector.all_namespaces && namespaces,
        kind: with_kind.then(|| resource.short_type()),
        show_labels: args.show_labels,
        label_columns: args.label_columns.clone(),
        event: args.output_watch_events.then(String::new),
    })
}

/// All pages of a table.
async fn table(session: &Session, call: Call, chunk: usize, objects: bool) -> Result<Table, Error> {
    let mut whole: Option<Table> = None;
    let mut token: Option<String> = None;
    loop {
        let page = call
            .clone()
            .query_some("includeObject", objects.then_some("Object"))
            .query_some("limit", (chunk > 0).then_some(chunk))
            .query_some("continue", token.take());
        let page = as_table(session.json(page).await?)?;
        if !page.metadata.continue_token.is_empty() {
            token = Some(page.metadata.continue_token.clone());
        }
        match &mut whole {
            None => whole = Some(page),
            Some(whole) => whole.rows.extend(page.rows),
        }
        if token.is_none() {
            return Ok(whole.unwrap_or_default());
        }
    }
}

/// The server's table, or one of names and ages if it sent objects after all.
fn as_table(answer: Value) -> Result<Table, Error> {
    if answer["kind"] == "Table" {
        return serde_json::from_value(answer).map_err(|error| Error::Protocol(error.to_string()));
    }
    let objects = match answer["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![answer],
    };
    Ok(crate::print::table::generic(&objects, jiff::Timestamp::now()))
}

/// YAML, JSON and everything else that needs the objects themselves.
async fn whole(
    session: &Session,
    args: &Args,
    format: Format,
    sort: Option<&Template>,
    groups: Vec<Group>,
) -> Result<(), Error> {
    let mut errors = Vec::new();
    let mut items: Vec<(String, Value)> = Vec::new();
    let single = match groups.as_slice() {
        [Group { names: Some(names), .. }] => names.len() == 1,
        _ => false,
    };
    for group in groups {
        let kind = group.resource.short_type();
        let title = |object: &Value| format!("{kind}/{}", object["metadata"]["name"].as_str().unwrap_or_default());
        match &group.names {
            None => {
                let listed = objects::list(session, &group.resource, &args.selector).await;
                match listed {
                    Ok(listed) => items.extend(listed.into_iter().map(|item| (item.title(), item.object))),
                    Err(error) => errors.push(error),
                }
            }
            Some(_) => {
                for call in calls(session, args, &group) {
                    match session.json(call).await {
                        Ok(object) => items.push((title(&object), object)),
                        Err(error) if args.ignore_not_found && error.is_not_found() => {}
                        Err(error) => errors.push(error),
                    }
                }
            }
        }
    }
    if let Some(path) = sort {
        items.sort_by(|(_, a), (_, b)| compare_first(path, a, b));
    }
    if !(items.is_empty() && (single || !errors.is_empty())) {
        output::write(rendered(args, format, items, single))?;
    }
    Error::collect(errors)
}

fn rendered(args: &Args, format: Format, items: Vec<(String, Value)>, single: bool) -> String {
    match &format {
        Format::Name => items.iter().map(|(title, _)| format!("{title}\n")).collect(),
        Format::Columns(columns) => columns.render(items.iter().map(|(_, object)| object), !args.no_headers),
        _ => {
            let mut objects: Vec<Value> = items.into_iter().map(|(_, object)| object).collect();
            let object = if single && objects.len() == 1 { objects.remove(0) } else { render::list(objects) };
            render::Printer::new(format, args.output.show_managed_fields).print(&object, "")
        }
    }
}
