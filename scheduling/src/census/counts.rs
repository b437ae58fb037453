//! Pods by domain of one key.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use super::domains::DomainId;

/// Domains without pods are not in it.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    by_domain: HashMap<DomainId, i64, BuildHasherDefault<Spread>>,
    /// How many domains have so many pods.
    sizes: BTreeMap<i64, usize>,
    total: i64,
}

impl Counts {
    pub fn of(&self, domain: DomainId) -> i64 {
        self.by_domain.get(&domain).copied().unwrap_or_default()
    }

    /// Every domain that has pods, with how many, in no particular order.
    pub fn each(&self) -> impl Iterator<Item = (DomainId, i64)> + '_ {
        self.by_domain.iter().map(|(domain, pods)| (*domain, *pods))
    }

    pub fn total(&self) -> i64 {
        self.total
    }

    /// The fewest pods that one of so many domains has.
    pub fn fewest(&self, domains: usize) -> i64 {
        match self.sizes.first_key_value() {
            Some((fewest, _)) if self.by_domain.len() >= domains => *fewest,
            _ => 0,
        }
    }

    pub(super) fn add(&mut self, domain: DomainId, pods: i64) {
        let count = self.by_domain.entry(domain).or_default();
        let before = *count;
        *count += pods;
        let after = *count;
        self.total += pods;
        if before != 0
            && let Some(domains) = self.sizes.get_mut(&before)
        {
            *domains -= 1;
            if *domains == 0 {
                self.sizes.remove(&before);
            }
        }
        match after {
            0 => drop(self.by_domain.remove(&domain)),
            _ => *self.sizes.entry(after).or_default() += 1,
        }
    }
}

/// Ids are small and dense: multiplying spreads them well enough, in a nanosecond.
#[derive(Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 ^= self.0 >> 29;
    }
}
