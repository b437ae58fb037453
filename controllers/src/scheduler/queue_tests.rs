use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1 as core;
use serde_json::json;
use timonier_scheduling::{Change, Pod};
use tokio::time::Instant;

use super::Queue;

fn pod(uid: &str, priority: i32) -> Arc<Pod> {
    let pod: core::Pod = serde_json::from_value(json!({
        "metadata": {"name": uid, "uid": uid}, "spec": {"containers": [], "priority": priority},
    }))
    .expect("a pod");
    Arc::new(Pod::parse(&pod).expect("quantities"))
}

fn queue(pods: &[(&str, i32)], now: Instant) -> Queue {
    let mut queue = Queue::default();
    for (uid, priority) in pods {
        queue.put(pod(uid, *priority), now);
    }
    queue
}

fn popped(queue: &mut Queue) -> Option<String> {
    queue.pop().map(|pod| pod.uid.to_string())
}

#[test]
fn the_most_important_comes_first_and_then_who_came_first() {
    let mut queue = queue(&[("a", 0), ("b", 5), ("c", 0)], Instant::now());
    let order: Vec<_> = std::iter::from_fn(|| popped(&mut queue)).collect();
    assert_eq!(order, ["b", "a", "c"]);
    assert_eq!(queue.in_flight(), 3);
}

#[test]
fn a_parked_pod_wakes_for_what_helps_and_only_after_its_back_off() {
    let start = Instant::now();
    let mut queue = queue(&[("a", 0)], start);
    let a = queue.pop().expect("a").uid.clone();
    queue.park(&a, Change::POD_REMOVED, start);
    queue.wake(Change::NODE_LABELS, start + Duration::from_secs(60));
    assert_eq!(popped(&mut queue), None);

    queue.wake(Change::POD_REMOVED, start + Duration::from_millis(500));
    assert_eq!(popped(&mut queue), None, "its back-off is not over");
    assert_eq!(queue.next_due(), Some(start + Duration::from_secs(1)));
    queue.tick(start + Duration::from_secs(1));
    assert_eq!(popped(&mut queue).as_deref(), Some("a"));
}

#[test]
fn back_off_grows_to_ten_seconds_and_no_further() {
    let now = Instant::now();
    let mut queue = queue(&[("a", 0)], now);
    let mut delays = Vec::new();
    for _ in 0..6 {
        let a = queue.pop().expect("a").uid.clone();
        queue.retry(&a, now);
        delays.push((queue.next_due().expect("backs off") - now).as_secs());
        queue.tick(now + Duration::from_secs(11));
    }
    assert_eq!(delays, [1, 2, 4, 8, 10, 10]);
}

#[test]
fn a_parked_pod_is_tried_again_some_time_even_if_nothing_happens() {
    let start = Instant::now();
    let mut queue = queue(&[("a", 0)], start);
    let a = queue.pop().expect("a").uid.clone();
    queue.park(&a, Change::NODE_ADDED, start);
    let due = queue.next_due().expect("in the end");
    queue.tick(due);
    assert_eq!(popped(&mut queue).as_deref(), Some("a"));
}

#[test]
fn a_pod_that_changes_is_tried_at_once_and_one_seen_again_is_not() {
    let now = Instant::now();
    let mut queue = queue(&[("a", 0)], now);
    let a = queue.pop().expect("a");
    queue.park(&a.uid, Change::NODE_ADDED, now);
    queue.put(pod("a", 0), now);
    assert!(!queue.has_active());
    queue.put(pod("a", 7), now);
    assert_eq!(popped(&mut queue).as_deref(), Some("a"));
    queue.put(pod("a", 9), now);
    assert!(!queue.has_active(), "it is being bound");
}

#[test]
fn a_removed_pod_leaves_nothing_behind_wherever_it_was() {
    let now = Instant::now();
    let mut queue = queue(&[("active", 0), ("flying", 9), ("parked", 8), ("backing", 7)], now);
    for _ in 0..3 {
        queue.pop();
    }
    queue.park(&"parked".into(), Change::NODE_ADDED, now);
    queue.retry(&"backing".into(), now);
    for uid in ["active", "flying", "parked", "backing"] {
        queue.remove(uid);
    }
    assert!(!queue.has_active() && queue.next_due().is_none() && queue.uids().is_empty());
    assert_eq!((queue.in_flight(), queue.parked.len()), (0, 0));
}

#[test]
fn only_those_that_wait_for_a_change_are_asked_whether_it_helps() {
    let start = Instant::now();
    let mut queue = queue(&[("a", 0), ("b", 0)], start);
    for until in [Change::NODE_ADDED, Change::POD_REMOVED] {
        let uid = queue.pop().expect("a pod").uid.clone();
        queue.park(&uid, until, start);
    }
    let asked = std::cell::RefCell::new(Vec::new());
    let helps = |pod: &Pod, _| {
        asked.borrow_mut().push(pod.uid.to_string());
        true
    };
    let later = start + Duration::from_secs(20);
    queue.wake_if(Change::POD_REMOVED | Change::NODE_LABELS, helps, later);
    assert_eq!((asked.into_inner(), popped(&mut queue)), (vec!["b".to_owned()], Some("b".into())));
    assert_eq!(queue.parked(), 1);
}

#[test]
fn a_parked_pod_that_is_reconsidered_backs_off_first_and_others_stay_where_they_are() {
    let now = Instant::now();
    let mut queue = queue(&[("a", 0)], now);
    let a = queue.pop().expect("a").uid.clone();
    queue.reconsider(&a, now);
    assert_eq!(queue.in_flight(), 1, "it is being bound");
    queue.park(&a, Change::NONE, now);
    queue.reconsider(&a, now);
    assert!(!queue.has_active());
    queue.tick(now + Duration::from_secs(2));
    assert_eq!(popped(&mut queue).as_deref(), Some("a"));
}
