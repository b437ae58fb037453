//! Pods that a node has from files of its own: they run whatever becomes of the API server, and the API shows them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;
use timonier_tests::cluster::Store;
use timonier_tests::command::Program;
use timonier_tests::image::Image;
use timonier_tests::processes::Ground;
use timonier_tests::wait::eventually;

fn manifest(image: &str, name: &str, round: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
            "name": "web", "image": image, "imagePullPolicy": "Never", "env": [{"name": "ROUND", "value": round}],
            "command": ["sh", "-c", "echo round $ROUND; exec sleep 3600"],
        }]},
    })
    .to_string()
}

/// The ids of a pod's running containers, as Docker itself knows them.
async fn running(node: &str, pod: &str) -> Result<Vec<String>> {
    let (node, pod) = (format!("label=io.timonier.node={node}"), format!("label=io.timonier.pod-name={pod}"));
    let web = "label=io.timonier.container=web";
    let args = ["ps", "-q", "--no-trunc", "--filter", &node, "--filter", &pod, "--filter", web];
    let ids = Program::new("docker").args(args).run().await?.ok()?;
    Ok(ids.lines().map(str::to_owned).collect())
}

/// Waits until exactly one container of the pod runs.
async fn runs(node: &str, pod: &str) -> Result<String> {
    eventually(&format!("one container of {pod} runs"), || async {
        let ids = running(node, pod).await?;
        ensure!(ids.len() == 1, "{ids:?}");
        ids.into_iter().next().context("none")
    })
    .await
}

async fn mirror(pods: &Api<Pod>, name: &str, container: &str) -> Result<Pod> {
    eventually(&format!("{name} is shown running"), || async {
        let pod = pods.get(name).await?;
        let status = pod.status.clone().unwrap_or_default();
        ensure!(status.phase.as_deref() == Some("Running"), "{status:?}");
        let shown = status.container_statuses.unwrap_or_default();
        let id = shown.first().and_then(|status| status.container_id.clone()).context("no container id")?;
        ensure!(id == format!("docker://{container}"), "{id} is not {container}");
        Ok(pod)
    })
    .await
}

async fn is_gone(node: &str, pods: &Api<Pod>, name: &str) -> Result<()> {
    eventually(&format!("{name} is gone everywhere"), || async {
        let ids = running(node, name).await?;
        ensure!(ids.is_empty(), "{ids:?}");
        ensure!(pods.get_opt(name).await?.is_none(), "the mirror is still there");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nodes_own_pods_need_no_api_server_and_are_shown_in_it() -> Result<()> {
    let image = Image::make()?;
    let mut ground = Ground::new(Store::Embedded).await?;
    let mut server = ground.api_server("server").await?;
    let _controllers = ground.controllers("controllers", &server)?;
    let folder = ground.path("manifests");
    let folder = Path::new(&folder);
    fs::create_dir(folder)?;
    let network = rand::random::<[u8; 2]>();
    let address = format!("127.{}.{}.1", network[0].clamp(2, 250), network[1]);
    // Containers of other tests' nodes must not be mistaken for this one's.
    let node = format!("own-{}-{}", network[0], network[1]);
    let flags = ["--pod-manifest-path", &folder.display().to_string()];
    let mut agent = ground.agent_with(&node, &address, &server, &flags).await?;
    let pods: Api<Pod> = Api::default_namespaced(server.client().await?);
    let (first, second) = (format!("first-{node}"), format!("second-{node}"));

    // A file appears; one that is no manifest stops nobody.
    fs::write(folder.join("broken.yaml"), "kind: Pod\n")?;
    fs::write(folder.join("first.json"), manifest(image.name(), "first", "1"))?;
    let container = runs(&node, &first).await?;
    let shown = mirror(&pods, &first, &container).await?;
    let owner = shown.metadata.owner_references.iter().flatten().next().context("no owner")?;
    ensure!((&*owner.kind, &*owner.name) == ("Node", &*node), "{owner:?}");
    let kubeconfig = server.kubeconfig("admin")?;
    let kctl = async |args: &[&str]| ground.kctl(&[&["--kubeconfig", &kubeconfig], args].concat()).await;
    let said = kctl(&["exec", &first, "--", "sh", "-c", "echo $ROUND"]).await?;
    ensure!(said == "1\n", "{said:?}");
    let log = kctl(&["logs", &first]).await?;
    ensure!(log == "round 1\n", "{log:?}");
    eventually("describe shows what the node says of its pod", || async {
        let page = kctl(&["describe", "pod", &first]).await?;
        ensure!(page.lines().any(|line| line.contains("kubelet") && line.contains("Started")), "{page}");
        Ok(())
    })
    .await?;
    let events: Api<Event> = Api::default_namespaced(server.client().await?);
    eventually("the broken file is named", || async {
        let all = events.list(&ListParams::default()).await?.items;
        let named = |event: &Event| event.message.as_deref().is_some_and(|message| message.contains("broken.yaml"));
        ensure!(all.iter().any(named), "{} events", all.len());
        Ok(())
    })
    .await?;

    // Whoever deletes what shows it does not end it.
    pods.delete(&first, &DeleteParams::default()).await?;
    let again = eventually("another mirror", || async {
        let pod = pods.get(&first).await?;
        ensure!(pod.metadata.uid != shown.metadata.uid, "still the same");
        Ok(pod)
    })
    .await?;
    ensure!(again.metadata.uid.is_some());
    mirror(&pods, &first, &container).await?;

    // Without an API server a new agent goes on, and starts what is new.
    server.process.kill();
    agent.kill();
    agent.again()?;
    fs::write(folder.join("second.json"), manifest(image.name(), "second", "1"))?;
    let other = runs(&node, &second).await?;
    ensure!(running(&node, &first).await? == [container.clone()], "the first was touched");
    server.process.again()?;
    server.ready().await?;
    mirror(&pods, &first, &container).await?;
    mirror(&pods, &second, &other).await?;

    // A file that changes is another pod of the same name.
    fs::write(folder.join("first.json"), manifest(image.name(), "first", "2"))?;
    let replaced = eventually("the first is replaced", || async {
        let ids = running(&node, &first).await?;
        ensure!(ids.len() == 1 && ids[0] != container, "{ids:?}");
        Ok(ids[0].clone())
    })
    .await?;
    mirror(&pods, &first, &replaced).await?;

    fs::remove_file(folder.join("first.json"))?;
    is_gone(&node, &pods, &first).await?;
    mirror(&pods, &second, &other).await?;
    fs::remove_file(folder.join("second.json"))?;
    is_gone(&node, &pods, &second).await
}
