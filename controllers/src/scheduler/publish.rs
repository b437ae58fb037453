//! By which rules it decides: what the scheduler tells of itself, before anything else.

use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use timonier_client::backoff::Backoff;
use timonier_client::object::Resource;
use timonier_client::watch::brief;
use timonier_scheduling::configuration::{Configuration, PUBLISHED_KEY, PUBLISHED_NAME, PUBLISHED_NAMESPACE};
use tracing::{debug, warn};

use super::SCHEDULER_NAME;

const CONFIG_MAPS: Resource = Resource::of("", "v1", "configmaps");

/// Writes the configuration into its ConfigMap. Returns when that is done or refused: who may not tell it decides all the
/// same. Of a decision that was made afterwards, the state that it was made on has the rules.
pub async fn publish(client: &Client, configuration: &Configuration) {
    let mut failures = 0;
    loop {
        match write(client, configuration).await {
            Ok(()) => return,
            Err(error @ kube::Error::SerdeError(_)) => return warn!("cannot tell which profiles there are: {error}"),
            Err(kube::Error::Api(status)) if (400..500).contains(&status.code) && status.code != 429 => {
                warn!("cannot tell which profiles there are, so that nobody can explain by them: {}", status.message);
                return;
            }
            Err(error) => {
                failures += 1;
                debug!("cannot tell yet which profiles there are: {}", brief(&error));
                tokio::time::sleep(Backoff::CALLS.jittered(failures)).await;
            }
        }
    }
}

async fn write(client: &Client, configuration: &Configuration) -> Result<(), kube::Error> {
    let text = serde_json::to_string_pretty(configuration).map_err(kube::Error::SerdeError)?;
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": PUBLISHED_NAMESPACE, "name": PUBLISHED_NAME},
        "data": {PUBLISHED_KEY: text},
    });
    let params = PatchParams::apply(SCHEDULER_NAME).force();
    let request = kube::core::Request::new(CONFIG_MAPS.path(Some(PUBLISHED_NAMESPACE)));
    let request = request.patch(PUBLISHED_NAME, &params, &Patch::Apply(object)).map_err(kube::Error::BuildRequest)?;
    let _answer: Value = client.request(request).await?;
    Ok(())
}
