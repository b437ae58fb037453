//! Seats and queues.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use timonier_api::status::Status;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Limits, PriorityLevel};
/// Users of a level share so many queues, by the hash of their names.
pub const FLOWS: usize = 64;
/// When to come again, in seconds.
const RETRY_AFTER: u32 = 1;

/// Gives seats. Nothing here is locked, and nothing allocated for a request that finds a seat.
pub struct Fairness {
    levels: [Level; PriorityLevel::ALL.len()],
    seats: usize,
    queue: usize,
    patience: Duration,
}

struct Level {
    flows: Vec<Flow>,
    rejected: [AtomicUsize; 2],
}

struct Flow {
    seats: Semaphore,
    waiting: AtomicUsize,
}

/// Why a request got no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    QueueFull,
    TimeOut,
}

impl Rejection {
    /// As Kubernetes' metrics call it.
    pub fn reason(self) -> &'static str {
        match self {
            Rejection::QueueFull => "queue-full",
            Rejection::TimeOut => "time-out",
        }
    }
}

/// The right to be answered, which the most important requests need not have. It is free again when it is dropped.
pub type Seat<'a> = Option<SemaphorePermit<'a>>;

/// How full a level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub executing: usize,
    pub waiting: usize,
    pub rejected: [(Rejection, usize); 2],
}

impl Fairness {
    pub fn new(limits: &Limits) -> Fairness {
        let seats = limits.max_requests_inflight_per_user;
        let flow = || Flow { seats: Semaphore::new(seats), waiting: AtomicUsize::new(0) };
        let level = || Level { flows: (0..FLOWS).map(|_| flow()).collect(), rejected: Default::default() };
        Fairness {
            levels: std::array::from_fn(|_| level()),
            seats,
            queue: limits.max_requests_queued_per_user,
            patience: limits.request_queue(),
        }
    }

    /// A seat for a request of `user`, now or after a while in the queue. It is free again when the permit is dropped.
    pub async fn seat(&self, level: PriorityLevel, user: &str) -> Result<Seat<'_>, Rejection> {
        if level == PriorityLevel::Exempt {
            return Ok(None);
        }
        let level = &self.levels[level as usize];
        let flow = &level.flows[flow_of(user)];
        if let Ok(seat) = flow.seats.try_acquire() {
            return Ok(Some(seat));
        }
        let seat = self.wait(flow).await;
        if let Err(rejection) = seat {
            level.rejected[rejection as usize].fetch_add(1, Ordering::Relaxed);
        }
        seat.map(Some)
    }

    async fn wait<'a>(&self, flow: &'a Flow) -> Result<SemaphorePermit<'a>, Rejection> {
        let _place = Place::take(&flow.waiting, self.queue).ok_or(Rejection::QueueFull)?;
        let seat = tokio::time::timeout(self.patience, flow.seats.acquire()).await;
        // The semaphore is never closed.
        seat.ok().and_then(Result::ok).ok_or(Rejection::TimeOut)
    }

    pub fn usage(&self, level: PriorityLevel) -> Usage {
        let level = &self.levels[level as usize];
        let sum = |each: fn(&Flow) -> usize| level.flows.iter().map(each).sum::<usize>();
        let rejected = [Rejection::QueueFull, Rejection::TimeOut];
        Usage {
            executing: (self.seats * FLOWS).saturating_sub(sum(|flow| flow.seats.available_permits())),
            waiting: sum(|flow| flow.waiting.load(Ordering::Relaxed)),
            rejected: rejected.map(|why| (why, level.rejected[why as usize].load(Ordering::Relaxed))),
        }
    }
}

/// The place of a user among the flows, and among the watches.
pub(super) fn flow_of(user: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    hasher.finish() as usize % FLOWS
}

/// A place in a queue, given back however the waiting ends.
struct Place<'a>(&'a AtomicUsize);

impl Place<'_> {
    fn take(waiting: &AtomicUsize, limit: usize) -> Option<Place<'_>> {
        let place = Place(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < limit).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl From<Rejection> for Status {
    /// Whatever the reason, in the words that `kubectl` users know.
    fn from(_: Rejection) -> Status {
        Status::too_many_requests("Too many requests, please try again later.", RETRY_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn fairness(seats: usize, queue: usize) -> Fairness {
        Fairness::new(&Limits {
            max_requests_inflight_per_user: seats,
            max_requests_queued_per_user: queue,
            request_queue_seconds: 5,
            ..Limits::default()
        })
    }

    const LEVEL: PriorityLevel = PriorityLevel::GlobalDefault;

    #[tokio::test]
    async fn who_has_no_seat_waits_in_turn_and_beyond_the_queue_is_refused() {
        let fairness = fairness(2, 1);
        let (first, second) = (fairness.seat(LEVEL, "bob").await, fairness.seat(LEVEL, "bob").await);
        assert!(first.is_ok() && second.is_ok());
        let mut third = Box::pin(fairness.seat(LEVEL, "bob"));
        assert!((&mut third).now_or_never().is_none(), "it waits");
        assert_eq!(fairness.seat(LEVEL, "bob").await.err(), Some(Rejection::QueueFull));
        let usage = fairness.usage(LEVEL);
        assert_eq!((usage.executing, usage.waiting, usage.rejected[0].1), (2, 1, 1));
        drop(first);
        assert!(third.await.is_ok());
        assert_eq!(fairness.usage(LEVEL).waiting, 0);
    }

    #[tokio::test]
    async fn a_user_at_its_limit_takes_no_seat_of_others_and_of_no_other_level() {
        let fairness = fairness(1, 0);
        let other = (0..100).map(|i| format!("user-{i}")).find(|user| flow_of(user) != flow_of("bob")).unwrap();
        let _busy = fairness.seat(LEVEL, "bob").await.unwrap();
        assert!(fairness.seat(LEVEL, "bob").await.is_err());
        assert!(fairness.seat(LEVEL, &other).await.is_ok());
        for level in PriorityLevel::ALL.into_iter().filter(|level| *level != LEVEL) {
            assert!(fairness.seat(level, "bob").await.is_ok(), "{}", level.name());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_waits_only_so_long_and_leaves_its_place() {
        let fairness = fairness(1, 1);
        let _busy = fairness.seat(LEVEL, "bob").await.unwrap();
        assert_eq!(fairness.seat(LEVEL, "bob").await.err(), Some(Rejection::TimeOut));
        let mut gone = Box::pin(fairness.seat(LEVEL, "bob"));
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        assert_eq!(fairness.usage(LEVEL).waiting, 0);
    }

    #[tokio::test]
    async fn health_checks_are_never_refused() {
        let fairness = fairness(1, 0);
        let mut seats = Vec::new();
        for _ in 0..10 {
            seats.push(fairness.seat(PriorityLevel::Exempt, "system:anonymous").await.unwrap());
        }
    }
}
