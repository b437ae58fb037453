//! The crate `kube` as a stranger uses it: a controller of its own, a reflector, applying, logs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{DeleteParams, LogParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{Controller, WatchStreamExt, reflector, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::json;
use timonier_tests::cluster::Cluster;
use timonier_tests::wait::{PATIENCE, eventually};

pub async fn all(cluster: &Cluster, namespace: &str) -> Result<()> {
    let client = cluster.client();
    controller(client.clone(), namespace).await.context("controller")?;
    reflecting(client.clone(), namespace).await.context("reflector")?;
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    let pod = applied(&pods, cluster.image()).await.context("apply")?;
    logs(&pods, &pod).await.context("logs")?;
    pods.delete(&pod, &DeleteParams::default()).await?;
    tokio::time::timeout(PATIENCE, await_condition(pods, &pod, |pod: Option<&Pod>| pod.is_none())).await??;
    Ok(())
}

/// Each labelled ConfigMap gets a Secret that it owns.
async fn controller(client: Client, namespace: &str) -> Result<()> {
    let (maps, secrets): (Api<ConfigMap>, Api<Secret>) =
        (Api::namespaced(client.clone(), namespace), Api::namespaced(client.clone(), namespace));
    let reconcile = |map: Arc<ConfigMap>, secrets: Arc<Api<Secret>>| async move {
        let owner = map.controller_owner_ref(&()).map(|owner| vec![owner]);
        let secret = Secret {
            metadata: kube::api::ObjectMeta {
                name: Some(map.name_any()),
                owner_references: owner,
                ..Default::default()
            },
            string_data: Some(map.data.clone().unwrap_or_default()),
            ..Secret::default()
        };
        let params = PatchParams::apply("stranger").force();
        secrets.patch(&map.name_any(), &params, &Patch::Apply(&secret)).await?;
        Ok::<_, kube::Error>(Action::await_change())
    };
    let wanted = watcher::Config::default().labels("for=stranger");
    let running = Controller::new(maps.clone(), wanted)
        .owns(secrets.clone(), watcher::Config::default())
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_millis(200)), Arc::new(secrets.clone()))
        .for_each(|_| futures::future::ready(()));
    let observing = async {
        let map: ConfigMap = serde_json::from_value(
            json!({"metadata": {"name": "one", "labels": {"for": "stranger"}}, "data": {"k": "v"}}),
        )?;
        maps.create(&PostParams::default(), &map).await?;
        let made = eventually("the controller made the secret", || async { Ok(secrets.get("one").await?) }).await?;
        secrets.delete("one", &DeleteParams::default()).await?;
        eventually("it is made again", || async {
            let again = secrets.get("one").await?;
            ensure!(again.uid() != made.uid(), "it is the old one");
            Ok(())
        })
        .await?;
        maps.delete("one", &DeleteParams::default()).await?;
        eventually("it goes with its owner", || async {
            ensure!(secrets.get_opt("one").await?.is_none(), "it is there");
            Ok(())
        })
        .await
    };
    tokio::select! {
        () = running => anyhow::bail!("the controller ended"),
        observed = observing => observed,
    }
}

async fn reflecting(client: Client, namespace: &str) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client, namespace);
    let (store, writer) = reflector::store();
    let following = watcher(maps.clone(), watcher::Config::default().streaming_lists())
        .default_backoff()
        .reflect(writer)
        .touched_objects()
        .for_each(|_| futures::future::ready(()));
    let observing = async {
        tokio::time::timeout(PATIENCE, store.wait_until_ready()).await??;
        let key = reflector::ObjectRef::<ConfigMap>::new("reflected").within(namespace);
        let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "reflected"}, "data": {"k": "1"}}))?;
        maps.create(&PostParams::default(), &map).await?;
        eventually("it is in the store", || async { store.get(&key).context("it is not") }).await?;
        let patch = json!({"data": {"k": "2"}});
        maps.patch("reflected", &PatchParams::default(), &Patch::Merge(patch)).await?;
        eventually("its change is in the store", || async {
            let data = store.get(&key).and_then(|map| map.data.clone());
            ensure!(data == Some(BTreeMap::from([("k".into(), "2".into())])), "{data:?}");
            Ok(())
        })
        .await?;
        maps.delete("reflected", &DeleteParams::default()).await?;
        eventually("it left the store", || async {
            ensure!(store.get(&key).is_none(), "it is there");
            Ok(())
        })
        .await
    };
    tokio::select! {
        () = following => anyhow::bail!("the reflector ended"),
        observed = observing => observed,
    }
}

/// A pod that serves a page and talks, by server-side apply.
async fn applied(pods: &Api<Pod>, image: &str) -> Result<String> {
    let script = "echo one; echo two; mkdir /tmp/www && echo served > /tmp/www/index.html; \
                  exec httpd -f -p 8080 -h /tmp/www";
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stranger"}, "spec": {
        "terminationGracePeriodSeconds": 0, "containers": [{"name": "main", "image": image, "imagePullPolicy": "Never",
            "command": ["sh", "-c", script]}]}});
    let applied = pods.patch("stranger", &PatchParams::apply("stranger"), &Patch::Apply(&pod)).await?;
    let again = pods.patch("stranger", &PatchParams::apply("stranger"), &Patch::Apply(&pod)).await?;
    ensure!(applied.uid() == again.uid(), "applied twice is there once");
    let running = await_condition(pods.clone(), "stranger", conditions::is_pod_running());
    tokio::time::timeout(PATIENCE, running).await.context("it does not run")??;
    Ok("stranger".into())
}

async fn logs(pods: &Api<Pod>, pod: &str) -> Result<()> {
    let lines = pods.log_stream(pod, &LogParams { follow: true, ..LogParams::default() }).await?.lines();
    let first: Vec<String> = tokio::time::timeout(PATIENCE, lines.take(2).try_collect()).await??;
    ensure!(first == ["one", "two"], "{first:?}");
    Ok(())
}
