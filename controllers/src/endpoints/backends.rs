//! The pods behind a service, as endpoints. Pure.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use timonier_client::Object;

use crate::objects::{
    AddressType, Endpoint, EndpointConditions, EndpointPort, Groups, Pod, Service, Target, TargetPort,
};

/// The endpoints of a service with a selector. `zone` knows where nodes are.
pub fn backends(service: &Service, pods: &[Arc<Pod>], zones: &HashMap<Arc<str>, Arc<str>>) -> Groups {
    let mut groups = Groups::new();
    for pod in pods.iter().filter(|pod| !pod.is_finished()) {
        let ports = ports(service, pod);
        for family in families(service) {
            let address = pod.status.addresses.iter().find(|address| kind(address) == family && is_reachable(address));
            if let Some(address) = address {
                let endpoint = endpoint(service, pod, *address, zones);
                groups.entry((family, ports.clone())).or_default().push(endpoint);
            }
        }
    }
    groups
}

fn families(service: &Service) -> Vec<AddressType> {
    let named = service.spec.ip_families.iter();
    let mut families: Vec<_> =
        named.map(|family| if &**family == "IPv6" { AddressType::IPv6 } else { AddressType::IPv4 }).collect();
    if families.is_empty() {
        families.push(AddressType::IPv4);
    }
    families
}

fn kind(address: &IpAddr) -> AddressType {
    if address.is_ipv4() { AddressType::IPv4 } else { AddressType::IPv6 }
}

/// Nobody on another machine comes to such an address. Pods in the network of a node that is one of several on a machine
/// have one.
fn is_reachable(address: &IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(address.is_loopback() || address.is_unspecified() || address.is_multicast() || link_local)
}

/// The service's ports at this pod; a name that the pod does not know is no port of it.
fn ports(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    let mut ports = Vec::new();
    for port in &service.spec.ports {
        let protocol: Arc<str> = if port.protocol.is_empty() { "TCP".into() } else { port.protocol.clone() };
        let number = match &port.target_port {
            None | Some(TargetPort::Number(0)) => Some(port.port),
            Some(TargetPort::Number(number)) => Some(*number),
            Some(TargetPort::Name(name)) => {
                let same = |given: &str| *protocol == *if given.is_empty() { "TCP" } else { given };
                let named = pod.spec.named_ports.iter();
                let mut named = named.filter(|named| named.name == *name && same(&named.protocol));
                named.next().map(|named| named.container_port)
            }
        };
        if number.is_some() {
            let app_protocol = port.app_protocol.clone();
            ports.push(EndpointPort { name: port.name.clone(), port: number, protocol, app_protocol });
        }
    }
    ports
}

fn endpoint(service: &Service, pod: &Pod, address: IpAddr, zones: &HashMap<Arc<str>, Arc<str>>) -> Endpoint {
    let (serving, terminating) = (pod.is_ready(), pod.meta().is_deleting());
    let ready = service.publishes_not_ready() || (serving && !terminating);
    let hostname = &pod.spec.hostname;
    let named = !hostname.is_empty() && pod.spec.subdomain == service.metadata.name;
    Endpoint {
        addresses: vec![address.to_string().into()],
        conditions: EndpointConditions { ready: Some(ready), serving: Some(serving), terminating: Some(terminating) },
        hostname: named.then(|| hostname.clone()),
        node_name: pod.spec.node_name.clone(),
        zone: pod.spec.node_name.as_ref().and_then(|node| zones.get(node)).cloned(),
        target_ref: Some(Target {
            kind: Pod::KIND.into(),
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
        }),
        hints: None,
    }
}
