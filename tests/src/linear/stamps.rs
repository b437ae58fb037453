//! Revisions grow with time: what was answered before something began has a lower one.

use anyhow::{Result, ensure};

/// The revision that a write got, or that the answer to a linearizable read was at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub called: u64,
    pub returned: u64,
    pub revision: u64,
    pub is_write: bool,
}

/// Whether revisions only grow, over all registers and all servers.
pub fn check(stamps: &[Stamp]) -> Result<()> {
    let mut by_call: Vec<_> = stamps.iter().collect();
    by_call.sort_by_key(|stamp| stamp.called);
    let mut by_return = by_call.clone();
    by_return.sort_by_key(|stamp| stamp.returned);
    let mut ended = by_return.into_iter().peekable();
    let mut newest: Option<&Stamp> = None;
    for stamp in by_call {
        while let Some(before) = ended.next_if(|before| before.returned < stamp.called) {
            if newest.is_none_or(|newest| before.revision > newest.revision) {
                newest = Some(before);
            }
        }
        let Some(before) = newest else { continue };
        let grows = stamp.revision > before.revision || (!stamp.is_write && stamp.revision == before.revision);
        ensure!(grows, "{stamp:?} began after {before:?} had ended");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(called: u64, returned: u64, revision: u64, is_write: bool) -> Stamp {
        Stamp { called, returned, revision, is_write }
    }

    #[test]
    fn a_revision_below_one_that_was_known_is_found() {
        let write = |called, returned, revision| stamp(called, returned, revision, true);
        let read = |called, returned, revision| stamp(called, returned, revision, false);
        assert!(check(&[write(0, 10, 5), write(5, 12, 4), read(13, 14, 5)]).is_ok(), "they overlap");
        assert!(check(&[write(0, 10, 5), write(11, 12, 5)]).is_err(), "given twice");
        assert!(check(&[write(0, 10, 5), write(11, 12, 4)]).is_err());
        assert!(check(&[write(0, 10, 5), read(11, 12, 4)]).is_err(), "a stale read");
        assert!(check(&[read(0, 10, 5), read(11, 12, 4)]).is_err(), "time went back");
        assert!(check(&[write(0, 3, 9), write(1, 30, 10), read(4, 5, 8)]).is_err(), "one that overlaps hides nothing");
    }
}
