//! `kctl get -w`: what is there, then what changes.

use super::{Args, Group, TABLE, as_table, calls, printer, table};
use crate::cluster::Session;
use crate::cluster::objects;
use crate::cluster::watch::Watch;
use crate::error::Error;
use crate::output;
use crate::print::{Format, objects as render};
use serde_json::Value;

/// Shows changes until it is interrupted.
pub async fn watch(session: &Session, args: &Args, format: Format, groups: Vec<Group>) -> Result<(), Error> {
    let [group] = groups.as_slice() else {
        return Err(Error::usage("you may only specify a single resource type"));
    };
    let mut selector = args.selector.clone();
    if let Some(names) = &group.names {
        let [(_, name)] = names.as_slice() else {
            return Err(Error::usage("watch is only supported on individual resources and resource collections"));
        };
        selector.field_selector = Some(format!("metadata.name={name}"));
    }
    let (wide, is_table) = match format {
        Format::Table { wide } => (wide, true),
        _ => (false, false),
    };
    let collection = objects::list_call(session, &group.resource, &selector);
    let collection = if is_table { collection.accept(TABLE) } else { collection };
    let mut rows = printer(args, wide, group.resource.namespaced, &group.resource, args.show_kind);
    let mut whole = render::Printer::new(format, args.output.show_managed_fields);
    let title = |object: &Value| {
        format!("{}/{}", group.resource.short_type(), object["metadata"]["name"].as_str().unwrap_or_default())
    };

    // A named object that is not there is an error, as without -w.
    if group.names.is_some()
        && let Some(call) = calls(session, args, group).into_iter().next()
    {
        session.json(call).await?;
    }
    let mut revision;
    if is_table {
        let table = table(session, collection.clone(), args.chunk_size, false).await?;
        revision = table.metadata.resource_version.clone();
        if !args.watch_only && !table.rows.is_empty() {
            output::write(rows.print_event("ADDED", &table))?;
        }
    } else {
        let items;
        (items, revision) = objects::pages(session, &group.resource, &selector).await?;
        for mut object in items.into_iter().filter(|_| !args.watch_only) {
            object["apiVersion"] = group.resource.api_version().into();
            object["kind"] = group.resource.kind.clone().into();
            output::write(whole.print(&object, &title(&object)))?;
        }
    }
    if revision.is_empty() {
        revision = "0".into();
    }
    let mut watch = Watch::new(session, collection, revision);
    loop {
        let event = tokio::select! {
            event = watch.next() => event?,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        output::write(match is_table {
            true => rows.print_event(&event.kind, &as_table(event.object)?),
            false => whole.print(&event.object, &title(&event.object)),
        })?;
    }
}
