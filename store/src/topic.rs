//! What watchers with equal filters share: an event is queued once for all of them, and those at the same place are
//! given the same batch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};

use parking_lot::Mutex;

use crate::batch::Batch;
use crate::waiters::{Seat, Waiters, wake};
use crate::{Event, Filter, Revision};

/// As many are woken at once, in the middle of a commit or of a sweep …
const SLICE: usize = 128;
/// … or this part of those who wait, if that is more: a sweep's length decides how much comes meanwhile.
const SLICES: usize = 8;
/// Batches that are kept for watchers who come to the same place soon.
const BATCHES: usize = 8;

pub(crate) struct Topic {
    pub(crate) filter: Filter,
    queue: Mutex<Queue>,
}

struct Queue {
    /// Every matching event above `floor`, in order.
    events: VecDeque<Arc<Event>>,
    floor: Revision,
    /// The newest batches; empty unless several watch.
    batches: VecDeque<Arc<Batch>>,
    watchers: usize,
    waiters: Waiters,
    /// Already in the list of topics that the running publication will wake.
    touched: bool,
    sweep: Option<Sweep>,
}

/// A round through those who waited when it began.
struct Sweep {
    left: usize,
    slice: usize,
    /// Events came after it began: another round follows.
    again: bool,
}

impl Sweep {
    fn over(waiting: usize) -> Sweep {
        Sweep { left: waiting, slice: SLICE.max(waiting.div_ceil(SLICES)), again: false }
    }
}

impl Topic {
    pub(crate) fn new(filter: Filter, floor: Revision) -> Topic {
        let queue = Queue {
            events: VecDeque::new(),
            floor,
            batches: VecDeque::new(),
            watchers: 0,
            waiters: Waiters::default(),
            touched: false,
            sweep: None,
        };
        Topic { filter, queue: Mutex::new(queue) }
    }

    pub(crate) fn join(&self) {
        self.queue.lock().watchers += 1;
    }

    /// Returns how many are left.
    pub(crate) fn leave(&self, seat: &Seat) -> usize {
        let mut queue = self.queue.lock();
        queue.watchers -= 1;
        let left = queue.watchers;
        queue.waiters.leave(seat, left);
        left
    }

    /// What is published after `after`; `Ready(None)` when some of it is gone from here. When there is nothing,
    /// `waker` is woken once there is.
    ///
    /// `published` is asked under the lock: a publication sets it before it wakes, so it is either seen here or wakes.
    pub(crate) fn poll(
        &self,
        seat: &Arc<Seat>,
        after: Revision,
        published: impl Fn() -> Revision,
        waker: &Waker,
    ) -> Poll<Option<Arc<Batch>>> {
        let mut queue = self.queue.lock();
        if after < queue.floor {
            return Poll::Ready(None);
        }
        let now = published();
        let end = queue.events.partition_point(|e| e.revision <= now);
        let Some(last) = end.checked_sub(1).map(|last| queue.events[last].revision).filter(|last| *last > after) else {
            queue.waiters.add(seat, after, waker);
            return Poll::Pending;
        };
        let same = |batch: &&Arc<Batch>| batch.after == after && (batch.full || batch.through == last);
        if let Some(batch) = queue.batches.iter().rev().find(same) {
            return Poll::Ready(Some(batch.clone()));
        }
        let start = queue.events.partition_point(|e| e.revision <= after);
        let batch = Arc::new(Batch::of(after, queue.events.range(start..end)));
        if queue.watchers > 1 {
            if queue.batches.len() == BATCHES {
                queue.batches.pop_front();
            }
            queue.batches.push_back(batch.clone());
        }
        Poll::Ready(Some(batch))
    }

    /// Whether nothing lies between `after` and `through`.
    pub(crate) fn is_quiet(&self, after: Revision, through: Revision) -> bool {
        let queue = self.queue.lock();
        let start = queue.events.partition_point(|e| e.revision <= after);
        after >= queue.floor && queue.events.get(start).is_none_or(|e| e.revision > through)
    }

    /// Returns whether this is the first event of the running publication.
    pub(crate) fn push(&self, event: &Arc<Event>) -> bool {
        let mut queue = self.queue.lock();
        queue.events.push_back(event.clone());
        !std::mem::replace(&mut queue.touched, true)
    }

    /// Wakes those who wait if they are few. Returns whether they are many: then [`Topic::sweep_on`] must be called
    /// until it says that it is done.
    pub(crate) fn begin_sweep(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.touched = false;
        if let Some(sweep) = &mut queue.sweep {
            sweep.again = true;
            return false;
        }
        let waiting = queue.waiters.len();
        if waiting > SLICE {
            queue.sweep = Some(Sweep::over(waiting));
            return true;
        }
        let newest = queue.newest();
        let few = queue.waiters.take(waiting, newest);
        drop(queue);
        wake(few);
        false
    }

    /// Wakes the next slice. Returns whether more are to follow.
    pub(crate) fn sweep_on(&self) -> bool {
        let mut queue = self.queue.lock();
        let newest = queue.newest();
        let waiting = queue.waiters.len();
        let Some(sweep) = &mut queue.sweep else { return false };
        let count = sweep.slice.min(sweep.left);
        sweep.left -= count;
        if sweep.left == 0 {
            // The rest of the queue, and those of this slice who have seen everything.
            let next = sweep.again.then(|| Sweep::over(waiting));
            queue.sweep = next.filter(|next| next.left > 0);
        }
        let more = queue.sweep.is_some();
        let slice = queue.waiters.take(count, newest);
        drop(queue);
        wake(slice);
        more
    }

    /// Wakes everybody at once: something ended.
    pub(crate) fn wake_all(&self) {
        let mut queue = self.queue.lock();
        queue.touched = false;
        queue.sweep = None;
        let waiting = queue.waiters.len();
        let all = queue.waiters.take(waiting, Revision(u64::MAX));
        drop(queue);
        wake(all);
    }

    pub(crate) fn drop_through(&self, floor: Revision) {
        let mut queue = self.queue.lock();
        while let Some(event) = queue.events.front()
            && event.revision <= floor
        {
            queue.floor = event.revision;
            queue.events.pop_front();
        }
        if queue.events.is_empty() {
            queue.events.shrink_to(16);
        }
        let floor = queue.floor;
        queue.batches.retain(|batch| batch.after >= floor);
    }

    /// Forgets everything: whoever has not seen `floor` must catch up elsewhere.
    pub(crate) fn reset(&self, floor: Revision) {
        let mut queue = self.queue.lock();
        queue.events.clear();
        queue.batches.clear();
        queue.floor = floor;
    }
}

impl Queue {
    /// Whoever has seen this has nothing to be woken for.
    fn newest(&self) -> Revision {
        self.events.back().map_or(self.floor, |event| event.revision)
    }
}
