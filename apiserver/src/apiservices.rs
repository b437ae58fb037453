//! APIServices of the groups and versions that this server serves itself: made where they are missing, and removed when
//! nobody serves them any more. They follow the table of kinds, so those of custom resources come and go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use timonier_store::{Key, Store, Txn};

use crate::app::App;
use crate::kinds::{Table, json as fields, metadata};
use crate::object::Object;
use crate::wanted::{Wanted, see_to};

const GROUP: &str = "apiregistration.k8s.io";
const PREFIX: &str = "apiservices.apiregistration.k8s.io/";
/// Marks those that are made here.
const AUTOMANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";
/// How soon after a change of the table.
const PERIOD: Duration = Duration::from_secs(1);

/// Where discovery lists the groups that every server has: the first one first.
const ORDER: [&str; 20] = [
    "",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "apiextensions.k8s.io",
    "admissionregistration.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
];

/// Sees to them whenever the table has changed, until the server stops. Several servers may do it at once.
pub async fn follow(app: Arc<App>) {
    let mut seen = app.kinds.current();
    loop {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stop.cancelled() => return,
        }
        let table = app.kinds.current();
        if Arc::ptr_eq(&seen, &table) {
            continue;
        }
        match see_to(&app.store, &table, wanted(&table)).await {
            Ok(()) => {
                remove_stale(&app.store, &table).await;
                seen = table;
            }
            Err(error) => tracing::warn!("API services are not up to date: {error}"),
        }
    }
}

/// One for each group and version that is served.
pub fn wanted(table: &Table) -> Vec<Wanted> {
    let served: BTreeSet<(&str, &str)> =
        table.rows().iter().map(|row| (&*row.kind.group, &*row.kind.version)).collect();
    let wanted = served.into_iter().map(|(group, version)| Wanted {
        group: GROUP,
        plural: "apiservices",
        object: service(group, version),
        amend: |_, _| false,
    });
    wanted.collect()
}

fn service(group: &str, version: &str) -> Value {
    let built_in = ORDER.iter().position(|known| *known == group);
    let (group_priority, version_priority, managed) = match built_in {
        Some(at) => (18_000 - 100 * at, 15, "onstart"),
        None => (1000, 100, "true"),
    };
    json!({"apiVersion": format!("{GROUP}/v1"), "kind": "APIService",
        "metadata": {"name": format!("{version}.{group}"), "labels": {AUTOMANAGED: managed}},
        "spec": {"group": group, "version": version,
            "groupPriorityMinimum": group_priority, "versionPriority": version_priority},
    })
}

/// Deletes those that were made here for what is not served any more.
async fn remove_stale(store: &Store, table: &Table) {
    let served = |service: &Value| {
        let spec = fields::get(service, "spec");
        let (group, version) = (fields::text(spec, "group"), fields::text(spec, "version"));
        table.rows().iter().any(|row| row.kind.group == group && row.kind.version == version)
    };
    let snapshot = store.snapshot();
    for entry in snapshot.range(PREFIX, None) {
        let Ok(service) = Object::of(entry).and_then(|object| object.stored_value()) else { continue };
        if !metadata::label(&service, AUTOMANAGED).is_empty() && !served(&service) {
            // Someone else wrote or deleted it meanwhile: their business.
            let _ = store.commit(Txn::delete(Key::new(entry.key.as_str()), entry.revision)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use timonier_store::{Options, StoreUrl};

    use super::*;

    #[tokio::test]
    async fn each_served_version_has_one_and_others_go() {
        let store = Store::open(&StoreUrl::Memory, Options::default()).await.expect("opens");
        let table = Table::builtin();
        let row = table.by_kind(GROUP, "v1", "APIService").expect("a kind");
        for wanted in wanted(&table) {
            assert_eq!(row.hooks.validate(&wanted.object), vec![], "{}", wanted.object);
        }
        let mut all = wanted(&table);
        all.push(Wanted { object: service("example.com", "v1"), ..wanted(&table).remove(0) });
        let mut theirs = service("metrics.k8s.io", "v1beta1");
        theirs["metadata"]["labels"] = json!({});
        all.push(Wanted { object: theirs, ..wanted(&table).remove(0) });
        see_to(&store, &table, all).await.expect("are written");
        remove_stale(&store, &table).await;
        let snapshot = store.snapshot();
        let names: Vec<&str> =
            snapshot.range(PREFIX, None).filter_map(|entry| entry.key.as_str().strip_prefix(PREFIX)).collect();
        assert!(
            names.contains(&"v1.") && names.contains(&"v1.apps") && names.contains(&"v1beta1.metrics.k8s.io"),
            "{names:?}"
        );
        assert!(!names.contains(&"v1.example.com"), "{names:?}");
    }
}
