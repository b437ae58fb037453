//! Which nodes became different, in turn: what was found out before about all others still holds.

use std::collections::VecDeque;
use std::sync::Arc;

/// Remembered changes. Whoever looked longer ago has to look at everything again.
const REMEMBERED: usize = 8192;

#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Of one cluster: a copy has a journal of its own.
    lineage: Arc<()>,
    /// The number of the first that is remembered.
    first: u64,
    nodes: VecDeque<u32>,
}

/// A place in a journal.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    lineage: Arc<()>,
    next: u64,
}

impl Clone for Journal {
    fn clone(&self) -> Journal {
        Journal::default()
    }
}

impl Journal {
    /// The node at this position became different, or is new.
    pub fn touch(&mut self, node: usize) {
        if self.nodes.len() >= REMEMBERED {
            self.nodes.pop_front();
            self.first += 1;
        }
        self.nodes.push_back(node as u32);
    }

    /// Positions mean other nodes than before.
    pub fn restart(&mut self) {
        self.first = self.end() + 1;
        self.nodes.clear();
    }

    fn end(&self) -> u64 {
        self.first + self.nodes.len() as u64
    }

    pub fn place(&self) -> Place {
        Place { lineage: self.lineage.clone(), next: self.end() }
    }

    /// Nodes that became different since then, some of them more than once; none when that is no longer known.
    pub fn since(&self, place: &Place) -> Option<impl Iterator<Item = usize> + '_> {
        let skipped = place.next.checked_sub(self.first)? as usize;
        if !Arc::ptr_eq(&self.lineage, &place.lineage) || skipped > self.nodes.len() {
            return None;
        }
        Some(self.nodes.range(skipped..).map(|node| *node as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(journal: &Journal, place: &Place) -> Option<Vec<usize>> {
        Some(journal.since(place)?.collect())
    }

    #[test]
    fn it_tells_what_changed_since_a_place_as_far_as_it_remembers() {
        let mut journal = Journal::default();
        journal.touch(3);
        let place = journal.place();
        assert_eq!(since(&journal, &place), Some(vec![]));
        [4, 5, 4].into_iter().for_each(|node| journal.touch(node));
        assert_eq!(since(&journal, &place), Some(vec![4, 5, 4]));
        assert_eq!(since(&journal.clone(), &place), None, "a copy goes its own way");
        let old = journal.place();
        (0..REMEMBERED).for_each(|node| journal.touch(node));
        assert_eq!(since(&journal, &old).map(|nodes| nodes.len()), Some(REMEMBERED));
        assert_eq!(since(&journal, &place), None, "forgotten");
        let last = journal.place();
        journal.restart();
        assert_eq!(since(&journal, &last), None);
        assert_eq!(since(&journal, &journal.place()), Some(vec![]));
    }
}
