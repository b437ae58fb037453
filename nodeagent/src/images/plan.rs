//! Which images to remove. Pure.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::record::Record;
use crate::{memory::later, runtime::Disk};

/// When to begin, how far to go, and how old an image must be, as the kubelet has it.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Percent of the disk.
    pub high: u8,
    pub low: u8,
    pub minimum_age: SignedDuration,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Ids, the longest unused first.
    pub remove: Vec<String>,
    /// What should be freed, and what removing these frees.
    pub wanted_bytes: u64,
    pub freed_bytes: u64,
}

/// `used`: ids of the images that some container of the daemon is made from, whoever it belongs to.
pub fn plan(records: &[(String, Record)], used: &HashSet<String>, disk: Disk, policy: Policy, now: Timestamp) -> Plan {
    let occupied = disk.capacity.saturating_sub(disk.available);
    if disk.capacity == 0 || occupied * 100 < disk.capacity * u64::from(policy.high) {
        return Plan::default();
    }
    let mut plan =
        Plan { wanted_bytes: occupied.saturating_sub(disk.capacity / 100 * u64::from(policy.low)), ..Plan::default() };
    let mut candidates: Vec<_> = records
        .iter()
        .filter(|(id, record)| !used.contains(id) && later(record.pulled, policy.minimum_age) <= now)
        .collect();
    candidates.sort_by_key(|(id, record)| (record.used, record.pulled, id.clone()));
    for (id, record) in candidates {
        if plan.freed_bytes >= plan.wanted_bytes {
            break;
        }
        plan.remove.push(id.clone());
        plan.freed_bytes += record.size_bytes;
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn record(pulled: i64, used: i64, size_bytes: u64) -> Record {
        Record { names: Vec::new(), pulled: second(pulled), used: second(used), size_bytes }
    }

    const POLICY: Policy = Policy { high: 85, low: 80, minimum_age: SignedDuration::from_secs(120) };

    fn planned(available: u64, used: &[&str], now: i64) -> Plan {
        let records = [
            ("old".to_owned(), record(0, 100, 3)),
            ("older".to_owned(), record(10, 50, 3)),
            ("recent".to_owned(), record(0, 900, 3)),
            ("new".to_owned(), record(990, 990, 3)),
        ];
        let used = used.iter().map(|id| (*id).to_owned()).collect();
        plan(&records, &used, Disk { capacity: 100, available }, POLICY, second(now))
    }

    #[test]
    fn nothing_goes_below_the_high_threshold() {
        assert_eq!(planned(16, &[], 1000), Plan::default());
    }

    #[test]
    fn the_longest_unused_go_until_the_low_threshold() {
        let expected = Plan { remove: vec!["older".into(), "old".into()], wanted_bytes: 5, freed_bytes: 6 };
        assert_eq!(planned(15, &[], 1000), expected);
    }

    #[test]
    fn what_is_used_or_was_just_pulled_stays() {
        let made = planned(0, &["older"], 1000);
        assert_eq!((made.remove, made.wanted_bytes, made.freed_bytes), (vec!["old".into(), "recent".into()], 20, 6));
        assert_eq!(planned(0, &["older"], 1110).remove, ["old", "recent", "new"]);
    }
}
