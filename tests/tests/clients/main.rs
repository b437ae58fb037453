//! Other people's clients, unmodified, on one cluster: kubectl new and old, Python's, and the crate `kube` as a stranger uses it.

mod draining;
mod javascript;
mod kubectl;
mod python;
mod roles;
mod rust;
mod scripted;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use timonier_tests::clients::{debian_s_kubectl, newest_kubectl};
use timonier_tests::cluster::{Cluster, Store, Wish};
use timonier_tests::scenario::on;

/// Each client works in a namespace of its own, all at once.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_find_a_kubernetes_cluster() {
    on(Wish { store: Store::Embedded, nodes: 2, hollow: false }, async |cluster| {
        for namespace in ["python", "rust", "javascript", "kubectl", "old-kubectl"] {
            cluster.kctl(["create", "namespace", namespace]).await?.ok()?;
        }
        let old = debian_s_kubectl(Path::new(env!("CARGO_TARGET_TMPDIR"))).await?;
        tokio::try_join!(
            named("the Python client", python::all(cluster, "python")),
            named("crate kube", rust::all(cluster, "rust")),
            named("the JavaScript client", javascript::all(cluster, "javascript")),
            named("kubectl on PATH", kubectl::all(cluster, Path::new("kubectl"), "kubectl", kubectl::Age::New)),
            named("Debian's kubectl", kubectl::all(cluster, &old, "old-kubectl", kubectl::Age::Old)),
        )?;
        // This one takes a node away, so it comes last.
        named("draining", draining::all(cluster)).await
    })
    .await;
}

/// More than a hundred commands of the newest kubectl and of one that is six years older.
#[tokio::test(flavor = "multi_thread")]
async fn kubectl_new_and_old_is_told_what_its_users_know() {
    on(Wish { store: Store::Embedded, nodes: 2, hollow: true }, async |cluster| {
        for namespace in ["new", "old"] {
            cluster.kctl(["create", "namespace", namespace]).await?.ok()?;
        }
        let (new, old) = (newest_kubectl()?, debian_s_kubectl(Path::new(env!("CARGO_TARGET_TMPDIR"))).await?);
        let new = Kubectl { cluster, path: &new, namespace: "new" };
        let old = Kubectl { cluster, path: &old, namespace: "old" };
        let (new, old) = tokio::try_join!(
            scripted::all(&new, kubectl::Age::New, "hollow-1"),
            scripted::all(&old, kubectl::Age::Old, "hollow-2"),
        )?;
        ensure!(new >= 120 && old >= 100, "only {new} and {old} commands");
        Ok(())
    })
    .await;
}

async fn named(client: &str, work: impl Future<Output = Result<()>>) -> Result<()> {
    work.await.with_context(|| client.to_string())
}

/// A kubectl that works in one namespace.
struct Kubectl<'a> {
    cluster: &'a Cluster,
    path: &'a Path,
    namespace: &'a str,
}
