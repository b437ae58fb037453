//! Which address of the node's range a pod gets.
//!
//! The range is small and addresses come back: the next free one after the last given is taken, so that an address
//! rests as long as possible before somebody else answers under it.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

/// Whether all addresses of one range are in another; nothing is in what is no range.
pub fn contains(outer: &str, inner: &str) -> bool {
    let (Some((outer, outer_bits)), Some((inner, inner_bits))) = (parse(outer), parse(inner)) else { return false };
    let mask = u32::MAX.checked_shl(32 - outer_bits).unwrap_or(0);
    inner_bits >= outer_bits && inner & mask == outer & mask
}

#[derive(Debug)]
pub struct Addresses {
    first: u32,
    size: u32,
    next: u32,
    /// address → the pod's uid
    taken: HashMap<u32, String>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("{0:?} is not an IPv4 range such as 10.244.0.0/24")]
    NotARange(String),
    #[error("no free address is left in the node's range")]
    Exhausted,
}

impl Addresses {
    /// `cidr`: an IPv4 range such as `10.244.3.0/24`.
    pub fn new(cidr: &str) -> Result<Self, AddressError> {
        let (first, bits) = parse(cidr).ok_or_else(|| AddressError::NotARange(cidr.to_owned()))?;
        Ok(Addresses { first, size: 1u32.checked_shl(32 - bits).unwrap_or(0), next: 2, taken: HashMap::new() })
    }

    /// The network's own, the gateway's and the broadcast address are nobody's.
    pub fn take(&mut self, pod_uid: &str) -> Result<IpAddr, AddressError> {
        for step in 0..self.size {
            let offset = self.next.wrapping_add(step) % self.size;
            if offset < 2 || offset == self.size - 1 || matches!((self.first + offset) & 0xff, 0 | 255) {
                continue;
            }
            if let std::collections::hash_map::Entry::Vacant(free) = self.taken.entry(self.first + offset) {
                free.insert(pod_uid.to_owned());
                self.next = offset + 1;
                return Ok(Ipv4Addr::from(self.first + offset).into());
            }
        }
        Err(AddressError::Exhausted)
    }

    /// Remembers an address that a sandbox was found with.
    pub fn adopt(&mut self, address: IpAddr, pod_uid: &str) {
        if let IpAddr::V4(v4) = address {
            self.taken.insert(u32::from(v4), pod_uid.to_owned());
        }
    }

    /// Frees an address if it is still this pod's.
    pub fn release(&mut self, address: IpAddr, pod_uid: &str) {
        if let IpAddr::V4(v4) = address {
            let key = u32::from(v4);
            if self.taken.get(&key).is_some_and(|holder| holder == pod_uid) {
                self.taken.remove(&key);
            }
        }
    }
}

/// The first usable address of a range: the bridge's own.
pub fn gateway(cidr: &str) -> Option<IpAddr> {
    parse(cidr).map(|(first, _)| Ipv4Addr::from(first + 1).into())
}

fn parse(cidr: &str) -> Option<(u32, u32)> {
    let (address, bits) = cidr.split_once('/')?;
    let bits: u32 = bits.parse().ok().filter(|bits| (8..=30).contains(bits))?;
    let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
    Some((address & (u32::MAX << (32 - bits)), bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_is_never_given_twice() {
        let mut range = Addresses::new("10.1.2.0/24").expect("a range");
        let mut seen = std::collections::HashSet::new();
        for pod in 0..253 {
            assert!(seen.insert(range.take(&pod.to_string()).expect("a free address")));
        }
        assert_eq!(range.take("one too many"), Err(AddressError::Exhausted));
        for reserved in ["10.1.2.0", "10.1.2.1", "10.1.2.255"] {
            assert!(!seen.contains(&ip(reserved)), "{reserved}");
        }
    }

    #[test]
    fn a_released_address_rests_until_the_others_were_used() {
        let mut range = Addresses::new("10.1.2.0/29").expect("a range");
        let first = range.take("a").expect("free");
        range.release(first, "a");
        assert_ne!(range.take("b").expect("free"), first);
    }

    #[test]
    fn only_its_holder_releases_an_address() {
        let mut range = Addresses::new("10.1.2.0/30").expect("a range");
        let only = range.take("a").expect("free");
        range.release(only, "b");
        assert_eq!(range.take("c"), Err(AddressError::Exhausted));
    }

    #[test]
    fn an_adopted_address_is_taken() {
        let mut range = Addresses::new("10.1.2.0/30").expect("a range");
        range.adopt(ip("10.1.2.2"), "a");
        assert_eq!(range.take("b"), Err(AddressError::Exhausted));
    }

    #[test]
    fn what_is_not_a_range_is_named() {
        for wrong in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/31", "fd00::/64", "x/24"] {
            assert_eq!(Addresses::new(wrong).err(), Some(AddressError::NotARange(wrong.into())));
        }
        assert_eq!(gateway("10.9.0.0/16"), Some(ip("10.9.0.1")));
    }

    #[test]
    fn a_range_is_in_a_wider_one_or_it_is_not() {
        assert!(contains("10.1.0.0/16", "10.1.7.0/24") && contains("10.1.0.0/16", "10.1.0.0/16"));
        assert!(!contains("10.1.0.0/24", "10.1.1.0/24") && !contains("10.1.7.0/24", "10.1.0.0/16"));
        assert!(!contains("", "10.1.0.0/16") && !contains("10.1.0.0/16", "x"));
    }
}
