//! Pulling an image with the credentials that its pod brings.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::Api;

use super::{Worker, image::Missing};
use crate::{
    desired::{self, keyring::Keyring},
    memory::{go_duration, signed},
    node::in_time,
    runtime::{Image, PullRequest, Runtime, RuntimeError},
};

impl<R: Runtime> Worker<R> {
    /// `present`: the id of the image that has the name already.
    pub(super) async fn pull(&self, container: &str, image: &str, present: Option<String>) -> Result<(), Missing> {
        let notices = &self.notices;
        notices.container_normal(container, "Pulling", format!("Pulling image {image:?}"));
        let asked = std::time::Instant::now();
        let keyring = self.keyring().await;
        // Only closing it could fail, and nobody does.
        let _turn = self.shared.pulls.acquire().await;
        let begun = std::time::Instant::now();
        match self.try_each(image, &keyring).await {
            Ok(pulled) => {
                let images = &self.shared.images;
                if present.as_deref() != Some(&pulled.id) || images.knows(&pulled.id) {
                    images.pulled(&pulled, image, Timestamp::now());
                }
                let took = |since: std::time::Instant| {
                    go_duration(SignedDuration::from_millis(signed(since.elapsed()).as_millis() as i64))
                };
                let message = format!(
                    "Successfully pulled image {image:?} in {} ({} including waiting). Image size: {} bytes.",
                    took(begun),
                    took(asked),
                    pulled.size_bytes
                );
                notices.container_normal(container, "Pulled", message);
                Ok(())
            }
            Err(error) => {
                notices.container_warning(container, "Failed", format!("Failed to pull image {image:?}: {error}"));
                notices.container_warning(container, "Failed", "Error: ErrImagePull");
                let message = match error {
                    RuntimeError::Unavailable(message) => format!("failed to pull image {image:?}: {message}"),
                    other => other.to_string(),
                };
                Err(Missing::Because { reason: "ErrImagePull", message, pulled: true })
            }
        }
    }

    /// With each of the credentials that match, without any if none does. The last refusal is told.
    async fn try_each(&self, image: &str, keyring: &Keyring) -> Result<Image, RuntimeError> {
        let runtime = &self.shared.runtime;
        let patience = self.shared.hosting.image_pull_progress_deadline;
        let request = |credentials| PullRequest { name: image, credentials, patience };
        let mut refused = None;
        for credentials in keyring.lookup(image) {
            match runtime.pull(&request(Some(credentials))).await {
                Ok(pulled) => return Ok(pulled),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) => Err(error),
            None => runtime.pull(&request(None)).await,
        }
    }

    /// From the pod's secrets, or its account's. What is missing is told, and the pull tried all the same.
    async fn keyring(&self) -> Keyring {
        let mut secrets = Vec::new();
        let mut missing = Vec::new();
        let api: Api<Secret> = Api::namespaced(self.shared.client.clone(), &self.identity.namespace);
        for name in self.pull_secrets().await {
            match in_time(api.get_opt(&name)).await {
                Ok(Some(secret)) => secrets.push(secret),
                Ok(None) => missing.push(name),
                Err(error) => {
                    tracing::warn!(pod = self.identity.name, secret = name, %error, "image pull secret not read");
                    missing.push(name);
                }
            }
        }
        let (keyring, unreadable) = Keyring::of(&secrets);
        missing.extend(unreadable);
        if !missing.is_empty() {
            let message = format!(
                "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
                missing.join(", ")
            );
            self.notices.warning("FailedToRetrieveImagePullSecret", message);
        }
        keyring
    }

    async fn pull_secrets(&self) -> Vec<String> {
        let Some(pod) = self.pod.as_deref() else { return Vec::new() };
        let own = desired::spec(pod).image_pull_secrets.clone().unwrap_or_default();
        let named = match (own.is_empty(), desired::spec(pod).service_account_name.as_deref()) {
            (true, Some(account)) if !account.is_empty() && !R::SIMULATED => {
                let accounts: Api<ServiceAccount> =
                    Api::namespaced(self.shared.client.clone(), &self.identity.namespace);
                let account = in_time(accounts.get_opt(account)).await.ok().flatten();
                account.and_then(|account| account.image_pull_secrets).unwrap_or_default()
            }
            _ => own,
        };
        named.into_iter().map(|reference| reference.name).filter(|name| !name.is_empty()).collect()
    }
}
