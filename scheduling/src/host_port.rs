//! Ports that a pod takes on its node, and when two pods cannot both have one.

use std::net::IpAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        }
    }
}

/// One port on a node. Without an address it is taken on all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostPort {
    pub address: Option<IpAddr>,
    pub protocol: Protocol,
    pub port: u16,
}

impl HostPort {
    /// Same protocol and port, and the same address or every address on either side.
    pub fn conflicts_with(&self, other: &HostPort) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.address.is_none() || other.address.is_none() || self.address == other.address)
    }

    /// From a container port's fields; `None` when it takes no port on the node.
    pub fn parse(host_ip: Option<&str>, protocol: Option<&str>, host_port: Option<i32>) -> Option<HostPort> {
        let port = u16::try_from(host_port?).ok().filter(|&port| port != 0)?;
        let protocol = match protocol {
            Some("UDP") => Protocol::Udp,
            Some("SCTP") => Protocol::Sctp,
            _ => Protocol::Tcp,
        };
        // "0.0.0.0" is every address, and so is what does not parse: too careful beats a clash.
        let address = host_ip.and_then(|ip| ip.parse::<IpAddr>().ok()).filter(|ip| !ip.is_unspecified());
        Some(HostPort { address, protocol, port })
    }
}
