//! Which containers each pod has, so that looking at a pod need not search all of the daemon's.
//!
//! Nobody else makes containers with this node's labels: what was listed once changes only by our own doing. It is
//! listed again when events may have been missed, and now and then to be sure.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

const SURE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Known {
    pods: Mutex<HashMap<String, Ids>>,
}

#[derive(Default)]
struct Ids {
    ids: BTreeSet<String>,
    listed: Option<Instant>,
    /// Counts what was made, so that a list from before it is not taken for complete.
    version: u64,
}

impl Known {
    /// A pod's containers; `Err`: they must be listed, and the answer given back with this.
    pub fn ids(&self, uid: &str) -> Result<Vec<String>, u64> {
        let pods = self.pods.lock();
        match pods.get(uid) {
            Some(pod) if pod.listed.is_some_and(|at| at.elapsed() < SURE) => Ok(pod.ids.iter().cloned().collect()),
            Some(pod) => Err(pod.version),
            None => Err(0),
        }
    }

    pub fn listed(&self, uid: &str, ids: &[String], asked_at: u64) {
        let mut pods = self.pods.lock();
        let pod = pods.entry(uid.to_owned()).or_default();
        if pod.version == asked_at {
            pod.ids = ids.iter().cloned().collect();
            pod.listed = Some(Instant::now());
        }
    }

    pub fn made(&self, uid: &str, id: &str) {
        let mut pods = self.pods.lock();
        let pod = pods.entry(uid.to_owned()).or_default();
        pod.ids.insert(id.to_owned());
        pod.version += 1;
    }

    pub fn gone(&self, uid: &str, id: &str) {
        if let Some(pod) = self.pods.lock().get_mut(uid) {
            pod.ids.remove(id);
        }
    }

    /// Nothing is known of a pod any more.
    pub fn forget(&self, uid: &str) {
        self.pods.lock().remove(uid);
    }

    /// Everything must be listed again.
    pub fn doubt(&self) {
        self.pods.lock().values_mut().for_each(|pod| pod.listed = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_listed_is_known_until_in_doubt() {
        let known = Known::default();
        let asked = known.ids("u").expect_err("nothing is known yet");
        known.listed("u", &["a".into()], asked);
        known.made("u", "b");
        assert_eq!(known.ids("u"), Ok(vec!["a".into(), "b".into()]));
        known.gone("u", "a");
        assert_eq!(known.ids("u"), Ok(vec!["b".into()]));
        known.doubt();
        assert!(known.ids("u").is_err());
    }

    #[test]
    fn a_list_from_before_something_was_made_is_not_taken_for_complete() {
        let known = Known::default();
        let asked = known.ids("u").expect_err("nothing is known yet");
        known.made("u", "new");
        known.listed("u", &[], asked);
        let asked = known.ids("u").expect_err("the list was too old");
        known.listed("u", &["new".into()], asked);
        assert_eq!(known.ids("u"), Ok(vec!["new".into()]));
    }
}
