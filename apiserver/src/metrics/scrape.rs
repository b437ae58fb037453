//! What is looked up when somebody asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use timonier_store::Snapshot;
use timonier_telemetry::Exposition;

use crate::app::App;
use crate::kinds::Table;
use crate::limits::PriorityLevel;
use crate::registry::keys;
use crate::respond;

pub async fn show(State(app): State<Arc<App>>) -> Response {
    let counted = timonier_telemetry::encode(&app.metrics.registry);
    let mut more = Exposition::default();
    requests(&app, &mut more);
    store(&app, &mut more).await;
    // What other parts of this process count, and the process itself.
    let whole = format!("{counted}{}{}", timonier_telemetry::families(), more.finish());
    respond::typed(StatusCode::OK, Exposition::CONTENT_TYPE, whole.into())
}

fn requests(app: &App, out: &mut Exposition) {
    let [reading, mutating] = [0, 1].map(|kind| app.metrics.inflight[kind].load(Ordering::Relaxed));
    out.gauge(
        "apiserver_current_inflight_requests",
        "Requests that run now",
        [(vec![("request_kind", "readOnly")], reading), (vec![("request_kind", "mutating")], mutating)],
    );
    let levels = PriorityLevel::ALL.into_iter().filter(|level| *level != PriorityLevel::Exempt);
    let usage: Vec<_> = levels.map(|level| (level.name(), app.fairness.usage(level))).collect();
    let name = "apiserver_flowcontrol_current_executing_requests";
    out.gauge(
        name,
        "Requests that have a seat",
        usage.iter().map(|(level, usage)| (vec![("priority_level", *level)], usage.executing)),
    );
    out.gauge(
        "apiserver_flowcontrol_current_inqueue_requests",
        "Requests that wait for a seat",
        usage.iter().map(|(level, usage)| (vec![("priority_level", *level)], usage.waiting)),
    );
    let rejected = usage.iter().flat_map(|(level, usage)| {
        usage.rejected.iter().map(|(why, count)| (vec![("priority_level", *level), ("reason", why.reason())], *count))
    });
    out.counter("apiserver_flowcontrol_rejected_requests", "Requests that got no seat", rejected);
}

async fn store(app: &App, out: &mut Exposition) {
    let snapshot = app.store.snapshot();
    let (revision, kinds) = (snapshot.revision().0, app.kinds.current());
    // It walks over everything, so it is not in the way of those who wait for less.
    let counts = tokio::task::spawn_blocking(move || counts(&snapshot, &kinds)).await.unwrap_or_default();
    let resource = |(group, resource): &(String, String)| match group.is_empty() {
        true => resource.clone(),
        false => format!("{resource}.{group}"),
    };
    let names: Vec<String> = counts.keys().map(resource).collect();
    out.gauge(
        "apiserver_storage_objects",
        "Objects, by resource",
        names.iter().zip(counts.values()).map(|(name, count)| (vec![("resource", &**name)], *count)),
    );
    out.gauge(
        "apiserver_resource_objects",
        "Objects, by group and resource",
        counts.iter().map(|((group, name), count)| (vec![("group", &**group), ("resource", &**name)], *count)),
    );
    if let Ok(bytes) = app.store.size().await {
        out.gauge(
            "apiserver_storage_size_bytes",
            "What the store takes on disk, history included",
            [(vec![("storage_cluster_id", "storage-0")], bytes)],
        );
    }
    out.gauge("timonier_store_revision", "The newest revision that this server has seen", [(vec![], revision)]);
    let oldest = app.store.oldest().0;
    out.gauge("timonier_store_oldest_revision", "Where the history begins", [(vec![], oldest)]);
}

/// How many objects there are of each group and resource.
fn counts(snapshot: &Snapshot, kinds: &Table) -> BTreeMap<(String, String), usize> {
    let stored = kinds.rows().iter().map(|row| {
        let of = &row.storage;
        ((of.group.to_string(), of.resource.to_string()), keys::kind(row))
    });
    let prefixes: BTreeMap<_, _> = stored.collect();
    prefixes.into_iter().map(|(of, prefix)| (of, snapshot.count(&prefix))).collect()
}
