//! When what is behind a service changed: by this annotation those who route to it measure how late they are.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use parking_lot::Mutex;
use timonier_client::{Object, ObjectKey};

use crate::objects::{Pod, Service, condition};

pub const ANNOTATION: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// What was known of each service at its last run.
#[derive(Default)]
pub struct Triggers(Mutex<HashMap<ObjectKey, Seen>>);

#[derive(Debug, Default)]
struct Seen {
    created: Option<Timestamp>,
    /// When each pod became ready or ceased to be, by uid.
    turned: HashMap<Arc<str>, Timestamp>,
}

impl Triggers {
    /// The earliest change since the service was last asked for; None when nothing that has a time has changed.
    pub fn since_last(&self, service: &Service, pods: &[Arc<Pod>]) -> Option<Timestamp> {
        let now = Seen::of(service, pods);
        let mut all = self.0.lock();
        let before = all.insert(service.meta().key(), now);
        let now = all.get(&service.meta().key())?;
        match before {
            // What was there before we were cannot be told from what is new.
            None => now.created,
            Some(before) => now.earliest_after(&before),
        }
    }

    pub fn forget(&self, service: &ObjectKey) {
        self.0.lock().remove(service);
    }
}

impl Seen {
    fn of(service: &Service, pods: &[Arc<Pod>]) -> Seen {
        let turned = |pod: &Arc<Pod>| {
            let ready = condition(&pod.status.conditions, "Ready")?;
            Some((pod.meta().uid.clone(), ready.last_transition_time?))
        };
        Seen { created: service.metadata.creation_timestamp, turned: pods.iter().filter_map(turned).collect() }
    }

    fn earliest_after(&self, before: &Seen) -> Option<Timestamp> {
        let later =
            |(uid, at): (&Arc<str>, &Timestamp)| before.turned.get(uid).is_none_or(|then| at > then).then_some(*at);
        let service = self.created.filter(|at| before.created.is_none_or(|then| *at > then));
        self.turned.iter().filter_map(later).chain(service).min()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn pod(uid: &str, second: Option<i64>) -> Arc<Pod> {
        let since = second.map_or(Value::Null, |second| at(second).to_string().into());
        let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": since});
        let pod = json!({"metadata": {"name": uid, "uid": uid}, "status": {"phase": "Running", "conditions": [ready]}});
        Arc::new(serde_json::from_value(pod).expect("a pod"))
    }

    #[test]
    fn the_earliest_of_all_changes_since_the_last_run_is_told() {
        let service = |second: i64| -> Service {
            let created = at(second).to_string();
            let meta = json!({"name": "web", "namespace": "default", "creationTimestamp": created});
            serde_json::from_value(json!({ "metadata": meta })).expect("a service")
        };
        let triggers = Triggers::default();
        let check = |created: i64, pods: &[Arc<Pod>], expect: Option<i64>| {
            assert_eq!(triggers.since_last(&service(created), pods), expect.map(at));
        };
        check(100, &[pod("a", Some(50))], Some(100));
        check(100, &[pod("a", Some(50))], None);
        check(100, &[pod("a", Some(50)), pod("b", Some(120)), pod("c", Some(110))], Some(110));
        check(100, &[pod("b", Some(120)), pod("c", Some(130))], Some(130));
        check(100, &[pod("b", Some(120)), pod("c", None)], None);
        check(200, &[pod("b", Some(120)), pod("d", Some(220))], Some(200));
        triggers.forget(&service(0).meta().key());
        check(200, &[pod("d", Some(500))], Some(200));
    }
}
