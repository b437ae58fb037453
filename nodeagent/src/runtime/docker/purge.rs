//! Leaving a daemon as if the cluster had never been there.

use std::collections::HashMap;

use bollard::{
    Docker,
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveImageOptions, RemoveVolumeOptions,
    },
};
use futures::{StreamExt, stream};

use super::{connect, convert, sandbox_image};
use crate::{PurgeReport, error::Error, labels, runtime::RuntimeError};

/// Removals at once.
const WIDTH: usize = 8;

/// Removes every container, network and volume of the cluster from one daemon, and the sandbox's image when no
/// container of another cluster uses it. Nothing else is touched. `host` as in `DOCKER_HOST`.
pub async fn purge(host: Option<&str>, cluster_id: &str) -> Result<PurgeReport, Error> {
    if cluster_id.is_empty() {
        return Err(Error::Config("purge needs the cluster's id".to_owned()));
    }
    let host = connect::Host::parse(host)?;
    let docker = connect::connect(&host).await?;
    let report = remove_all(&docker, cluster_id).await;
    report.map_err(|error| Error::Docker { host: host.to_string(), message: error.to_string() })
}

async fn remove_all(docker: &Docker, cluster: &str) -> Result<PurgeReport, RuntimeError> {
    let mut report = PurgeReport::default();
    let filters = HashMap::from([("label".to_owned(), vec![format!("{}={cluster}", labels::CLUSTER)])]);

    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers = docker.list_containers(Some(options)).await.map_err(convert::error)?;
    let mut removals = stream::iter(containers.into_iter().filter_map(|container| container.id))
        .map(|id| async move {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            docker.remove_container(&id, Some(options)).await
        })
        .buffer_unordered(WIDTH);
    while let Some(removal) = removals.next().await {
        report.containers += usize::from(done(removal)?);
    }
    drop(removals);

    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    for network in docker.list_networks(Some(options)).await.map_err(convert::error)? {
        let id = network.id.unwrap_or_default();
        report.networks += usize::from(done(docker.remove_network(&id).await)?);
    }

    let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let volumes = docker.list_volumes(Some(options)).await.map_err(convert::error)?.volumes;
    for volume in volumes.unwrap_or_default() {
        report.volumes += usize::from(done(docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await)?);
    }

    // Docker itself refuses while another cluster's sandboxes use it.
    let image = docker.remove_image(&sandbox_image::name(), None::<RemoveImageOptions>, None).await;
    report.images += usize::from(image.is_ok());
    Ok(report)
}

/// Whether this call removed it: gone already is as good.
fn done<T>(removal: Result<T, bollard::errors::Error>) -> Result<bool, RuntimeError> {
    match removal.map_err(convert::error) {
        Ok(_) => Ok(true),
        Err(RuntimeError::NotFound(_) | RuntimeError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
