//! From where each endpoint is to be used first. Pure.
//!
//! A service says `trafficDistribution`: each endpoint is for its own zone, or its own node. With the older annotation
//! `service.kubernetes.io/topology-mode: Auto` endpoints are shared out as the nodes' processors are ([`shares`]), or there are no
//! hints where that is not possible.

use std::sync::Arc;

use super::shares::Shares;
use crate::objects::{AddressType, Endpoint, Groups, Hints, Node, Place, Service};

const MODE: &str = "service.kubernetes.io/topology-mode";
/// Its older name.
const AWARE_HINTS: &str = "service.kubernetes.io/topology-aware-hints";

/// Its endpoints are shared out among zones by what the nodes there are worth.
pub fn shares_out(service: &Service) -> bool {
    let annotations = &service.metadata.annotations;
    let mode = annotations.get(AWARE_HINTS).or_else(|| annotations.get(MODE));
    mode.is_some_and(|mode| matches!(mode.as_str(), "Auto" | "auto"))
}

/// Puts the hints that the service asks for into its endpoints, which have none yet.
pub fn give(service: &Service, groups: &mut Groups, nodes: &[Arc<Node>]) {
    if shares_out(service) {
        let shares = Shares::of(nodes);
        for family in [AddressType::IPv4, AddressType::IPv6] {
            share_out(family, groups, shares.as_ref());
        }
        return;
    }
    let by_node = match service.spec.traffic_distribution.as_deref() {
        Some("PreferClose" | "PreferSameZone") => false,
        Some("PreferSameNode") => true,
        _ => return,
    };
    for endpoint in groups.values_mut().flatten().filter(|endpoint| is_ready(endpoint)) {
        let place = |name: &Option<Arc<str>>| name.iter().map(|name| Place { name: name.clone() }).collect::<Vec<_>>();
        let for_nodes = if by_node { place(&endpoint.node_name) } else { Vec::new() };
        let hints = Hints { for_zones: place(&endpoint.zone), for_nodes };
        endpoint.hints = (hints != Hints::default()).then_some(hints);
    }
}

fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.ready == Some(true)
}

fn share_out(family: AddressType, groups: &mut Groups, shares: Option<&Shares>) {
    let of_family = groups.iter_mut().filter(|((of, _), _)| *of == family);
    let mut ready: Vec<&mut Endpoint> =
        of_family.flat_map(|(_, endpoints)| endpoints).filter(|endpoint| is_ready(endpoint)).collect();
    let zones: Option<Vec<Arc<str>>> = ready.iter().map(|endpoint| endpoint.zone.clone()).collect();
    let Some(for_zones) = zones.zip(shares).and_then(|(zones, shares)| shares.allot(&zones)) else { return };
    for (endpoint, name) in ready.iter_mut().zip(for_zones) {
        endpoint.hints = Some(Hints { for_zones: vec![Place { name }], for_nodes: Vec::new() });
    }
}
