//! Backup, restore and migration, while somebody's informer goes on.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use timonier_tests::binaries::binary;
use timonier_tests::cluster::Store;
use timonier_tests::command::Program;
use timonier_tests::etcd::Etcd;
use timonier_tests::processes::Ground;
use timonier_tests::wait::eventually;
use tokio::task::JoinHandle;

/// The reflector of the crate `kube`: it lists once, watches, and lists again only when it is told to.
struct Informer {
    known: reflector::Store<ConfigMap>,
    task: JoinHandle<()>,
}

impl Drop for Informer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Informer {
    fn start(maps: Api<ConfigMap>) -> Informer {
        let (known, writer) = reflector::store();
        let changes = watcher(maps, watcher::Config::default()).default_backoff().reflect(writer);
        let task = tokio::spawn(changes.for_each(|_| futures::future::ready(())));
        Informer { known, task }
    }

    fn state(&self) -> BTreeMap<String, String> {
        let value = |map: &ConfigMap| map.data.as_ref().and_then(|data| data.get("value")).cloned();
        self.known.state().iter().map(|map| (map.name_any(), value(map).unwrap_or_default())).collect()
    }

    /// Waits until the informer knows exactly this, and the server agrees.
    async fn shows(&self, what: &str, maps: &Api<ConfigMap>, expected: &[(&str, &str)]) -> Result<()> {
        let expected: BTreeMap<_, _> = expected.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        eventually(what, || async {
            let state = self.state();
            ensure!(state == expected, "the informer knows {state:?}, not {expected:?}");
            let listed = maps.list(&Default::default()).await?;
            let revisions = |maps: &mut dyn Iterator<Item = &ConfigMap>| {
                maps.map(|map| (map.name_any(), map.resource_version())).collect::<BTreeMap<_, _>>()
            };
            let known = self.known.state();
            let known = revisions(&mut known.iter().map(|map| &**map));
            let served = revisions(&mut listed.items.iter());
            ensure!(known == served, "the informer's {known:?} are not the server's {served:?}");
            Ok(())
        })
        .await
    }
}

async fn set(maps: &Api<ConfigMap>, name: &str, value: &str) -> Result<u64> {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}});
    let map = maps.patch(name, &PatchParams::apply("test"), &Patch::Apply(&map)).await?;
    Ok(map.resource_version().context("no revision")?.parse()?)
}

async fn refused(args: &[&str]) -> Result<String> {
    Program::new(binary("kctl")?).args(args).run().await?.refused()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_informer_goes_through_restore_and_migration_with_nothing_stale_and_nothing_lost() -> Result<()> {
    let mut ground = Ground::new(Store::Embedded).await?;
    let mut server = ground.api_server("embedded").await?;
    let (store, file) = (ground.path("store"), ground.path("backup"));
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client().await?);
    let informer = Informer::start(maps.clone());
    for name in ["kept", "changed", "deleted"] {
        set(&maps, name, "1").await?;
    }
    let saved = [("kept", "1"), ("changed", "1"), ("deleted", "1")];
    informer.shows("what was made", &maps, &saved).await?;

    let kubeconfig = server.kubeconfig("admin")?;
    ground.kctl(&["--kubeconfig", &kubeconfig, "backup", &file]).await?;
    set(&maps, "changed", "2").await?;
    let last = set(&maps, "lost", "1").await?;
    maps.delete("deleted", &DeleteParams::default()).await?;
    let later = [("kept", "1"), ("changed", "2"), ("lost", "1")];
    informer.shows("what came after the backup", &maps, &later).await?;

    let busy = refused(&["restore", &file, "--store", &store, "--force"]).await?;
    ensure!(busy.contains("in use by process"), "{busy}");
    server.process.kill();
    let there = refused(&["restore", &file, "--store", &store]).await?;
    ensure!(there.contains("holds a store already") && there.contains("--force"), "{there}");
    ground.kctl(&["restore", &file, "--store", &store, "--force"]).await?;
    server.process.again()?;
    server.ready().await?;
    informer.shows("what the backup held", &maps, &saved).await?;
    let restored = set(&maps, "after", "1").await?;
    ensure!(restored > last, "revisions went back from {last} to {restored}");
    let expected = [&saved[..], &[("after", "1")]].concat();
    informer.shows("what came after the restore", &maps, &expected).await?;

    server.process.stop()?;
    let etcd = Etcd::start().await?;
    let on_etcd = etcd.store_url("moved");
    ground.kctl(&["migrate", "--from", &store, "--to", &on_etcd]).await?;
    let mut server = ground.api_server_at("on-etcd", server.url.clone(), &on_etcd).await?;
    informer.shows("what was moved to etcd", &maps, &expected).await?;
    let migrated = set(&maps, "on-etcd", "1").await?;
    ensure!(migrated > restored, "revisions went back from {restored} to {migrated}");
    let expected = [&expected[..], &[("on-etcd", "1")]].concat();
    informer.shows("what came after the move", &maps, &expected).await?;

    let back = ground.path("back");
    let busy = refused(&["migrate", "--from", &on_etcd, "--to", &back]).await?;
    ensure!(busy.contains("in use by process"), "{busy}");
    server.process.stop()?;
    ground.kctl(&["migrate", "--from", &on_etcd, "--to", &back]).await?;
    let server = ground.api_server_at("back", server.url.clone(), &back).await?;
    informer.shows("what was moved back", &maps, &expected).await?;
    ensure!(set(&maps, "back", "1").await? > migrated);
    informer.shows("what came at last", &maps, &[&expected[..], &[("back", "1")]].concat()).await?;
    drop(server);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_whole_is_refused_by_name_and_nothing_is_written() -> Result<()> {
    let mut ground = Ground::new(Store::Embedded).await?;
    let mut server = ground.api_server("server").await?;
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client().await?);
    maps.create(&PostParams::default(), &serde_json::from_value(json!({"metadata": {"name": "a"}}))?).await?;
    let kubeconfig = server.kubeconfig("admin")?;
    let program = Program::new(binary("kctl")?).args(["--kubeconfig", &kubeconfig, "backup"]);
    let file = ground.path("backup");
    let said = program.args([&file]).run().await?;
    ensure!(said.success && said.stderr.contains("sha256:") && said.stdout.is_empty(), "{said}");
    let whole = std::fs::read(&file)?;

    let half = ground.path("half");
    std::fs::write(&half, &whole[..whole.len() / 2])?;
    let mut bytes = whole.clone();
    bytes[whole.len() / 3] ^= 4;
    let flipped = ground.path("flipped");
    std::fs::write(&flipped, &bytes)?;
    let yaml = ground.path("web.yaml");
    std::fs::write(&yaml, "apiVersion: v1\nkind: ConfigMap\n")?;
    let target = ground.path("target");
    for (file, why) in [(&half, "is cut off after"), (&flipped, "is damaged at byte"), (&yaml, "this is no backup")] {
        let error = refused(&["restore", file, "--store", &target]).await?;
        ensure!(error.contains(why) && error.contains(file.as_str()), "{error}");
        ensure!(!std::path::Path::new(&target).exists(), "something was written");
    }

    // A server that goes away in the middle leaves no file, and the old one stays.
    server.process.kill();
    let gone = refused(&["--kubeconfig", &kubeconfig, "backup", &file]).await?;
    ensure!(gone.contains("refused"), "{gone}");
    ensure!(std::fs::read(&file)? == whole);
    let names = std::fs::read_dir(std::path::Path::new(&file).parent().context("no folder")?)?;
    for name in names {
        let name = name?.file_name();
        ensure!(!name.to_string_lossy().contains("partial"), "{name:?} was left");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_kctl_up_is_restored_into_a_new_folder_and_moves_to_etcd() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = |name: &str| dir.path().join(name).display().to_string();
    let kctl = |args: &[&str]| Program::new(binary("kctl").unwrap_or_default()).env("HOME", dir.path()).args(args);
    let (old, new, file) = (path("old"), path("new"), path("backup"));
    let up =
        |state: &str| kctl(&["up", "-d", "--port", "0", "--runtime", "hollow", "--nodes", "1", "--state-dir", state]);
    let purge = |state: &str| kctl(&["down", "--purge", "--state-dir", state]);
    up(&old).run().await?.ok()?;
    let kubeconfig = format!("{old}/kubeconfig");
    kctl(&["--kubeconfig", &kubeconfig, "create", "namespace", "precious"]).run().await?.ok()?;
    kctl(&["--kubeconfig", &kubeconfig, "backup", &file]).run().await?.ok()?;
    let running = kctl(&["restore", &file, "--state-dir", &old, "--force"]).run().await?.refused()?;
    ensure!(running.contains("runs already"), "{running}");
    purge(&old).run().await?.ok()?;

    kctl(&["restore", &file, "--state-dir", &new]).run().await?.ok()?;
    up(&new).run().await?.ok()?;
    let kubeconfig = format!("{new}/kubeconfig");
    kctl(&["--kubeconfig", &kubeconfig, "get", "namespace", "precious"]).run().await?.ok()?;
    kctl(&["down", "--state-dir", &new]).run().await?.ok()?;

    let etcd = Etcd::start().await?;
    kctl(&["migrate", "--to", &etcd.store_url("up"), "--state-dir", &new]).run().await?.ok()?;
    up(&new).run().await?.ok()?;
    kctl(&["--kubeconfig", &kubeconfig, "get", "namespace", "precious"]).run().await?.ok()?;
    let client: Client = timonier_tests::cluster::connect(std::path::Path::new(&kubeconfig)).await?;
    let revision = set(&Api::default_namespaced(client), "a", "1").await?;
    ensure!(revision > 2_000_000_000, "it was raised twice, and is {revision}");
    purge(&new).run().await?.ok()?;
    Ok(())
}
