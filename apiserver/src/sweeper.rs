//! Deletes what has outlived its kind's time to live (events).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use timonier_store::{Key, Snapshot, Txn};

use crate::app::App;
use crate::kinds::{Row, Table};
use crate::object::Object;
use crate::registry::keys;

const PERIOD: Duration = Duration::from_secs(60);

/// Looks every minute until the server stops. Several servers may do it at once.
pub async fn run(app: Arc<App>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stop.cancelled() => return,
        }
        for (key, revision) in overdue(&app.store.snapshot(), &app.kinds.current(), Timestamp::now()) {
            // Someone else wrote or deleted it meanwhile: their business.
            let _ = app.store.commit(Txn::delete(key, revision)).await;
        }
    }
}

/// What was last seen longer ago than its kind allows.
fn overdue(snapshot: &Snapshot, table: &Table, now: Timestamp) -> Vec<(Key, timonier_store::Revision)> {
    let mut found = vec![];
    for row in table.rows().iter().filter(|row| !row.converts()) {
        let Some(ttl) = row.ttl else { continue };
        for entry in snapshot.range(&keys::kind(row), None) {
            let Ok(value) = Object::of(entry).and_then(|object| object.stored_value()) else {
                continue;
            };
            let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
            if last_write(row, &value).is_some_and(|at| now.as_second().saturating_sub(at.as_second()) > ttl) {
                found.push((entry.key.clone(), entry.revision));
            }
        }
    }
    found
}

/// When an object was last written, as far as it says so itself.
fn last_write(_row: &Row, object: &Value) -> Option<Timestamp> {
    let times = [
        &object["lastTimestamp"],
        &object["series"]["lastObservedTime"],
        &object["eventTime"],
        &object["metadata"]["creationTimestamp"],
    ];
    let managed = object["metadata"]["managedFields"].as_array().into_iter().flatten().map(|entry| &entry["time"]);
    times.into_iter().chain(managed).filter_map(|time| time.as_str()?.parse().ok()).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{self, meta};
    use serde_json::json;
    use timonier_store::{Options, Store, StoreUrl};

    #[tokio::test]
    async fn an_event_is_swept_an_hour_after_it_was_last_seen() {
        let store = Store::open(&StoreUrl::Memory, Options::default()).await.expect("opens");
        let table = Table::builtin();
        let row = table.by_plural("", "v1", "events").expect("events are built in");
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().expect("is a time");
        for (name, seen) in [("old", "2026-01-01T10:59:00Z"), ("new", "2026-01-01T11:30:00Z")] {
            let event = json!({"metadata": {"name": name, "namespace": "a", "creationTimestamp": "2026-01-01T10:00:00Z"},
                "lastTimestamp": seen});
            let key = Key::new(keys::object(row, "a", name));
            let value = object::encode(&event, row).expect("encodes");
            store.commit(Txn::create(key, value, None)).await.expect("commits");
        }
        let found = overdue(&store.snapshot(), &table, now);
        assert_eq!(found.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["events/a/old"]);
        assert_eq!(meta::time(now), "2026-01-01T12:00:00Z");
    }
}
