//! The API server's port.

use super::ClusterError;
use std::net::{IpAddr, TcpListener};
use std::ops::Range;

/// Below those that the system hands to outgoing connections (from 32768 on Linux): while a cluster is down, no
/// stranger's connection takes the port that its kubeconfig names.
const KEPT: Range<u16> = 20_000..32_000;
const TRIES: usize = 100;

/// The port that was asked for, if it is free; for 0, any free one.
pub fn free(address: IpAddr, port: u16) -> Result<u16, ClusterError> {
    let wishes = (port == 0).then(|| (0..TRIES).map(|_| rand::random_range(KEPT)));
    let found = wishes.into_iter().flatten().find_map(|wish| bound(address, wish).ok());
    let taken = |source| ClusterError::Port { port, address: address.to_string(), source };
    found.map_or_else(|| bound(address, port).map_err(taken), Ok)
}

fn bound(address: IpAddr, port: u16) -> std::io::Result<u16> {
    Ok(TcpListener::bind((address, port))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn any_port_is_one_that_outgoing_connections_do_not_get() {
        let port = free(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
        assert!(KEPT.contains(&port), "{port}");
    }

    #[test]
    fn a_taken_port_is_refused_by_number() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let refused = free(Ipv4Addr::LOCALHOST.into(), port).unwrap_err().to_string();
        assert!(refused.contains(&port.to_string()), "{refused}");
    }
}
