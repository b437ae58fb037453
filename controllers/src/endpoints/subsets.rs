//! Endpoints, the form of older clients: subsets from groups of endpoints, and groups from subsets that somebody else
//! wrote. Pure.

use std::{net::IpAddr, sync::Arc};

use crate::objects::{
    Address, AddressType, Endpoint, EndpointConditions, EndpointPort, Endpoints, Groups, Subset, SubsetPort,
};

/// More addresses than this are left out of Endpoints.
pub const MOST_ADDRESSES: usize = 1000;

/// The subsets, and whether some addresses were left out. Ready ones come first.
pub fn subsets(groups: &Groups, publishes_not_ready: bool) -> (Vec<Subset>, bool) {
    // One family stands in Endpoints: that of the first address.
    let family = groups.keys().map(|(family, _)| *family).min();
    let mut subsets = Vec::new();
    for ((_, ports), endpoints) in groups.iter().filter(|((of, _), _)| Some(*of) == family) {
        let mut subset = Subset { ports: ports.iter().filter_map(port).collect(), ..Subset::default() };
        for endpoint in endpoints {
            if endpoint.conditions.ready == Some(true) {
                subset.addresses.push(address(endpoint));
            } else if endpoint.conditions.terminating != Some(true) || publishes_not_ready {
                subset.not_ready_addresses.push(address(endpoint));
            }
        }
        subset.addresses.sort();
        subset.not_ready_addresses.sort();
        if !subset.addresses.is_empty() || !subset.not_ready_addresses.is_empty() {
            subsets.push(subset);
        }
    }
    let truncated = truncate(&mut subsets);
    (subsets, truncated)
}

fn truncate(subsets: &mut Vec<Subset>) -> bool {
    let all: usize = subsets.iter().map(|subset| subset.addresses.len() + subset.not_ready_addresses.len()).sum();
    let mut room = MOST_ADDRESSES;
    for subset in &mut *subsets {
        subset.addresses.truncate(room);
        room -= subset.addresses.len();
    }
    for subset in &mut *subsets {
        subset.not_ready_addresses.truncate(room);
        room -= subset.not_ready_addresses.len();
    }
    subsets.retain(|subset| !subset.addresses.is_empty() || !subset.not_ready_addresses.is_empty());
    all > MOST_ADDRESSES
}

fn port(port: &EndpointPort) -> Option<SubsetPort> {
    let number = port.port?;
    Some(SubsetPort {
        name: port.name.clone(),
        port: number,
        protocol: port.protocol.clone(),
        app_protocol: port.app_protocol.clone(),
    })
}

fn address(endpoint: &Endpoint) -> Address {
    Address {
        ip: endpoint.addresses.first().cloned().unwrap_or_default(),
        hostname: endpoint.hostname.clone(),
        node_name: endpoint.node_name.clone(),
        target_ref: endpoint.target_ref.clone(),
    }
}

/// What slices are to say of Endpoints that a user keeps; of each subset at most so many addresses.
pub fn mirrored(endpoints: &Endpoints) -> Groups {
    let mut groups = Groups::new();
    for subset in &endpoints.subsets {
        let ports: Vec<EndpointPort> = subset.ports.iter().map(mirrored_port).collect();
        let ready = subset.addresses.iter().map(|address| (address, true));
        let all = ready.chain(subset.not_ready_addresses.iter().map(|address| (address, false)));
        for (address, ready) in all.take(MOST_ADDRESSES) {
            let Some(family) = family(&address.ip) else { continue };
            let endpoint = Endpoint {
                addresses: vec![address.ip.clone()],
                conditions: EndpointConditions { ready: Some(ready), serving: None, terminating: None },
                hostname: address.hostname.clone(),
                node_name: address.node_name.clone(),
                zone: None,
                target_ref: address.target_ref.clone(),
                hints: None,
            };
            groups.entry((family, ports.clone())).or_default().push(endpoint);
        }
    }
    groups
}

fn mirrored_port(port: &SubsetPort) -> EndpointPort {
    EndpointPort {
        name: port.name.clone(),
        port: Some(port.port),
        protocol: if port.protocol.is_empty() { "TCP".into() } else { port.protocol.clone() },
        app_protocol: port.app_protocol.clone(),
    }
}

fn family(ip: &Arc<str>) -> Option<AddressType> {
    match ip.parse().ok()? {
        IpAddr::V4(_) => Some(AddressType::IPv4),
        IpAddr::V6(_) => Some(AddressType::IPv6),
    }
}
