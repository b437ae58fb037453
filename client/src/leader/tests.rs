use super::*;

fn lease(holder: &str, revision: u64) -> Lease {
    serde_json::from_value(json!({
        "metadata": {"resourceVersion": revision.to_string()},
        "spec": {"holderIdentity": holder, "leaseTransitions": 3},
    }))
    .expect("a lease")
}

const DURATION: Duration = Duration::from_secs(15);

#[test]
fn a_holder_is_late_only_by_our_own_observation() {
    let mut seen = None;
    let start = Instant::now();
    let other = lease("other", 7);
    // However old its renewTime may be, the first look starts the clock.
    assert_eq!(decide(Some(&other), "me", DURATION, &mut seen, start), Move::Wait);
    let almost = start + DURATION - Duration::from_millis(1);
    assert_eq!(decide(Some(&other), "me", DURATION, &mut seen, almost), Move::Wait);
    let late = start + DURATION;
    let take = Move::Take { revision: Revision(7), transitions: 4 };
    assert_eq!(decide(Some(&other), "me", DURATION, &mut seen, late), take);
}

#[test]
fn each_renewal_of_the_holder_starts_the_wait_again() {
    let mut seen = None;
    let start = Instant::now();
    decide(Some(&lease("other", 7)), "me", DURATION, &mut seen, start);
    let later = start + DURATION;
    assert_eq!(decide(Some(&lease("other", 8)), "me", DURATION, &mut seen, later), Move::Wait);
}

#[test]
fn an_empty_or_absent_lease_is_taken_and_ones_own_is_renewed() {
    let now = Instant::now();
    let mut seen = None;
    assert_eq!(decide(None, "me", DURATION, &mut seen, now), Move::Create);
    let take = Move::Take { revision: Revision(7), transitions: 4 };
    assert_eq!(decide(Some(&lease("", 7)), "me", DURATION, &mut seen, now), take);
    let renew = Move::Renew { revision: Revision(7) };
    assert_eq!(decide(Some(&lease("me", 7)), "me", DURATION, &mut seen, now), renew);
}

#[test]
fn micro_times_have_six_digits() {
    let time = micro_time();
    assert!(time.len() == 27 && time.ends_with('Z'), "{time}");
}
