//! Fetching the ConfigMaps and Secrets that a pod refers to.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};
use serde::de::DeserializeOwned;

use crate::desired::sources::{References, Sources};

/// Reads at once.
const WIDTH: usize = 4;

pub async fn fetch(client: &Client, namespace: &str, names: References) -> Result<Sources, kube::Error> {
    Ok(Sources {
        namespace: namespace.to_owned(),
        config_maps: all(&Api::<ConfigMap>::namespaced(client.clone(), namespace), names.config_maps).await?,
        secrets: all(&Api::<Secret>::namespaced(client.clone(), namespace), names.secrets).await?,
    })
}

async fn all<K>(api: &Api<K>, names: BTreeSet<String>) -> Result<BTreeMap<String, Option<K>>, kube::Error>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let reads = names.into_iter().map(|name| async move {
        let found = api.get_opt(&name).await?;
        Ok::<_, kube::Error>((name, found))
    });
    stream::iter(reads).buffer_unordered(WIDTH).try_collect().await
}
