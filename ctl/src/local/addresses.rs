//! Choosing addresses that no other cluster on this machine uses.
//!
//! Nodes of one machine live on 127.a.b.1, 127.a.b.2, …; pods on 10.x.0.0/16, a /24 of it for each node. Both follow from
//! the cluster's id, so that two clusters rarely want the same; what is taken is skipped, and the choice is kept.

use super::ClusterError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

/// The address of this machine towards others. Nothing is sent: only the route is asked for.
pub fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // TEST-NET-1 (RFC 5737) lies behind the default route.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Addresses {
    /// `127.a.b.0`: node n has `127.a.b.n`.
    pub node_network: Ipv4Addr,
    /// `10.x.0.0`, a /16.
    pub pod_network: Ipv4Addr,
}

/// An agent's port, by convention.
pub const AGENT_PORT: u16 = 10250;

impl Addresses {
    /// The first choice that both probes call free.
    pub fn derive(
        cluster_id: &str,
        node_network_free: impl Fn(Ipv4Addr) -> bool,
        pod_network_free: impl Fn(Ipv4Addr) -> bool,
    ) -> Result<Addresses, ClusterError> {
        let hash = Sha256::digest(cluster_id.as_bytes());
        let start = u32::from_be_bytes([0, 0, hash[0], hash[1]]);
        // 127.0.0.0/16 is left to everyone else on this machine.
        let node_network = (0..255 * 256)
            .map(|i| (start + i) % (255 * 256))
            .map(|i| Ipv4Addr::new(127, 1 + (i / 256) as u8, (i % 256) as u8, 0))
            .find(|network| node_network_free(*network))
            .ok_or_else(|| ClusterError::NoAddresses("no free network below 127.0.0.0/8 for the nodes".into()))?;
        let pod_network = (0..=255u8)
            .map(|i| Ipv4Addr::new(10, hash[2].wrapping_add(i), 0, 0))
            .find(|network| pod_network_free(*network))
            .ok_or_else(|| {
                ClusterError::NoAddresses("every 10.x.0.0/16 has a route already; none is left for pods".into())
            })?;
        Ok(Addresses { node_network, pod_network })
    }

    /// Probes this machine: nobody listens on the agents' port, no route leads into the pods' network.
    pub fn probe(cluster_id: &str) -> Result<Addresses, ClusterError> {
        let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
        Self::derive(
            cluster_id,
            |network| {
                let [a, b, c, _] = network.octets();
                TcpListener::bind((Ipv4Addr::new(a, b, c, 1), AGENT_PORT)).is_ok()
            },
            |network| !route_overlaps(&routes, network),
        )
    }

    pub fn node(&self, number: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.node_network) + number)
    }

    pub fn pod_cidr(&self) -> String {
        format!("{}/16", self.pod_network)
    }
}

/// Whether a route of `/proc/net/route` (hexadecimal, little endian) covers part of a /16. The default route does not count.
fn route_overlaps(routes: &str, network: Ipv4Addr) -> bool {
    const MASK_16: u32 = 0xffff_0000;
    let number = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::swap_bytes);
    routes.lines().skip(1).any(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (Some(destination), Some(mask)) =
            (columns.get(1).and_then(|c| number(c)), columns.get(7).and_then(|c| number(c)))
        else {
            return false;
        };
        let common = mask & MASK_16;
        mask != 0 && destination & common == u32::from(network) & common
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        br-1\t0000070A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
        br-2\t0005080A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

    #[test]
    fn a_route_into_the_network_takes_it_and_the_default_route_does_not() {
        assert!(route_overlaps(ROUTES, Ipv4Addr::new(10, 7, 0, 0)));
        assert!(route_overlaps(ROUTES, Ipv4Addr::new(10, 8, 0, 0)));
        assert!(!route_overlaps(ROUTES, Ipv4Addr::new(10, 9, 0, 0)));
    }

    #[test]
    fn what_is_taken_is_skipped_and_the_id_decides_the_rest() {
        let first = Addresses::derive("a", |_| true, |_| true).unwrap();
        assert_eq!(first, Addresses::derive("a", |_| true, |_| true).unwrap());
        let next = Addresses::derive("a", |n| n != first.node_network, |p| p != first.pod_network).unwrap();
        assert_ne!(next.node_network, first.node_network);
        assert_ne!(next.pod_network, first.pod_network);
        assert!(Addresses::derive("a", |_| true, |_| false).is_err());
    }

    #[test]
    fn nodes_are_numbered_from_one() {
        let addresses =
            Addresses { node_network: Ipv4Addr::new(127, 4, 5, 0), pod_network: Ipv4Addr::new(10, 9, 0, 0) };
        assert_eq!(addresses.node(1), Ipv4Addr::new(127, 4, 5, 1));
        assert_eq!(addresses.pod_cidr(), "10.9.0.0/16");
    }
}
