//! How far back history reaches: for everything, and for parts of it that are kept for less time.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::Revision;

/// The oldest revision that can be asked for; it only rises.
#[derive(Debug, Default)]
pub(crate) struct Floors {
    floors: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    all: Revision,
    /// For keys with these prefixes.
    parts: Vec<(Arc<str>, Revision)>,
}

impl Floors {
    pub(crate) fn new(all: Revision, parts: Vec<(Arc<str>, Revision)>) -> Floors {
        Floors { floors: RwLock::new(Known { all, parts }) }
    }

    pub(crate) fn all(&self) -> Revision {
        self.floors.read().all
    }

    /// For keys that start with `prefix`: the highest floor of those that stand on any.
    pub(crate) fn of(&self, prefix: &str) -> Revision {
        let known = self.floors.read();
        let touches = |part: &str| part.starts_with(prefix) || prefix.starts_with(part);
        let parts = known.parts.iter().filter(|(part, _)| touches(part)).map(|(_, floor)| *floor);
        parts.fold(known.all, Revision::max)
    }

    pub(crate) fn raise(&self, floor: Revision) {
        let mut known = self.floors.write();
        known.all = known.all.max(floor);
    }

    /// Raises the floor of keys that start with `prefix`.
    pub(crate) fn raise_part(&self, prefix: &Arc<str>, floor: Revision) {
        let mut known = self.floors.write();
        match known.parts.iter_mut().find(|(part, _)| part == prefix) {
            Some((_, known)) => *known = floor.max(*known),
            None => known.parts.push((prefix.clone(), floor)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_for_a_part_stands_on_its_floor() {
        let floors = Floors::new(Revision(5), vec![]);
        floors.raise_part(&"leases/".into(), Revision(9));
        floors.raise_part(&"leases/".into(), Revision(7));
        for (prefix, floor) in [("pods/", 5), ("leases/", 9), ("leases/kube-system/a", 9), ("", 9), ("lease", 9)] {
            assert_eq!(floors.of(prefix), Revision(floor), "{prefix}");
        }
        floors.raise(Revision(20));
        floors.raise(Revision(3));
        assert_eq!(
            (floors.of("leases/"), floors.of("pods/"), floors.all()),
            (Revision(20), Revision(20), Revision(20))
        );
    }
}
