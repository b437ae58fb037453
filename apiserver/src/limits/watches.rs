//! How many watches a user has open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use timonier_api::status::Status;

use super::fairness::{FLOWS, flow_of};

/// When to come again, in seconds.
const RETRY_AFTER: u32 = 10;

/// Counts the watches of users, who share places by the hash of their names.
pub struct Watches {
    open: Arc<[AtomicUsize; FLOWS]>,
    limit: usize,
}

impl Watches {
    pub fn new(limit: usize) -> Watches {
        Watches { open: Arc::new(std::array::from_fn(|_| AtomicUsize::new(0))), limit }
    }

    /// Counts one more until the value is dropped; 429 when these are too many.
    pub fn open(&self, user: &str) -> Result<WatchSeat, Status> {
        let seat = WatchSeat { open: self.open.clone(), flow: flow_of(user) };
        let before = self.open[seat.flow].fetch_add(1, Ordering::Relaxed);
        if before < self.limit {
            return Ok(seat);
        }
        let limit = self.limit;
        Err(Status::too_many_requests(
            format!("Too many watches: user {user:?} has {limit} open, and may have {limit}; close some first."),
            RETRY_AFTER,
        ))
    }
}

/// One watch that counts.
pub struct WatchSeat {
    open: Arc<[AtomicUsize; FLOWS]>,
    flow: usize,
}

impl Drop for WatchSeat {
    fn drop(&mut self) {
        self.open[self.flow].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_watches_and_one_more_when_one_is_closed() {
        let watches = Watches::new(2);
        let other = (0..100).map(|i| format!("user-{i}")).find(|user| flow_of(user) != flow_of("bob")).unwrap();
        let (first, _second) = (watches.open("bob").unwrap(), watches.open("bob").unwrap());
        let refused = watches.open("bob").err().unwrap();
        assert_eq!((refused.code, &*refused.reason), (429, "TooManyRequests"));
        assert!(watches.open(&other).is_ok());
        drop(first);
        assert!(watches.open("bob").is_ok());
    }
}
