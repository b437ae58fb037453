//! Running a test on a cluster, on both stores, and showing what the cluster looked like when it fails.

use std::panic::AssertUnwindSafe;

use anyhow::{Result, anyhow};
use futures::FutureExt;

use crate::cluster::{Cluster, Settings, Wish};

/// Starts a cluster, runs the scenario, and removes the cluster whatever happened.
///
/// # Panics
/// When the scenario fails, with its error and a picture of the cluster.
pub async fn on(wish: Wish, scenario: impl AsyncFnOnce(&Cluster) -> Result<()>) {
    with(wish, &[], scenario).await;
}

/// The same on a cluster with settings, given as environment variables.
///
/// # Panics
/// When the scenario fails.
pub async fn with(wish: Wish, settings: Settings, scenario: impl AsyncFnOnce(&Cluster) -> Result<()>) {
    let cluster = match Cluster::up_with(wish, settings).await {
        Ok(cluster) => cluster,
        Err(error) => panic!("no cluster: {error:#}"),
    };
    let outcome = AssertUnwindSafe(scenario(&cluster)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        Err(anyhow!("panic: {}", said.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?")))
    });
    if let Err(error) = outcome {
        let picture = cluster.dump().await;
        drop(cluster);
        // Once more below its picture: whoever sees only the end of a long log learns what went wrong.
        panic!("{error:#}\n{picture}\n=== what failed\n{error:#}");
    }
}

/// A test on three nodes (or as many as it says) of real Docker, once on each store:
/// `both_stores!(name, scenario)` makes `name::embedded` and `name::etcd`.
#[macro_export]
macro_rules! both_stores {
    ($name:ident, $scenario:path) => {
        $crate::both_stores!($name, nodes = 3, hollow = false, $scenario);
    };
    ($name:ident, nodes = $nodes:expr, hollow = $hollow:expr, $scenario:path) => {
        mod $name {
            use super::*;

            async fn run(store: $crate::cluster::Store) {
                let wish = $crate::cluster::Wish { store, nodes: $nodes, hollow: $hollow };
                $crate::scenario::on(wish, async |cluster| $scenario(cluster).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn embedded() {
                run($crate::cluster::Store::Embedded).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn etcd() {
                run($crate::cluster::Store::Etcd).await;
            }
        }
    };
}
