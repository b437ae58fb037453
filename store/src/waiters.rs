//! Those who wait for a topic's next event, in the order in which they came.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;

use crate::Revision;

/// A watcher's place in a topic, kept for as long as it watches.
#[derive(Default)]
pub(crate) struct Seat {
    waker: AtomicWaker,
    /// Everything up to here has been delivered.
    seen: AtomicU64,
    /// Whether it stands in the queue. Changed under the topic's lock only.
    queued: AtomicBool,
    gone: AtomicBool,
}

#[derive(Default)]
pub(crate) struct Waiters(VecDeque<Arc<Seat>>);

impl Waiters {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Will wake `waker` at an event after `seen`.
    pub(crate) fn add(&mut self, seat: &Arc<Seat>, seen: Revision, waker: &Waker) {
        seat.waker.register(waker);
        seat.seen.store(seen.0, Ordering::Relaxed);
        if !seat.queued.swap(true, Ordering::Relaxed) {
            self.0.push_back(seat.clone());
        }
    }

    /// The first `count` in the queue, without those who left. Those who have seen `newest` wait on, at the end.
    pub(crate) fn take(&mut self, count: usize, newest: Revision) -> Vec<Arc<Seat>> {
        let mut taken = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count.min(self.0.len()) {
            let Some(seat) = self.0.pop_front() else { break };
            if seat.gone.load(Ordering::Relaxed) {
                continue;
            }
            if seat.seen.load(Ordering::Relaxed) >= newest.0 {
                self.0.push_back(seat);
                continue;
            }
            seat.queued.store(false, Ordering::Relaxed);
            taken.push(seat);
        }
        taken
    }

    /// Its place is free; `watching` others are left. The queue is tidied when mostly those who left stand in it.
    pub(crate) fn leave(&mut self, seat: &Seat, watching: usize) {
        seat.gone.store(true, Ordering::Relaxed);
        seat.waker.take();
        if self.0.len() > 2 * watching + 16 {
            self.0.retain(|seat| !seat.gone.load(Ordering::Relaxed));
        }
    }
}

/// Wakes them, without any lock.
pub(crate) fn wake(seats: Vec<Arc<Seat>>) {
    for seat in seats {
        seat.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(n: usize) -> Vec<Arc<Seat>> {
        (0..n).map(|_| Arc::default()).collect()
    }

    #[test]
    fn they_are_taken_in_order_and_who_has_seen_all_waits_on() {
        let (mut waiters, seats) = (Waiters::default(), seats(4));
        for (seat, seen) in seats.iter().zip([1, 3, 1, 1]) {
            waiters.add(seat, Revision(seen), Waker::noop());
            waiters.add(seat, Revision(seen), Waker::noop());
        }
        assert_eq!(waiters.len(), 4);
        let taken = waiters.take(3, Revision(3));
        assert!(Arc::ptr_eq(&taken[0], &seats[0]) && Arc::ptr_eq(&taken[1], &seats[2]) && taken.len() == 2);
        let taken = waiters.take(9, Revision(4));
        assert!(Arc::ptr_eq(&taken[0], &seats[3]) && Arc::ptr_eq(&taken[1], &seats[1]) && taken.len() == 2);
        assert_eq!(waiters.len(), 0);
    }

    #[test]
    fn the_queue_does_not_grow_with_those_who_left() {
        let mut waiters = Waiters::default();
        for seat in seats(1000) {
            waiters.add(&seat, Revision(1), Waker::noop());
            waiters.leave(&seat, 0);
            assert!(waiters.len() <= 17);
        }
        assert!(waiters.take(100, Revision(2)).is_empty());
    }
}
