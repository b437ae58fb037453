//! The cluster's bridge on one daemon.

use std::{collections::HashMap, time::Duration};

use bollard::{
    Docker,
    models::{Ipam, IpamConfig, NetworkCreateRequest},
    query_parameters::ListNetworksOptionsBuilder,
};

use super::convert;
use crate::{
    addresses, labels,
    runtime::{Network, RuntimeError},
};

/// How often, and how far apart, to look for the network of an agent that was faster.
const LOOKS: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Makes the bridge unless it is there. Docker allows two networks of one name but none that overlap: of agents that
/// race, all but one are refused, and find the winner's.
pub async fn ensure(docker: &Docker, cluster: &str, node: &str, network: &Network) -> Result<(), RuntimeError> {
    if let Some(found) = find(docker, cluster).await? {
        match verdict(&found, node, network) {
            Verdict::Fits => return Ok(()),
            Verdict::Refuse(reason) => return Err(RuntimeError::Misconfigured(reason)),
            Verdict::Replace => docker.remove_network(&labels::network_name(cluster)).await.map_err(convert::error)?,
        }
    }
    let subnet = &network.subnet;
    let gateway = addresses::gateway(subnet)
        .ok_or_else(|| RuntimeError::Failed(format!("bridge subnet {subnet:?} is not an IPv4 range")))?;
    let config =
        IpamConfig { subnet: Some(subnet.to_owned()), gateway: Some(gateway.to_string()), ..IpamConfig::default() };
    let owner =
        [(labels::CLUSTER, cluster), (labels::NODE, node)].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let request = NetworkCreateRequest {
        name: labels::network_name(cluster),
        driver: Some("bridge".to_owned()),
        ipam: Some(Ipam { config: Some(vec![config]), ..Ipam::default() }),
        labels: Some(HashMap::from(owner)),
        ..NetworkCreateRequest::default()
    };
    let Err(refused) = docker.create_network(request).await else { return Ok(()) };
    for _ in 0..LOOKS {
        if let Some(found) = find(docker, cluster).await? {
            return match verdict(&found, node, network) {
                Verdict::Refuse(reason) => Err(RuntimeError::Misconfigured(reason)),
                Verdict::Fits | Verdict::Replace => Ok(()),
            };
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

/// The cluster's bridge as it is.
struct Bridge {
    name: String,
    subnets: Vec<String>,
    /// The node whose agent made it.
    made_by: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Fits,
    /// It is this node's own, from a time when it had another range.
    Replace,
    Refuse(String),
}

/// Pods get addresses of their node's range, so the bridge must hold it.
fn verdict(bridge: &Bridge, node: &str, network: &Network) -> Verdict {
    if bridge.subnets.iter().any(|subnet| addresses::contains(subnet, &network.pod_cidr)) {
        return Verdict::Fits;
    }
    if bridge.made_by.as_deref() == Some(node) {
        return Verdict::Replace;
    }
    Verdict::Refuse(format!(
        "network {} of this Docker Engine has subnet {}, which does not hold this node's podCIDR {}: agents that share a \
         daemon need the same --bridge-subnet, a range that holds the podCIDRs of all of them (the controllers' \
         --cluster-cidr does); give it to each of them, and remove the network before they start again",
        bridge.name,
        bridge.subnets.join(", "),
        network.pod_cidr
    ))
}

async fn find(docker: &Docker, cluster: &str) -> Result<Option<Bridge>, RuntimeError> {
    let name = labels::network_name(cluster);
    let filters = HashMap::from([("label".to_owned(), vec![format!("{}={cluster}", labels::CLUSTER)])]);
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let networks = docker.list_networks(Some(options)).await.map_err(convert::error)?;
    let found = networks.into_iter().find(|network| network.name.as_deref() == Some(&name));
    Ok(found.map(|network| Bridge {
        name,
        subnets: network
            .ipam
            .and_then(|ipam| ipam.config)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|c| c.subnet)
            .collect(),
        made_by: network.labels.and_then(|labels| labels.get(labels::NODE).cloned()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_without_room_for_the_node_is_refused_unless_it_is_its_own() {
        let bridge = |made_by: &str| Bridge {
            name: "timonier-x".into(),
            subnets: vec!["10.1.0.0/24".into()],
            made_by: Some(made_by.into()),
        };
        let network = |cidr: &str| Network { subnet: cidr.into(), pod_cidr: cidr.into() };
        assert_eq!(verdict(&bridge("one"), "two", &network("10.1.0.0/24")), Verdict::Fits);
        assert_eq!(verdict(&bridge("one"), "one", &network("10.1.1.0/24")), Verdict::Replace);
        let Verdict::Refuse(reason) = verdict(&bridge("one"), "two", &network("10.1.1.0/24")) else {
            panic!("two agents would get in each other's way");
        };
        assert!(reason.contains("10.1.1.0/24") && reason.contains("--bridge-subnet"), "{reason}");
    }
}
