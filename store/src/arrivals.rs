//! Waiting for a revision: who waits is woken when it is there, and not for each one before.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Revision;

#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    waiting: Mutex<BTreeMap<Revision, Arc<Notify>>>,
}

impl Arrivals {
    /// Wakes all who wait for `now` or less. Called once it can be seen.
    pub(crate) fn arrived(&self, now: Revision) {
        let mut waiting = self.waiting.lock();
        while let Some(first) = waiting.first_entry()
            && *first.key() <= now
        {
            first.remove().notify_waiters();
        }
    }

    /// Returns when `revision` has arrived. `is_there` looks whether it has already.
    pub(crate) async fn reached(&self, revision: Revision, is_there: impl Fn() -> bool) {
        let (place, arrival) = {
            let mut waiting = self.waiting.lock();
            // Under the lock: it can't arrive unnoticed between looking and waiting.
            if is_there() {
                return;
            }
            let notify = waiting.entry(revision).or_default().clone();
            let arrival = notify.clone().notified_owned();
            (Place { arrivals: self, revision, notify }, arrival)
        };
        arrival.await;
        drop(place);
    }
}

/// One who waits, perhaps no longer than until it is dropped.
struct Place<'a> {
    arrivals: &'a Arrivals,
    revision: Revision,
    notify: Arc<Notify>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.arrivals.waiting.lock();
        // The map's, this one's, and that of the future which was waited for.
        const ALONE: usize = 3;
        if let Some(known) = waiting.get(&self.revision)
            && Arc::ptr_eq(known, &self.notify)
            && Arc::strong_count(known) <= ALONE
        {
            waiting.remove(&self.revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_by_the_first_arrival_that_suffices() {
        let arrivals = Arrivals::default();
        let now = &AtomicU64::new(1);
        let arrive = |revision| {
            now.store(revision, Ordering::Release);
            arrivals.arrived(Revision(revision));
        };
        let wait = |revision| arrivals.reached(Revision(revision), move || now.load(Ordering::Acquire) >= revision);
        wait(1).await;
        let (mut third, mut fourth, mut also) = (Box::pin(wait(3)), Box::pin(wait(4)), Box::pin(wait(3)));
        for waiting in [&mut third, &mut also] {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        assert!(fourth.as_mut().now_or_never().is_none());
        arrive(2);
        assert!(third.as_mut().now_or_never().is_none());
        arrive(3);
        third.await;
        also.await;
        assert!(fourth.as_mut().now_or_never().is_none());
        arrive(9);
        fourth.await;
        wait(5).await;
        assert!(arrivals.waiting.lock().is_empty());
    }

    #[tokio::test]
    async fn who_gives_up_leaves_nothing_behind() {
        let arrivals = Arrivals::default();
        let mut first = Box::pin(arrivals.reached(Revision(7), || false));
        let mut second = Box::pin(arrivals.reached(Revision(7), || false));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(arrivals.waiting.lock().len(), 1);
        arrivals.arrived(Revision(7));
        second.await;
        let mut third = Box::pin(arrivals.reached(Revision(8), || false));
        assert!(third.as_mut().now_or_never().is_none());
        drop(third);
        assert!(arrivals.waiting.lock().is_empty());
    }
}
