//! Our revisions as etcd's.
//!
//! Transactions that nobody made together share one of etcd's revisions when they are sent together, but each has a revision
//! of its own here: a client that saw one of them and comes back must get the others. So each of etcd's revisions has places
//! for several of ours.

use crate::Revision;

/// Transactions that can share one of etcd's revisions since format 2. In format 1 each has its own.
const BITS: u32 = 7;

#[derive(Clone, Copy, Debug)]
pub(super) struct Numbering {
    /// What is added to all, so that a restored store begins above where it was.
    base: u64,
    bits: u32,
}

impl Numbering {
    pub(super) fn new(format: u64, base: u64) -> Numbering {
        Numbering { base, bits: if format < 2 { 0 } else { BITS } }
    }

    /// Whether transactions can share one of etcd's revisions.
    pub(super) fn is_shared(self) -> bool {
        self.bits > 0
    }

    /// The revision of the transaction at `place` in one of etcd's.
    pub(super) fn at(self, etcd: i64, place: u8) -> Revision {
        let place = u64::from(place).min(self.places() - 1);
        Revision(((etcd.max(0) as u64) << self.bits) + place + self.base)
    }

    /// The last revision that can be in one of etcd's.
    pub(super) fn last(self, etcd: i64) -> Revision {
        Revision(self.at(etcd, 0).0 + self.places() - 1)
    }

    /// etcd's revision in which `revision` is; for one before the base one that etcd never had.
    pub(super) fn etcd(self, revision: Revision) -> i64 {
        match revision.0.checked_sub(self.base) {
            Some(revision) if revision >> self.bits > 0 => (revision >> self.bits) as i64,
            _ => -1,
        }
    }

    /// etcd's revision that holds the first one after `revision`.
    pub(super) fn next(self, revision: Revision) -> i64 {
        self.etcd(Revision(revision.0 + 1)).max(1)
    }

    /// etcd's revision from which on everything must be read so that nothing after `revision` is missing.
    ///
    /// In the middle of a revision it is the one before: where history begins later, etcd refuses it. From that
    /// revision itself on it would leave out deletions without a word.
    pub(super) fn begin(self, revision: Revision) -> i64 {
        let next = self.next(revision);
        if next == self.etcd(revision) { (next - 1).max(1) } else { next }
    }

    fn places(self) -> u64 {
        1 << self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_format_1_revisions_are_those_of_etcd_above_the_base() {
        let numbering = Numbering::new(1, 100);
        assert_eq!((numbering.at(5, 0), numbering.last(5)), (Revision(105), Revision(105)));
        assert_eq!((numbering.etcd(Revision(105)), numbering.next(Revision(105))), (5, 6));
        for before in [100, 7] {
            assert_eq!((numbering.etcd(Revision(before)), numbering.next(Revision(before))), (-1, 1), "{before}");
        }
    }

    #[test]
    fn since_format_2_each_of_etcds_revisions_has_places_in_order() {
        let numbering = Numbering::new(2, 1000);
        let mut before = numbering.last(4);
        for place in 0..128 {
            let revision = numbering.at(5, place);
            assert_eq!((revision.0, numbering.etcd(revision), numbering.next(before)), (before.0 + 1, 5, 5));
            assert_eq!(numbering.begin(before), if place == 0 { 5 } else { 4 });
            before = revision;
        }
        assert_eq!((before, numbering.next(before)), (numbering.last(5), 6));
        assert_eq!(numbering.etcd(Revision(1000)), -1);
        assert_eq!(numbering.etcd(Revision(1127)), -1);
    }
}
