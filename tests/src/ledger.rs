//! All changes of the registers in order, as the watchers saw them: what everything else that was answered has to fit.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context, Result, ensure};

use crate::follower::Change;
use crate::registers::Version;

pub struct Ledger {
    changes: Vec<Change>,
}

impl Ledger {
    /// From what several watchers saw, all of them from the same revision on. They must have seen the same up to `through`,
    /// each change once and in order.
    pub fn of(watchers: &[Vec<Change>], through: u64) -> Result<Ledger> {
        let whole = |seen: &[Change]| -> Vec<Change> {
            seen.iter().take_while(|change| change.revision <= through).cloned().collect()
        };
        let changes = whole(watchers.first().context("nobody watched")?);
        for (number, seen) in watchers.iter().enumerate() {
            let ordered = seen.is_sorted_by(|a, b| a.revision < b.revision);
            ensure!(ordered, "watcher {number} saw changes twice or out of order");
            let seen = whole(seen);
            if seen != changes {
                let at = seen.iter().zip(&changes).take_while(|(a, b)| a == b).count();
                let (this, first) = (seen.get(at), changes.get(at));
                anyhow::bail!("change {at}: watcher {number} saw {this:?}, the first one {first:?}");
            }
        }
        Ok(Ledger { changes })
    }

    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The values that a register had, one after another.
    pub fn of_register(&self, name: &str) -> Vec<Option<String>> {
        self.changes.iter().filter(|change| change.name == name).map(|change| change.value.clone()).collect()
    }

    /// All registers as they were at `revision`.
    pub fn at(&self, revision: u64) -> BTreeMap<String, Version> {
        let mut state = BTreeMap::new();
        for Change { revision, name, value } in self.changes.iter().take_while(|change| change.revision <= revision) {
            match value {
                Some(value) => state.insert(name.clone(), Version { revision: *revision, value: value.clone() }),
                None => state.remove(name),
            };
        }
        state
    }

    /// An acknowledged write is there, with the revision that was acknowledged.
    pub fn check_written(&self, name: &str, version: &Version) -> Result<()> {
        let found = self.changes.binary_search_by_key(&version.revision, |change| change.revision);
        let found = found.ok().map(|at| &self.changes[at]);
        let is_it = found.is_some_and(|change| change.name == name && change.value.as_ref() == Some(&version.value));
        ensure!(is_it, "{name} was written as {version:?}, watchers saw {found:?}");
        Ok(())
    }

    /// Nothing is there that was not one of these values.
    pub fn check_values(&self, possible: &HashSet<String>) -> Result<()> {
        let strange = self.changes.iter().find(|c| c.value.as_ref().is_some_and(|value| !possible.contains(value)));
        ensure!(strange.is_none(), "{strange:?} is there, but was never written, or refused");
        Ok(())
    }

    /// The register was this at revision `since` or later.
    pub fn check_read(&self, name: &str, since: u64, found: Option<&Version>) -> Result<()> {
        let mut current: Option<&Change> = None;
        for change in self.changes.iter().filter(|change| change.name == name) {
            if change.revision > since && is(current, found) {
                return Ok(());
            }
            current = Some(change);
        }
        ensure!(is(current, found), "{name} was read as {found:?}, which it was not at revision {since} or later");
        Ok(())
    }
}

fn is(change: Option<&Change>, found: Option<&Version>) -> bool {
    let current = change.and_then(|change| Some((change.revision, change.value.as_ref()?)));
    current == found.map(|version| (version.revision, &version.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(revision: u64, name: &str, value: Option<&str>) -> Change {
        Change { revision, name: name.to_owned(), value: value.map(str::to_owned) }
    }

    fn version(revision: u64, value: &str) -> Version {
        Version { revision, value: value.to_owned() }
    }

    fn seen() -> Vec<Change> {
        vec![change(3, "a", Some("1")), change(4, "b", Some("2")), change(7, "a", Some("3")), change(9, "a", None)]
    }

    #[test]
    fn watchers_that_saw_different_things_are_told_apart() {
        assert!(Ledger::of(&[seen(), seen()], 9).is_ok());
        for (number, change) in seen().into_iter().enumerate() {
            let mut missed = seen();
            missed.remove(number);
            assert!(Ledger::of(&[seen(), missed.clone()], 9).is_err(), "missed {change:?}");
            assert!(Ledger::of(&[missed, seen()], 9).is_err(), "missed {change:?}");
            let mut twice = seen();
            twice.insert(number, change.clone());
            assert!(Ledger::of(&[twice.clone(), twice], 9).is_err(), "{change:?} twice");
        }
        let mut swapped = seen();
        swapped.swap(1, 2);
        assert!(Ledger::of(&[swapped.clone(), swapped], 9).is_err());
    }

    #[test]
    fn a_read_must_be_what_the_register_was_then_or_later() {
        let ledger = Ledger::of(&[seen()], 9).unwrap();
        let read = |since, found: Option<Version>| ledger.check_read("a", since, found.as_ref()).is_ok();
        assert!(read(0, None) && read(3, Some(version(3, "1"))) && read(6, Some(version(3, "1"))));
        assert!(read(0, Some(version(7, "3"))) && read(9, None) && read(3, None));
        assert!(!read(7, Some(version(3, "1"))), "too old");
        assert!(!read(9, Some(version(7, "3"))), "deleted by then");
        assert!(!read(0, Some(version(4, "1"))), "another revision");
    }

    #[test]
    fn what_was_written_and_nothing_else_is_there() {
        let ledger = Ledger::of(&[seen()], 9).unwrap();
        assert!(ledger.check_written("a", &version(7, "3")).is_ok());
        for (name, version) in [("b", version(7, "3")), ("a", version(7, "1")), ("a", version(8, "3"))] {
            assert!(ledger.check_written(name, &version).is_err());
        }
        let values = |all: &[&str]| all.iter().map(|value| (*value).to_owned()).collect::<HashSet<_>>();
        assert!(ledger.check_values(&values(&["1", "2", "3"])).is_ok());
        assert!(ledger.check_values(&values(&["1", "2"])).is_err());
        assert_eq!(ledger.at(8), BTreeMap::from([("a".into(), version(7, "3")), ("b".into(), version(4, "2"))]));
        assert_eq!(ledger.of_register("a"), [Some("1".to_owned()), Some("3".to_owned()), None]);
    }
}
