//! The crate `kube` as a stranger uses it: a controller of its own, a reflector, applying, logs, exec, port-forward.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{AttachParams, DeleteParams, LogParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{Controller, WatchStreamExt, reflector, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::json;
use timonier_tests::cluster::Cluster;
use timonier_tests::wait::{PATIENCE, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub async fn all(cluster: &Cluster, namespace: &str) -> Result<()> {
    let client = cluster.client();
    controller(client.clone(), namespace).await.context("controller")?;
    reflecting(client.clone(), namespace).await.context("reflector")?;
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    let pod = applied(&pods, cluster.image()).await.context("apply")?;
    logs(&pods, &pod).await.context("logs")?;
    executing(&pods, &pod).await.context("exec")?;
    forwarding(&pods, &pod).await.context("port-forward")?;
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

async fn executing(pods: &Api<Pod>, pod: &str) -> Result<()> {
    let params = AttachParams::default().stdin(true).stdout(true).stderr(true);
    let mut process = pods.exec(pod, ["sh", "-c", "read x; echo got $x; echo aside >&2; exit 3"], &params).await?;
    process.stdin().context("stdin")?.write_all(b"word\n").await?;
    let (mut out, mut aside) = (String::new(), String::new());
    let (mut stdout, mut stderr) = (process.stdout().context("stdout")?, process.stderr().context("stderr")?);
    let status = process.take_status().context("status")?;
    let reading = async {
        tokio::try_join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut aside))?;
        Ok::<_, anyhow::Error>(status.await)
    };
    let status = tokio::time::timeout(PATIENCE, reading).await??.context("it says how it ended")?;
    ensure!((out.as_str(), aside.as_str()) == ("got word\n", "aside\n"), "{out:?} {aside:?}");
    ensure!(status.reason.as_deref() == Some("NonZeroExitCode"), "{status:?}");
    let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
    ensure!(causes.iter().any(|cause| cause.message.as_deref() == Some("3")), "{causes:?}");
    Ok(())
}

async fn forwarding(pods: &Api<Pod>, pod: &str) -> Result<()> {
    let answer = eventually("the page comes through the tunnel", || async {
        let mut forwarder = pods.portforward(pod, &[8080]).await?;
        let mut stream = forwarder.take_stream(8080).context("a stream")?;
        stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").await?;
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await??;
        ensure!(answer.starts_with("HTTP/1."), "{answer:?}");
        Ok(answer)
    })
    .await?;
    ensure!(answer.ends_with("served\n"), "{answer:?}");
    Ok(())
}
