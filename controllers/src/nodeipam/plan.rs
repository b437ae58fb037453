//! Which node gets which range. Pure.

use std::{collections::HashSet, fmt, net::Ipv4Addr, str::FromStr, sync::Arc};

use crate::objects::Node;

/// An IPv4 range: address and prefix length, host bits zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    base: u32,
    prefix: u8,
}

/// Each node gets a range of this prefix length: 254 pods.
pub const NODE_PREFIX: u8 = 24;

impl Cidr {
    /// How many node ranges it holds.
    fn ranges(self) -> u32 {
        1 << (NODE_PREFIX - self.prefix)
    }

    fn range(self, index: u32) -> Cidr {
        Cidr { base: self.base + (index << (32 - NODE_PREFIX)), prefix: NODE_PREFIX }
    }

    /// Where in this range the other one lies; several for one that is wider than a node's.
    fn indexes_of(self, other: Cidr) -> std::ops::Range<u32> {
        let step = 32 - NODE_PREFIX;
        let first = (other.base >> step).checked_sub(self.base >> step);
        match first.filter(|first| *first < self.ranges()) {
            Some(first) => {
                let width = 1_u32 << NODE_PREFIX.saturating_sub(other.prefix).min(30);
                first..(first + width).min(self.ranges())
            }
            None => 0..0,
        }
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Cidr, String> {
        let (address, prefix) = text.split_once('/').ok_or("there is no /")?;
        let address: Ipv4Addr = address.parse().map_err(|_| format!("{address:?} is no IPv4 address"))?;
        let prefix: u8 = prefix.parse().map_err(|_| format!("{prefix:?} is no prefix length"))?;
        if prefix > 32 {
            return Err(format!("a prefix of {prefix} is longer than an address"));
        }
        let mask = u32::MAX.checked_shl(u32::from(32 - prefix)).unwrap_or(0);
        Ok(Cidr { base: u32::from(address) & mask, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.prefix)
    }
}

/// The range of all nodes; it holds at least one node's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterCidr(Cidr);

impl FromStr for ClusterCidr {
    type Err = String;

    fn from_str(text: &str) -> Result<ClusterCidr, String> {
        let cidr: Cidr = text.parse()?;
        if !(8..=NODE_PREFIX).contains(&cidr.prefix) {
            return Err(format!("the prefix is /{}, not /8 to /{NODE_PREFIX}", cidr.prefix));
        }
        Ok(ClusterCidr(cidr))
    }
}

#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    pub assign: Vec<(Arc<str>, String)>,
    /// Nodes for which no range is left.
    pub without: Vec<Arc<str>>,
    /// Where the next search starts: a range that was given back rests while others are free.
    pub next: u32,
}

pub fn plan(nodes: &[Arc<Node>], cluster: ClusterCidr, start: u32) -> Plan {
    let ClusterCidr(cluster) = cluster;
    let mut used = HashSet::new();
    for node in nodes {
        // A range that is none of ours takes nothing away.
        if let Ok(cidr) = node.spec.pod_cidr.parse::<Cidr>() {
            used.extend(cluster.indexes_of(cidr));
        }
    }
    let mut plan = Plan { next: start.max(used.iter().max().map_or(0, |last| last + 1)), ..Plan::default() };
    let lacking = nodes.iter().filter(|node| node.spec.pod_cidr.is_empty() && !node.metadata.is_deleting());
    for node in lacking {
        let name = node.metadata.name.clone();
        let ranges = cluster.ranges();
        let free = (0..ranges).map(|step| (plan.next + step) % ranges).find(|index| !used.contains(index));
        match free {
            Some(index) => {
                used.insert(index);
                plan.next = index + 1;
                plan.assign.push((name, cluster.range(index).to_string()));
            }
            None => plan.without.push(name),
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, cidr: &str) -> Arc<Node> {
        let mut node = Node::default();
        node.metadata.name = name.into();
        node.spec.pod_cidr = cidr.into();
        Arc::new(node)
    }

    fn check(cluster: &str, start: u32, nodes: &[(&str, &str)], expect: &[(&str, &str)]) -> Plan {
        let nodes: Vec<_> = nodes.iter().map(|(name, cidr)| node(name, cidr)).collect();
        let plan = plan(&nodes, cluster.parse().expect("a range"), start);
        let assigned: Vec<_> = plan.assign.iter().map(|(name, cidr)| (&**name, cidr.as_str())).collect();
        assert_eq!(assigned, expect);
        plan
    }

    #[test]
    fn each_node_gets_a_range_of_its_own() {
        let expect = [("a", "10.244.0.0/24"), ("b", "10.244.1.0/24")];
        check("10.244.0.0/16", 0, &[("a", ""), ("b", "")], &expect);
    }

    #[test]
    fn what_nodes_have_is_kept_also_by_a_controller_that_just_started() {
        let nodes = [("a", "10.244.0.0/24"), ("b", "10.244.7.0/24"), ("c", "")];
        check("10.244.0.0/16", 0, &nodes, &[("c", "10.244.8.0/24")]);
    }

    #[test]
    fn a_range_that_was_given_back_rests_until_the_others_are_used() {
        check("10.0.0.0/22", 2, &[("a", ""), ("b", "")], &[("a", "10.0.2.0/24"), ("b", "10.0.3.0/24")]);
        let nodes = [("a", "10.0.2.0/24"), ("b", "10.0.3.0/24"), ("c", "")];
        check("10.0.0.0/22", 4, &nodes, &[("c", "10.0.0.0/24")]);
    }

    #[test]
    fn nodes_beyond_the_last_range_are_named() {
        let plan = check("10.0.0.0/24", 0, &[("a", "10.0.0.0/24"), ("b", "")], &[]);
        assert_eq!(plan.without, ["b".into()]);
    }

    #[test]
    fn a_foreign_or_broken_range_takes_nothing_away() {
        let nodes = [("a", "192.168.0.0/24"), ("b", "nonsense"), ("c", "")];
        check("10.0.0.0/16", 0, &nodes, &[("c", "10.0.0.0/24")]);
    }

    #[test]
    fn a_wider_range_takes_all_that_it_covers() {
        check("10.0.0.0/16", 0, &[("a", "10.0.0.0/23"), ("b", "")], &[("b", "10.0.2.0/24")]);
    }

    #[test]
    fn ranges_that_hold_no_node_are_refused() {
        for wrong in ["10.0.0.0", "10.0.0.0/25", "10.0.0/16", "x/16", "10.0.0.0/4", "10.0.0.0/33"] {
            assert!(wrong.parse::<ClusterCidr>().is_err(), "{wrong}");
        }
    }
}
