//! Ends the pods that may run only while the API server knows of it, when it has not been reached for too long.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use timonier_client::fence::{ANNOTATION, limit};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    desired,
    directory::Directory,
    memory::Failure,
    rulings::{Ruling, Rulings},
};

/// Seconds that a pod has to end: whoever replaces it waits for longer.
const GRACE: i64 = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// When the server was last reached.
#[derive(Clone)]
pub struct Contact(Arc<Mutex<Duration>>);

impl Contact {
    pub fn begin() -> Contact {
        Contact(Arc::new(Mutex::new(now())))
    }

    /// A request that was sent at `asked` was answered. It may have been heard no later than that.
    pub fn heard(&self, asked: Duration) {
        let mut last = self.0.lock();
        *last = asked.max(*last);
    }

    fn silent_for(&self) -> Duration {
        now().saturating_sub(*self.0.lock())
    }
}

/// The time since the machine started. It goes on while the machine is suspended, and so do pods elsewhere.
pub fn now() -> Duration {
    let uptime = std::fs::read_to_string("/proc/uptime").ok();
    let seconds = uptime.as_deref().and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_else(since_first_asked)
}

/// Where the kernel does not say it.
fn since_first_asked() -> Duration {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

pub struct Fence {
    pub contact: Contact,
    pub directory: Directory,
    pub rulings: Rulings,
}

impl Fence {
    pub async fn run(self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(sleep(PERIOD)).await.is_some() {
            self.look();
        }
    }

    fn look(&self) {
        let silent = self.contact.silent_for();
        for pod in self.directory.all() {
            let uid = desired::identity(&pod).uid;
            if let Some(ruling) = fenced(&pod, silent)
                && !self.rulings.is_ruled(&uid)
            {
                tracing::warn!(pod = ?pod.metadata.name, ?silent, "the API server is out of reach: its pod ends");
                self.rulings.rule(&uid, ruling);
            }
        }
    }
}

/// What is decided about a pod when the server has been out of reach for so long.
fn fenced(pod: &Pod, silent: Duration) -> Option<Ruling> {
    let limit = limit(pod.metadata.annotations.as_ref()?).ok().flatten()?;
    if silent < limit {
        return None;
    }
    let message = format!("The API server was out of reach for {} s ({ANNOTATION})", limit.as_secs());
    let failure = Failure { reason: "Fenced".into(), message };
    Some(Ruling { failure, grace: Some(GRACE), disrupts: true })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(annotations: serde_json::Value) -> Pod {
        let pod = json!({"metadata": {"name": "db-0", "namespace": "d", "uid": "u", "annotations": annotations}});
        serde_json::from_value(pod).expect("a pod")
    }

    #[test]
    fn only_who_asks_for_it_ends_and_only_when_the_time_is_over() {
        let ends = |annotations: serde_json::Value, silent: u64| {
            fenced(&pod(annotations), Duration::from_secs(silent)).is_some()
        };
        let half_a_minute = || json!({ANNOTATION: "30s"});
        assert_eq!([ends(half_a_minute(), 29), ends(half_a_minute(), 30)], [false, true]);
        assert!(!ends(json!({}), 10_000) && !ends(json!({ANNOTATION: "never"}), 10_000));
        let ruling = fenced(&pod(half_a_minute()), Duration::from_secs(31)).expect("a ruling");
        assert_eq!((&*ruling.failure.reason, ruling.grace, ruling.disrupts), ("Fenced", Some(10), true));
    }

    #[test]
    fn a_pod_ends_once_by_a_ruling_when_nothing_was_heard_and_not_before() {
        let (rulings, mut ruled) = Rulings::new();
        let directory = Directory::default();
        directory.put(&Arc::new(pod(json!({ANNOTATION: "20s"}))));
        let contact = Contact::begin();
        let fence = Fence { contact: contact.clone(), directory, rulings };
        fence.look();
        assert!(ruled.try_recv().is_err(), "the server was reached a moment ago");
        // As if the last answer had been to a request of long ago: a machine that runs tests is older than this.
        *contact.0.lock() = now().checked_sub(Duration::from_secs(21)).expect("the machine has run for a while");
        fence.look();
        assert_eq!(ruled.try_recv().as_deref(), Ok("u"));
        fence.look();
        assert!(ruled.try_recv().is_err(), "it is told once");
    }

    #[test]
    fn an_answer_proves_no_more_than_when_it_was_asked_for() {
        let contact = Contact(Arc::new(Mutex::new(Duration::from_secs(5))));
        contact.heard(Duration::from_secs(9));
        contact.heard(Duration::from_secs(7));
        assert_eq!(*contact.0.lock(), Duration::from_secs(9));
    }
}
