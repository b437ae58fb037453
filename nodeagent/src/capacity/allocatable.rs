//! A node's capacity, and what of it pods may ask for. Pure.

use timonier_api::quantity::Quantity;

use super::Flags;
use crate::{
    eviction::{Signal, Threshold},
    runtime::HostFacts,
};

/// As many pods as the kubelet allows by default.
const MAX_PODS: u32 = 110;
/// A simulated node has room for as many as its range of addresses, a /24, can name.
const MAX_HOLLOW_PODS: u32 = 250;

/// What a node has, and what pods may ask for. CPU in thousandths, the others in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    pub cpu: Amounts,
    pub memory: Amounts,
    pub ephemeral_storage: Amounts,
    pub pods: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    pub capacity: i64,
    /// Without what is kept for the system and below the hard thresholds of eviction.
    pub allocatable: i64,
    /// Without what is kept for the system.
    pub for_pods: i64,
}

impl Amounts {
    fn new(capacity: i64, reserved: i64, threshold: i64) -> Amounts {
        let for_pods = capacity.saturating_sub(reserved).max(0);
        Amounts { capacity, allocatable: for_pods.saturating_sub(threshold).max(0), for_pods }
    }
}

/// `share`: (index, of) among the agents of one machine.
pub fn room(facts: &HostFacts, share: (u32, u32), flags: &Flags, thresholds: &[Threshold], hollow: bool) -> Room {
    let of = i64::from(share.1.max(1));
    let (kube, system) = (&flags.kube_reserved, &flags.system_reserved);
    let kept = |a: Quantity, b: Quantity| a.value().saturating_add(b.value());
    let (memory, disk) = (facts.memory_bytes as i64, facts.disk_bytes as i64);
    // Where agents share a machine each keeps its part of the threshold.
    let below = |signal: Signal, capacity: i64| {
        let hard = thresholds.iter().find(|threshold| threshold.signal == signal && threshold.is_hard());
        if hollow { 0 } else { hard.map_or(0, |threshold| threshold.amount.of(capacity)) / of }
    };
    let milli = kube.cpu.milli().saturating_add(system.cpu.milli());
    Room {
        cpu: Amounts::new(i64::from(facts.cpus) * 1000 / of, milli, 0),
        memory: Amounts::new(memory / of, kept(kube.memory, system.memory), below(Signal::MemoryAvailable, memory)),
        ephemeral_storage: Amounts::new(
            disk / of,
            kept(kube.ephemeral_storage, system.ephemeral_storage),
            below(Signal::NodeFsAvailable, disk),
        ),
        pods: flags.max_pods.unwrap_or(if hollow { MAX_HOLLOW_PODS } else { MAX_PODS }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_and_what_evicts_is_not_for_pods() {
        let facts = HostFacts { cpus: 4, memory_bytes: 8 << 30, disk_bytes: 1000 << 30, ..HostFacts::default() };
        let flags = Flags {
            kube_reserved: "cpu=500m,memory=1Gi".parse().expect("read"),
            system_reserved: "cpu=500m,memory=1Gi,ephemeral-storage=100Gi".parse().expect("read"),
            eviction_hard: "memory.available<512Mi,nodefs.available<10%".into(),
            max_pods: Some(30),
            ..Flags::default()
        };
        let room = room(&facts, (0, 1), &flags, &flags.thresholds().expect("thresholds"), false);
        assert_eq!(room.cpu, Amounts { capacity: 4000, allocatable: 3000, for_pods: 3000 });
        assert_eq!(room.memory, Amounts { capacity: 8 << 30, allocatable: (6 << 30) - (512 << 20), for_pods: 6 << 30 });
        assert_eq!(room.ephemeral_storage.allocatable, 800 << 30);
        assert_eq!(room.pods, 30);
    }

    #[test]
    fn one_that_keeps_more_than_there_is_has_nothing_left() {
        let facts = HostFacts { cpus: 1, ..HostFacts::default() };
        let flags = Flags { kube_reserved: "cpu=2,memory=1Gi".parse().expect("read"), ..Flags::default() };
        let room = room(&facts, (0, 1), &flags, &[], false);
        assert_eq!((room.cpu.allocatable, room.memory.allocatable), (0, 0));
    }
}
