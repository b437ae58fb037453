//! How soon a pod that ended by itself may be made anew on its node: the first time at once, then after a second, and
//! twice as long each time after.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// By the set's uid and the node.
type Key = (Arc<str>, Arc<str>);

#[derive(Default)]
pub struct Backoffs(HashMap<Key, (Duration, Instant)>);

impl Backoffs {
    /// None: it may go now, and the next time it is waited longer. Some: how much longer it must wait.
    pub fn wait(&mut self, set: &Arc<str>, node: &Arc<str>, now: Instant) -> Option<Duration> {
        self.0.retain(|_, (_, since)| now.duration_since(*since) < 2 * LONGEST);
        let key = (set.clone(), node.clone());
        let next = match self.0.get(&key) {
            None => FIRST,
            Some((wait, since)) => match wait.checked_sub(now.duration_since(*since)).filter(|left| !left.is_zero()) {
                Some(left) => return Some(left),
                None => (*wait * 2).min(LONGEST),
            },
        };
        self.0.insert(key, (next, now));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_it_fails_the_longer_it_waits_and_only_there() {
        let (set, a, b): (Arc<str>, Arc<str>, Arc<str>) = ("s".into(), "a".into(), "b".into());
        let (mut backoffs, start) = (Backoffs::default(), Instant::now());
        let at = |millis: u64| start + Duration::from_millis(millis);
        assert_eq!(backoffs.wait(&set, &a, at(0)), None);
        assert_eq!(backoffs.wait(&set, &a, at(300)), Some(Duration::from_millis(700)));
        assert_eq!(backoffs.wait(&set, &b, at(300)), None);
        assert_eq!(backoffs.wait(&set, &a, at(1000)), None);
        assert_eq!(backoffs.wait(&set, &a, at(1001)), Some(Duration::from_millis(1999)));
        let mut now = 1000;
        for _ in 0..20 {
            now += 15 * 60 * 1000;
            assert_eq!(backoffs.wait(&set, &a, at(now)), None);
        }
        assert_eq!(backoffs.wait(&set, &a, at(now)), Some(LONGEST));
        assert_eq!(backoffs.wait(&set, &a, at(now + 30 * 60 * 1000)), None);
        assert_eq!(backoffs.wait(&set, &a, at(now + 30 * 60 * 1000)), Some(FIRST));
    }
}
