//! What was decided about a pod by somebody other than its worker: that it may not run here, or no longer. Whoever
//! decides says so here; the pod's worker takes it and ends the pod.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::memory::Failure;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    pub failure: Failure,
    /// Seconds that its containers get, if less than the pod's own.
    pub grace: Option<i64>,
    /// It ran, and is taken away: its status says so (`DisruptionTarget`).
    pub disrupts: bool,
}

#[derive(Clone)]
pub struct Rulings {
    open: Arc<Mutex<Open>>,
    ruled: mpsc::UnboundedSender<String>,
}

#[derive(Default)]
struct Open {
    /// By the pod's uid.
    waiting: HashMap<String, Ruling>,
    ruled: HashSet<String>,
}

impl Rulings {
    /// The receiver is told each pod whose worker should look.
    pub fn new() -> (Rulings, mpsc::UnboundedReceiver<String>) {
        let (ruled, told) = mpsc::unbounded_channel();
        (Rulings { open: Arc::default(), ruled }, told)
    }

    pub fn rule(&self, uid: &str, ruling: Ruling) {
        let mut open = self.open.lock();
        open.ruled.insert(uid.to_owned());
        open.waiting.insert(uid.to_owned(), ruling);
        // At the agent's end nobody needs to know.
        let _ended = self.ruled.send(uid.to_owned());
    }

    /// For the pod's worker.
    pub fn take(&self, uid: &str) -> Option<Ruling> {
        self.open.lock().waiting.remove(uid)
    }

    /// Whether it was decided about before.
    pub fn is_ruled(&self, uid: &str) -> bool {
        self.open.lock().ruled.contains(uid)
    }

    /// The pod is gone.
    pub fn forget(&self, uid: &str) {
        let mut open = self.open.lock();
        open.waiting.remove(uid);
        open.ruled.remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ruling_is_taken_once_and_remembered_until_the_pod_is_gone() {
        let (rulings, mut told) = Rulings::new();
        let failure = Failure { reason: "Evicted".into(), message: String::new() };
        rulings.rule("u", Ruling { failure, grace: Some(0), disrupts: true });
        assert_eq!(told.try_recv().as_deref(), Ok("u"));
        assert!(rulings.take("u").is_some_and(|ruling| ruling.failure.reason == "Evicted"));
        assert_eq!(rulings.take("u"), None);
        assert!(rulings.is_ruled("u"));
        rulings.forget("u");
        assert!(!rulings.is_ruled("u"));
    }
}
