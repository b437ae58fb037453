//! Who waits for a node, and for what before the next try. Pure: the caller tells the time.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use timonier_client::backoff::Backoff;
use timonier_scheduling::{Change, Pod};
use tokio::time::Instant;

/// After a try that failed; as in Kubernetes.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(10) };
/// A parked pod is tried again after so long even if nothing that helps was seen.
const LONGEST_PARKED: Duration = Duration::from_secs(300);

/// Higher priority first, then who came first.
type Rank = (Reverse<i32>, u64);

#[derive(Debug)]
struct Entry {
    pod: Arc<Pod>,
    arrival: u64,
    /// Tries that ended without a node.
    failures: u32,
    /// No try before this.
    not_before: Instant,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// To be tried as soon as possible.
    Active,
    /// To be tried when its back-off ends.
    BackingOff,
    /// To be tried when one of these changes happens.
    Parked { until: Change, at_latest: Instant },
    /// Given a node that is being written.
    InFlight,
}

#[derive(Debug, Default)]
pub struct Queue {
    entries: HashMap<Arc<str>, Entry>,
    active: BTreeSet<(Rank, Arc<str>)>,
    /// Those that back off or are parked, by when they are due.
    timed: BTreeSet<(Instant, Arc<str>)>,
    /// By what they wait for: few different things, and most changes help nobody.
    parked: Vec<(Change, HashSet<Arc<str>>)>,
    in_flight: usize,
    arrivals: u64,
}

impl Queue {
    /// A pod waits for a node. Seen again with another spec, it is tried again at once: its own change may
    /// have been what it needed.
    pub fn put(&mut self, pod: Arc<Pod>, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&pod.uid) {
            let same = *entry.pod == *pod;
            entry.pod = pod.clone();
            if !same && entry.place != Place::InFlight {
                self.move_to(&pod.uid, Place::Active);
            }
            return;
        }
        self.arrivals += 1;
        let entry =
            Entry { pod: pod.clone(), arrival: self.arrivals, failures: 0, not_before: now, place: Place::InFlight };
        self.in_flight += 1;
        self.entries.insert(pod.uid.clone(), entry);
        self.move_to(&pod.uid, Place::Active);
    }

    /// The pod no longer waits.
    pub fn remove(&mut self, uid: &str) {
        if let Some(entry) = self.entries.get(uid) {
            let uid = entry.pod.uid.clone();
            self.leave(&uid);
            self.entries.remove(&uid);
        }
    }

    /// How many are to be tried, back off, and are parked.
    pub fn lengths(&self) -> [usize; 3] {
        [self.active.len(), self.timed.len().saturating_sub(self.parked()), self.parked()]
    }

    /// The next pod to try, which is in flight from now on: [`Queue::park`], [`Queue::retry`] or
    /// [`Queue::remove`] ends that.
    pub fn pop(&mut self) -> Option<Arc<Pod>> {
        let uid = self.active.first()?.1.clone();
        self.move_to(&uid, Place::InFlight);
        self.entries.get(&uid).map(|entry| entry.pod.clone())
    }

    /// No node would do until something changes.
    pub fn park(&mut self, uid: &Arc<str>, until: Change, now: Instant) {
        self.count_failure(uid, now);
        self.move_to(uid, Place::Parked { until, at_latest: now + LONGEST_PARKED });
    }

    /// The try failed for a reason that may pass by itself.
    pub fn retry(&mut self, uid: &Arc<str>, now: Instant) {
        self.count_failure(uid, now);
        self.move_to(uid, Place::BackingOff);
    }

    /// Something changed: those whom it may help are tried again, though not before their back-off ends.
    pub fn wake(&mut self, change: Change, now: Instant) {
        self.wake_if(change, |_, _| true, now);
    }

    /// The same where more than the kind of a change decides whom it may help: `helps` is told a parked pod and what it
    /// waits for.
    pub fn wake_if(&mut self, change: Change, helps: impl Fn(&Pod, Change) -> bool, now: Instant) {
        let helped =
            |until: Change, uid: &Arc<str>| self.entries.get(uid).is_some_and(|entry| helps(&entry.pod, until));
        let mut woken = Vec::new();
        for (until, parked) in self.parked.iter().filter(|(until, _)| until.intersects(change)) {
            woken.extend(parked.iter().filter(|uid| helped(*until, uid)).cloned());
        }
        for uid in woken {
            self.activate(&uid, now);
        }
    }

    /// A parked pod is tried again, though not before its back-off ends.
    pub fn reconsider(&mut self, uid: &Arc<str>, now: Instant) {
        if let Some(Entry { place: Place::Parked { .. }, .. }) = self.entries.get(uid) {
            self.activate(uid, now);
        }
    }

    /// What a pod waited for has happened: it is tried again at once.
    pub fn hurry(&mut self, uid: &Arc<str>) {
        let waits = self.entries.get(uid).map(|entry| entry.place);
        if matches!(waits, Some(Place::Parked { .. } | Place::BackingOff)) {
            self.move_to(uid, Place::Active);
        }
    }

    pub fn contains(&self, uid: &str) -> bool {
        self.entries.contains_key(uid)
    }

    /// How many wait for a change.
    pub fn parked(&self) -> usize {
        self.parked.iter().map(|(_, parked)| parked.len()).sum()
    }

    /// Moves on those whose time has come.
    pub fn tick(&mut self, now: Instant) {
        while let Some((due, uid)) = self.timed.first().cloned() {
            if due > now {
                return;
            }
            self.move_to(&uid, Place::Active);
        }
    }

    /// When [`Queue::tick`] has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        self.timed.first().map(|(due, _)| *due)
    }

    pub fn has_active(&self) -> bool {
        !self.active.is_empty()
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub fn uids(&self) -> Vec<Arc<str>> {
        self.entries.keys().cloned().collect()
    }

    fn activate(&mut self, uid: &Arc<str>, now: Instant) {
        let backing_off = self.entries.get(uid).is_some_and(|entry| entry.not_before > now);
        self.move_to(uid, if backing_off { Place::BackingOff } else { Place::Active });
    }

    fn count_failure(&mut self, uid: &Arc<str>, now: Instant) {
        if let Some(entry) = self.entries.get_mut(uid) {
            entry.failures = entry.failures.saturating_add(1);
            entry.not_before = now + BACKOFF.delay(entry.failures);
        }
    }

    fn move_to(&mut self, uid: &Arc<str>, place: Place) {
        self.leave(uid);
        let Some(entry) = self.entries.get_mut(uid) else { return };
        entry.place = place;
        match place {
            Place::Active => drop(self.active.insert((entry.rank(), uid.clone()))),
            Place::InFlight => self.in_flight += 1,
            Place::BackingOff => drop(self.timed.insert((entry.not_before, uid.clone()))),
            Place::Parked { until, at_latest } => {
                self.timed.insert((at_latest, uid.clone()));
                match self.parked.iter_mut().find(|(known, _)| *known == until) {
                    Some((_, parked)) => drop(parked.insert(uid.clone())),
                    None => self.parked.push((until, [uid.clone()].into())),
                }
            }
        }
    }

    /// Takes an entry out of the index of its place.
    fn leave(&mut self, uid: &Arc<str>) {
        let Some(entry) = self.entries.get(uid) else { return };
        match entry.place {
            Place::Active => drop(self.active.remove(&(entry.rank(), uid.clone()))),
            Place::InFlight => self.in_flight -= 1,
            Place::BackingOff => drop(self.timed.remove(&(entry.not_before, uid.clone()))),
            Place::Parked { until, at_latest } => {
                self.timed.remove(&(at_latest, uid.clone()));
                if let Some(of_these) = self.parked.iter().position(|(known, _)| *known == until) {
                    self.parked[of_these].1.remove(uid);
                    if self.parked[of_these].1.is_empty() {
                        self.parked.swap_remove(of_these);
                    }
                }
            }
        }
    }
}

impl Entry {
    fn rank(&self) -> Rank {
        (Reverse(self.pod.priority), self.arrival)
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
