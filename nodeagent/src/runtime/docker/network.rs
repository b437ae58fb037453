//! The cluster's bridge on one daemon.

use std::{collections::HashMap, time::Duration};

use bollard::{
    Docker,
    models::{Ipam, IpamConfig, NetworkCreateRequest},
    query_parameters::ListNetworksOptionsBuilder,
};

use super::convert;
use crate::{addresses, labels, runtime::RuntimeError};

/// How often, and how far apart, to look for the network of an agent that was faster.
const LOOKS: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_millis(100);

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
    let Err(refused) = docker.create_network(request).await else { return Ok(()) };
    for _ in 0..LOOKS {
        if exists(docker, cluster).await? {
            return Ok(());
        }
        // The winner has the range before its network can be seen.
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(RuntimeError::Failed(format!(
        "cannot make network {} with subnet {subnet}: {}",
        labels::network_name(cluster),
        convert::error(refused)
    )))
}

async fn exists(docker: &Docker, cluster: &str) -> Result<bool, RuntimeError> {
    let name = labels::network_name(cluster);
    let filters = HashMap::from([("label".to_owned(), vec![format!("{}={cluster}", labels::CLUSTER)])]);
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let networks = docker.list_networks(Some(options)).await.map_err(convert::error)?;
    Ok(networks.iter().any(|network| network.name.as_deref() == Some(&name)))
}
