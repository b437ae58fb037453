//! The cluster's bridge on one daemon.

use std::collections::HashMap;

use bollard::{
    Docker,
    models::{Ipam, IpamConfig, NetworkCreateRequest},
    query_parameters::ListNetworksOptionsBuilder,
};

use super::convert;
use crate::{addresses, labels, runtime::RuntimeError};

/// Makes the bridge unless it is there. Docker allows two networks of one name but none that overlap: of agents that
/// race, all but one are refused, and find the winner's.
pub async fn ensure(docker: &Docker, cluster: &str, subnet: &str) -> Result<(), RuntimeError> {
    if exists(docker, cluster).await? {
        return Ok(());
    }
    let gateway = addresses::gateway(subnet)
        .ok_or_else(|| RuntimeError::Failed(format!("bridge subnet {subnet:?} is not an IPv4 range")))?;
    let config =
        IpamConfig { subnet: Some(subnet.to_owned()), gateway: Some(gateway.to_string()), ..IpamConfig::default() };
    let request = NetworkCreateRequest {
        name: labels::network_name(cluster),
        driver: Some("bridge".to_owned()),
        ipam: Some(Ipam { config: Some(vec![config]), ..Ipam::default() }),
        labels: Some(HashMap::from([(labels::CLUSTER.to_owned(), cluster.to_owned())])),
        ..NetworkCreateRequest::default()
    };
    match docker.create_network(request).await {
        Ok(_) => Ok(()),
        Err(_) if exists(docker, cluster).await? => Ok(()),
        Err(error) => Err(RuntimeError::Failed(format!(
            "cannot make network {} with subnet {subnet}: {}",
            labels::network_name(cluster),
            convert::error(error)
        ))),
    }
}

async fn exists(docker: &Docker, cluster: &str) -> Result<bool, RuntimeError> {
    let name = labels::network_name(cluster);
    let filters = HashMap::from([("label".to_owned(), vec![format!("{}={cluster}", labels::CLUSTER)])]);
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let networks = docker.list_networks(Some(options)).await.map_err(convert::error)?;
    Ok(networks.iter().any(|network| network.name.as_deref() == Some(&name)))
}
