//! Who waits for whose end: pods that were promised a node, and those that make room for them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[derive(Debug, Default)]
pub struct Awaiting {
    by_victim: HashMap<Arc<str>, Arc<str>>,
    by_preemptor: HashMap<Arc<str>, HashSet<Arc<str>>>,
}

impl Awaiting {
    pub fn expect(&mut self, preemptor: &Arc<str>, victims: impl Iterator<Item = Arc<str>>) {
        for victim in victims {
            self.by_victim.insert(victim.clone(), preemptor.clone());
            self.by_preemptor.entry(preemptor.clone()).or_default().insert(victim);
        }
    }

    pub fn is_victim(&self, uid: &str) -> bool {
        self.by_victim.contains_key(uid)
    }

    /// A victim is gone, or stays after all. Returns who was waiting for it, if it was the last.
    pub fn gone(&mut self, victim: &str) -> Option<Arc<str>> {
        let preemptor = self.by_victim.remove(victim)?;
        let left = self.by_preemptor.get_mut(&preemptor)?;
        left.remove(victim);
        if !left.is_empty() {
            return None;
        }
        self.by_preemptor.remove(&preemptor);
        Some(preemptor)
    }

    /// A pod waits for nobody any more. Its victims end all the same.
    pub fn forget(&mut self, preemptor: &str) {
        self.by_preemptor.remove(preemptor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_victim_to_go_is_the_one_that_was_waited_for() {
        let mut awaiting = Awaiting::default();
        awaiting.expect(&"p".into(), ["a", "b"].map(Arc::from).into_iter());
        assert!(awaiting.is_victim("a") && !awaiting.is_victim("p"));
        assert_eq!(awaiting.gone("a"), None);
        assert_eq!(awaiting.gone("a"), None, "it is gone once");
        assert_eq!(awaiting.gone("b").as_deref(), Some("p"));
        awaiting.expect(&"q".into(), ["c"].map(Arc::from).into_iter());
        awaiting.forget("q");
        assert_eq!(awaiting.gone("c"), None, "nobody waits for it");
    }
}
