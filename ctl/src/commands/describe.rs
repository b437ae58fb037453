//! `kctl describe`

use crate::cluster::objects::{self, Item, Selection, list, pages};
use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::describe::{self, Subject};
use crate::error::Error;
use crate::flags::{Files, Global};
use crate::output;
use crate::rollout::history;
use crate::select::Query;
use crate::select::{self, Selector};
use crate::why::ask::{self, Wish};
use serde_json::Value;
use timonier_api::static_pod::CONFIG_MIRROR;
use timonier_scheduling::why::words;

/// Show everything about objects: their fields, what belongs to them, and their events.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl describe pod web-1
  kctl describe pods -l app=web
  kctl describe deployment/web service/web
  kctl describe node node-1")]
pub struct Args {
    /// What to describe: TYPE, TYPE NAME…, TYPE/NAME…; the beginning of a name is enough
    #[arg(value_name = "TYPE[/NAME]")]
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    selector: Selector,
    /// Show events
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true",
          action = clap::ArgAction::Set, hide_default_value = true, value_name = "BOOL")]
    show_events: bool,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    if args.words.is_empty() && args.files.filename.is_empty() {
        return Err(Error::usage(
            "You must specify the type of resource to describe. Use \"kctl api-resources\" for a complete list of supported resources.",
        ));
    }
    let session = connect(global).await?;
    let query = Query { words: &args.words, files: Some(&args.files), selector: &args.selector, all: true, read: true };
    let Selection { mut items, mut errors } = objects::select(&session, query).await?;
    if items.is_empty() && errors.len() == 1 && errors[0].is_not_found() {
        items = by_prefix(&session, &args).await?;
        if !items.is_empty() {
            errors.clear();
        }
    }
    if items.is_empty() && errors.is_empty() {
        output::note(match args.selector.all_namespaces {
            true => "No resources found".to_string(),
            false => format!("No resources found in {} namespace.", session.namespace()),
        });
    }
    let mut first = true;
    for item in items {
        match subject(&session, item, args.show_events).await {
            Ok(subject) => {
                let gap = if std::mem::take(&mut first) { "" } else { "\n\n" };
                output::write(format!("{gap}{}", describe::describe(&subject, jiff::Timestamp::now())))?;
            }
            Err(error) => errors.push(error),
        }
    }
    Error::collect(errors)
}

/// Objects whose name starts with the one that does not exist.
async fn by_prefix(session: &Session, args: &Args) -> Result<Vec<Item>, Error> {
    let mut found = Vec::new();
    for target in select::targets(&args.words)? {
        let Some(prefix) = target.name else { continue };
        for resource in session.catalog().await?.expand(&target.word)? {
            let listed = list(session, resource, &Selector::default()).await?;
            found.extend(listed.into_iter().filter(|item| item.name.starts_with(&prefix)));
        }
    }
    Ok(found)
}

/// Reads what the page of this object shows besides the object.
async fn subject(session: &Session, item: Item, show_events: bool) -> Result<Subject, Error> {
    let session = &match item.namespace.as_str() {
        "" => session.in_namespace("default"),
        namespace => session.in_namespace(namespace),
    };
    let group_resource = item.resource.group_resource();
    let mut subject = Subject { group_resource, ..Subject::default() };
    match subject.group_resource.as_str() {
        "nodes" => {
            let field_selector = Some(format!("spec.nodeName={}", item.name));
            let selector = Selector { field_selector, all_namespaces: true, ..Selector::default() };
            subject.pods = all(session, "pods", &selector).await?;
            let lease = format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{}", item.name);
            // A node may have none yet.
            subject.lease = session.json(Call::get(lease)).await.unwrap_or_default();
        }
        "pods" if ask::waits(&item.object) => {
            // A page without it is better than none; servers of Kubernetes do not know.
            let told = ask::pod(session, &item.namespace, &item.name, Wish::default()).await;
            subject.why = told.map(|told| words::short(&told)).unwrap_or_default();
        }
        "replicasets.apps" | "statefulsets.apps" | "daemonsets.apps" => {
            let owned = all(session, "pods", &matching(&item)?).await?;
            subject.pods = history::owned(&item.object, owned);
        }
        "deployments.apps" => {
            let sets = all(session, "replicasets.apps", &matching(&item)?).await?;
            subject.replica_sets = history::owned(&item.object, sets);
        }
        "services" if session.catalog().await?.resolve("endpointslices.discovery.k8s.io").is_ok() => {
            let selector = Some(format!("kubernetes.io/service-name={}", item.name));
            let selector = Selector { selector, ..Selector::default() };
            subject.endpoint_slices = all(session, "endpointslices.discovery.k8s.io", &selector).await?;
        }
        _ => {}
    }
    if show_events && describe::shows_events(&subject.group_resource) {
        // A page without events is better than none.
        subject.events = Some(events(session, &item).await.unwrap_or_default());
    }
    subject.object = item.object;
    Ok(subject)
}

/// What a ReplicaSet or Deployment selects.
fn matching(item: &Item) -> Result<Selector, Error> {
    Ok(Selector { selector: Some(super::logs::pod_selector(item)?), ..Selector::default() })
}

async fn all(session: &Session, word: &str, selector: &Selector) -> Result<Vec<Value>, Error> {
    let resource = session.catalog().await?.resolve(word)?;
    Ok(pages(session, resource, selector).await?.0)
}

/// Events about the object; those about a cluster-wide object may be in any namespace.
async fn events(session: &Session, item: &Item) -> Result<Vec<Value>, Error> {
    let Ok(resource) = session.catalog().await?.resolve("events.v1") else { return Ok(Vec::new()) };
    let name = &item.name;
    let fields = format!("involvedObject.name={name},involvedObject.kind={}", item.resource.kind);
    let all_namespaces = item.namespace.is_empty();
    let selector = Selector { field_selector: Some(fields), all_namespaces, ..Selector::default() };
    let mut found = pages(session, resource, &selector).await?.0;
    // An earlier object of the same name had a uid of its own; a node's events carry its name as uid.
    let uid = &item.object["metadata"]["uid"];
    // Of a mirror, the node speaks as of the static pod that it shows.
    let mirrored = &item.object["metadata"]["annotations"][CONFIG_MIRROR];
    found.retain(|event| {
        let about = &event["involvedObject"]["uid"];
        about == uid || about.is_null() || about == mirrored || about == name.as_str() || about == ""
    });
    Ok(found)
}
