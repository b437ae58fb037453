//! Following CustomResourceDefinitions: their kinds join the table, are changed in it and leave it while the server runs.
//!
//! Every server follows the store by itself, so any number may share one. What is written (`accept`: which names a
//! definition holds; `cleanup`: the end of its objects) may be written by any of them: whoever is first.

mod accept;
mod cleanup;
pub mod held;
mod names;

use std::sync::Arc;
use std::time::Duration;

use timonier_store::Filter;

use crate::app::App;
use held::PREFIX;

/// How long a request for a new kind waits for this server to have heard of it.
const CATCH_UP: Duration = Duration::from_secs(2);
/// Before trying again what the store could not do.
const RETRY: Duration = Duration::from_millis(500);

/// Waits until the kind of a definition that is in the store can be found in the table: another server may have just
/// accepted it. False: there is no such definition.
pub async fn catch_up(app: &App, group: &str, plural: &str) -> bool {
    let Ok(snapshot) = app.store.fresh().await else {
        return false;
    };
    let Some(entry) = snapshot.get(&format!("{PREFIX}{plural}.{group}")) else {
        return false;
    };
    let mut seen = app.definitions.subscribe();
    let arrived = seen.wait_for(|seen| *seen >= entry.revision);
    tokio::time::timeout(CATCH_UP, arrived).await.is_ok_and(|seen| seen.is_ok())
}

/// Follows the definitions until the server stops.
pub async fn run(app: Arc<App>) {
    while !app.stop.is_cancelled() {
        tokio::select! {
            () = follow(&app) => tokio::time::sleep(RETRY).await,
            () = app.stop.cancelled() => return,
        }
    }
}

/// Until the watch breaks.
async fn follow(app: &Arc<App>) {
    let Ok(snapshot) = app.store.fresh().await else {
        return;
    };
    let Ok(mut watch) = app.store.watch(snapshot.revision(), Filter::prefix(PREFIX)) else {
        return;
    };
    // At the start also what has not changed: this server may have been stopped in the middle of something.
    let mut names = app.definitions.names();
    names.extend(app.definitions.sync(&snapshot, &app.kinds));
    loop {
        for name in names {
            accept::complete(app, &name).await;
            cleanup::begin(app, &name);
        }
        if watch.next().await.is_err() {
            return;
        }
        names = app.definitions.sync(&app.store.snapshot(), &app.kinds);
        names.extend(app.definitions.refused(&names));
    }
}
