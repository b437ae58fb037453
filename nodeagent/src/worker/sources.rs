//! Fetching what a pod refers to, but for its tokens.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret};
use kube::{Api, Client};
use serde::de::DeserializeOwned;

use crate::desired::sources::{Claim, References, Sources};

/// Reads at once.
const WIDTH: usize = 4;

pub async fn fetch(client: &Client, namespace: &str, names: References) -> Result<Sources, kube::Error> {
    Ok(Sources {
        namespace: namespace.to_owned(),
        config_maps: all(&Api::<ConfigMap>::namespaced(client.clone(), namespace), names.config_maps).await?,
        secrets: all(&Api::<Secret>::namespaced(client.clone(), namespace), names.secrets).await?,
        tokens: BTreeMap::new(),
        claims: claims(client, namespace, names.claims).await?,
        service_links: Vec::new(),
    })
}

async fn claims(
    client: &Client,
    namespace: &str,
    names: BTreeSet<String>,
) -> Result<BTreeMap<String, Option<Claim>>, kube::Error> {
    let found = all(&Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace), names).await?;
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    let mut claims = BTreeMap::new();
    for (name, claim) in found {
        let Some(claim) = claim else {
            claims.insert(name, None);
            continue;
        };
        let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).filter(|name| !name.is_empty());
        let volume = match volume {
            Some(volume) => volumes.get_opt(volume).await?,
            None => None,
        };
        claims.insert(name, Some((claim, volume)));
    }
    Ok(claims)
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
