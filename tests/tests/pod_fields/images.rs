//! Where images come from: registries that want to know who asks, that do not answer, and where images go in the end.

use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::DeleteParams;
use serde_json::json;
use timonier_tests::cluster::{Cluster, Settings, Store, Wish};
use timonier_tests::registry::Registry;
use timonier_tests::scenario;
use timonier_tests::wait::eventually;

use crate::case::{Case, Until, case};
use crate::seen::{Seen, docker};
use crate::suite;

/// Every disk is that full; an image that was pulled has time to be used.
const SETTINGS: Settings = &[
    ("TIMONIER_IMAGE_PULL_PROGRESS_DEADLINE", "10s"),
    ("TIMONIER_IMAGE_GC_HIGH_THRESHOLD", "1"),
    ("TIMONIER_IMAGE_GC_LOW_THRESHOLD", "0"),
    ("TIMONIER_IMAGE_GC_PERIOD", "1s"),
    ("TIMONIER_MINIMUM_IMAGE_TTL_DURATION", "20s"),
];

#[tokio::test(flavor = "multi_thread")]
async fn images_come_from_registries_and_go_when_the_disk_is_full() {
    let wish = Wish { store: Store::Embedded, nodes: 1, hollow: false };
    scenario::with(wish, SETTINGS, async |cluster| {
        let mut registry = Registry::start().await?;
        // Accepts nobody's connection: whoever asks waits.
        let silent = TcpListener::bind("127.0.0.1:0")?;
        let cases = cases(cluster, &mut registry, &silent.local_addr()?.to_string()).await?;
        suite::run(cluster, cases).await
    })
    .await;
}

async fn cases(cluster: &Cluster, registry: &mut Registry, silent: &str) -> Result<Vec<Case>> {
    let mut put = async |repository: &str| registry.put(cluster.image(), repository).await;
    let (refused, _) = put("team/refused").await?;
    let (new, digest) = put("team/new").await?;
    let (old, _) = put("team/old").await?;
    let (of_account, _) = put("team/of-account").await?;
    let (exact, exact_digest) = put("team/exact").await?;
    let (leaving, _) = put("team/leaving").await?;
    let (strangers, _) = put("team/strangers").await?;
    registry.pull(&strangers).await?;

    let config = registry.credentials();
    let secret = |kind: &str, key: &str, content: &serde_json::Value| {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"},
            "type": format!("kubernetes.io/{kind}"), "stringData": {key: content.to_string()}});
        format!("{secret}\n---\n")
    };
    let key = secret("dockerconfigjson", ".dockerconfigjson", &config);
    let wrong = json!({"auths": {&registry.address: {"username": "sailor", "password": "guessed"}}});
    let image = |image: &str| format!("{{image: {image:?}}}");
    let with_key = "imagePullSecrets: [{name: key}]";
    let network = registry.address.clone();
    Ok(vec![
        case("a registry that wants to know who asks")
            .container(&image(&refused))
            .until(Until::Waiting("ImagePullBackOff"))
            .check(async move |seen| {
                let (message, name) = (waiting(seen).await?, &refused);
                let begins = format!("Back-off pulling image {name:?}: ErrImagePull: ");
                ensure!(message.starts_with(&begins) && message.contains("no basic auth credentials"), "{message}");
                let said = seen.events("Failed").await?;
                ensure!(said.iter().any(|said| said.starts_with(&format!("Failed to pull image {name:?}: "))), "{said:?}");
                for expected in ["Error: ErrImagePull", "Error: ImagePullBackOff"] {
                    ensure!(said.iter().any(|said| said == expected), "{said:?}");
                }
                let said = seen.events("BackOff").await?;
                ensure!(said == [format!("Back-off pulling image {name:?}")], "{said:?}");
                Ok(())
            }),
        case("imagePullSecrets of today")
            .covers(&["imagePullSecrets[*].name"])
            .objects(&key)
            .spec(with_key)
            .container(&image(&new))
            .check(async move |seen| {
                let status = status(seen).await?;
                ensure!(status.image_id == format!("docker-pullable://{digest}"), "{}", status.image_id);
                let said = seen.events("Pulled").await?;
                ensure!(said.iter().any(|said| said.starts_with(&format!("Successfully pulled image {new:?} in "))), "{said:?}");
                Ok(())
            }),
        case("imagePullSecrets of old")
            .objects(&secret("dockercfg", ".dockercfg", &config["auths"]))
            .spec(with_key)
            .container(&image(&old))
            .prints("echo runs", "runs"),
        case("imagePullSecrets of the service account")
            .objects(&format!(
                "{key}{{apiVersion: v1, kind: ServiceAccount, metadata: {{name: robot}}, imagePullSecrets: [{{name: key}}]}}"
            ))
            .spec("serviceAccountName: robot")
            .container(&image(&of_account))
            .prints("echo runs", "runs"),
        case("imagePullSecrets with the wrong password")
            .objects(&secret("dockerconfigjson", ".dockerconfigjson", &wrong))
            .spec(with_key)
            .container(&image(&format!("{network}/team/refused:1")))
            .until(Until::Waiting("ImagePullBackOff"))
            .check(async |seen| {
                let message = waiting(seen).await?;
                // As Docker's own image store says it, and as containerd's does.
                let refusals = ["unauthorized: authentication required", "401 Unauthorized"];
                ensure!(refusals.iter().any(|refusal| message.contains(refusal)), "{message}");
                Ok(())
            }),
        case("imagePullSecrets that are missing")
            .spec(with_key)
            .container(&image(&format!("{network}/team/refused:1")))
            .until(Until::Event("FailedToRetrieveImagePullSecret"))
            .check(async |seen| {
                let said = seen.events("FailedToRetrieveImagePullSecret").await?;
                let expected = "Unable to retrieve some image pull secrets (key); attempting to pull the image may not succeed.";
                ensure!(said.iter().all(|said| said == expected), "{said:?}");
                Ok(())
            }),
        case("an image by its digest")
            .objects(&key)
            .spec(with_key)
            .container(&image(&exact_digest))
            .check(async move |seen| {
                let status = status(seen).await?;
                ensure!(status.image_id == format!("docker-pullable://{exact_digest}"), "{}", status.image_id);
                ensure!(!docker(&["image", "inspect", &exact]).await?.success, "no tag was asked for");
                Ok(())
            }),
        case("a registry that does not answer")
            .container(&image(&format!("{silent}/team/app:1")))
            .until(Until::Waiting("ImagePullBackOff"))
            .check(async |seen| {
                let message = waiting(seen).await?;
                ensure!(message.contains("canceled because of no progress for 10s"), "{message}");
                eventually("it is tried again", || async {
                    let pulls = seen.events("Pulling").await?;
                    let tries = seen.tries("Pulling").await?;
                    ensure!(tries >= 2, "{pulls:?} {tries}");
                    Ok(())
                })
                .await
            }),
        case("imagePullPolicy Never of what is not there")
            .covers(&["containers[*].imagePullPolicy"])
            .container("{image: 'nowhere.example/app:1', imagePullPolicy: Never}")
            .until(Until::Waiting("ErrImageNeverPull"))
            .check(async |seen| {
                let message = waiting(seen).await?;
                let expected = "Container image \"nowhere.example/app:1\" is not present with pull policy of Never";
                ensure!(message == expected, "{message}");
                Ok(())
            }),
        case("an image whose name is none")
            .covers(&["containers[*].image"])
            .container("image: 'Nowhere/App:1'")
            .until(Until::Waiting("InvalidImageName"))
            .check(async |seen| {
                let message = waiting(seen).await?;
                ensure!(message.ends_with("repository name (Nowhere/App) must be lowercase"), "{message}");
                Ok(())
            }),
        case("an image that nobody uses goes, a stranger's stays")
            .objects(&key)
            .spec(with_key)
            .container(&image(&leaving))
            .beside(&format!("{{name: other, image: {strangers:?}}}"))
            .check(async move |seen| {
                let is_there = async |name: &str| Ok::<_, anyhow::Error>(docker(&["image", "inspect", name]).await?.success);
                ensure!(is_there(&leaving).await?, "what is used stays");
                seen.api::<Pod>().delete("pod", &DeleteParams::default()).await?;
                eventually("the agent's own image is gone", || async {
                    ensure!(!is_there(&leaving).await?, "{leaving} is still there");
                    Ok(())
                })
                .await?;
                ensure!(is_there(&strangers).await?, "it removed an image that it had not brought");
                Ok(())
            }),
    ])
}

async fn status(seen: &Seen) -> Result<ContainerStatus> {
    let status = seen.pod().await?.status.context("no status")?;
    status.container_statuses.into_iter().flatten().next().context("no container")
}

async fn waiting(seen: &Seen) -> Result<String> {
    let state = status(seen).await?.state.and_then(|state| state.waiting);
    state.and_then(|waiting| waiting.message).context("it does not wait")
}
