use super::*;

const PODS: Resource = Resource::of("", "v1", "pods");
const SETS: Resource = Resource::of("apps", "v1", "replicasets");

/// A queue with a clock and two watches that stand where the test says.
struct Case {
    queue: Queue<&'static str>,
    now: Instant,
    pods: u64,
    sets: u64,
}

impl Case {
    fn new() -> Case {
        Case { queue: Queue::new(Duration::ZERO), now: Instant::now(), pods: 0, sets: 0 }
    }

    fn reached(&self) -> impl Fn(&Resource) -> Option<Revision> + use<> {
        let (pods, sets) = (self.pods, self.sets);
        move |resource| match () {
            () if *resource == PODS => Some(Revision(pods)),
            () if *resource == SETS => Some(Revision(sets)),
            () => None,
        }
    }

    fn want(&mut self, key: &'static str) {
        self.queue.want(key, self.now);
    }

    fn start(&mut self) -> Option<&'static str> {
        self.queue.start(self.now)
    }

    fn finish(&mut self, key: &'static str, outcome: Outcome, written: &[(Resource, u64)]) {
        let written = written.iter().map(|(resource, revision)| (resource.clone(), Revision(*revision))).collect();
        let reached = self.reached();
        self.queue.finish(key, self.now, outcome, written, reached);
    }

    fn catch_up(&mut self) {
        let reached = self.reached();
        self.queue.caught_up(self.now, reached);
    }
}

#[test]
fn a_key_never_runs_twice_at_once() {
    let mut case = Case::new();
    case.want("a");
    assert_eq!(case.start(), Some("a"));
    case.want("a");
    case.want("a");
    assert_eq!(case.start(), None);
    case.finish("a", Outcome::Settled, &[]);
    // What happened meanwhile is one run, not two.
    assert_eq!(case.start(), Some("a"));
    case.finish("a", Outcome::Settled, &[]);
    assert_eq!(case.start(), None);
}

#[test]
fn different_keys_run_side_by_side() {
    let mut case = Case::new();
    case.want("a");
    case.want("b");
    assert_eq!((case.start(), case.start(), case.start()), (Some("a"), Some("b"), None));
}

#[test]
fn a_key_waits_for_its_own_writes_on_each_watch() {
    let mut case = Case::new();
    case.want("a");
    case.start();
    case.finish("a", Outcome::Settled, &[(PODS, 7), (SETS, 9)]);
    case.want("a");
    assert_eq!(case.start(), None);
    // The sum of all watches is not enough: each must have come so far itself.
    (case.pods, case.sets) = (99, 8);
    case.catch_up();
    assert_eq!(case.start(), None);
    case.sets = 9;
    case.catch_up();
    assert_eq!(case.start(), Some("a"));
}

#[test]
fn writes_that_were_seen_before_the_run_ended_hold_nothing_back() {
    let mut case = Case::new();
    case.want("a");
    case.start();
    case.pods = 7;
    case.finish("a", Outcome::Settled, &[(PODS, 7)]);
    case.want("a");
    assert_eq!(case.start(), Some("a"));
}

#[test]
fn writes_to_what_is_not_watched_hold_nothing_back() {
    let mut case = Case::new();
    case.want("a");
    case.start();
    case.finish("a", Outcome::Settled, &[(Resource::of("", "v1", "events"), 7)]);
    case.want("a");
    assert_eq!(case.start(), Some("a"));
}

#[test]
fn patience_with_a_watch_ends() {
    let mut case = Case::new();
    case.want("a");
    case.start();
    case.finish("a", Outcome::Settled, &[(PODS, 7)]);
    case.want("a");
    assert_eq!(case.queue.wake(), Some(case.now + PATIENCE));
    case.now += PATIENCE;
    case.catch_up();
    assert_eq!(case.start(), Some("a"));
}

#[test]
fn a_failed_key_backs_off_whatever_happens_and_longer_each_time() {
    let mut case = Case::new();
    case.want("a");
    let mut last = Duration::ZERO;
    for _ in 0..4 {
        assert_eq!(case.start(), Some("a"));
        case.finish("a", Outcome::Failed, &[]);
        case.want("a");
        assert_eq!(case.start(), None);
        let wake = case.queue.wake().expect("it comes back");
        assert!(wake - case.now > last, "each wait is longer");
        last = wake - case.now;
        case.now = wake;
    }
    assert_eq!(case.queue.failures(&"a"), 4);
    assert_eq!(case.start(), Some("a"));
    case.finish("a", Outcome::Settled, &[]);
    assert_eq!(case.queue.failures(&"a"), 0);
}

#[test]
fn a_key_comes_back_when_it_said_so_and_earlier_when_something_happens() {
    let mut case = Case::new();
    case.want("a");
    case.start();
    case.finish("a", Outcome::After(Duration::from_secs(60)), &[]);
    assert_eq!(case.start(), None);
    assert_eq!(case.queue.wake(), Some(case.now + Duration::from_secs(60)));
    case.want("a");
    assert_eq!(case.start(), Some("a"));
    case.finish("a", Outcome::After(Duration::from_secs(60)), &[]);
    case.now += Duration::from_secs(60);
    assert_eq!(case.start(), Some("a"));
}

#[test]
fn a_burst_of_events_is_one_run_after_the_pause() {
    let mut case = Case::new();
    let pause = Duration::from_millis(20);
    case.queue = Queue::new(pause);
    case.want("a");
    // The first comes at once.
    assert_eq!(case.start(), Some("a"));
    case.finish("a", Outcome::Settled, &[]);
    case.want("a");
    case.want("a");
    assert_eq!(case.start(), None);
    assert_eq!(case.queue.wake(), Some(case.now + pause));
    case.now += pause;
    assert_eq!(case.start(), Some("a"));
    case.finish("a", Outcome::Settled, &[]);
    case.now += pause;
    case.queue.sweep(case.now);
    assert!(case.queue.entries.is_empty());
}
