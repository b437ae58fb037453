//! Who must leave a tainted node, and when. Pure.

use std::{collections::HashMap, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1 as core;
use timonier_scheduling::{Effect, Toleration};

use crate::{
    nodelifecycle::taints::{NO_EXECUTE, NOT_READY, UNREACHABLE},
    objects::{Node, Taint},
    vigil::Moment,
};

/// A pod of the node, as far as that matters here.
#[derive(Debug, Clone)]
pub struct Bound {
    pub uid: Arc<str>,
    pub tolerations: Vec<core::Toleration>,
}

/// Since when each pod, by uid, has been on its way out.
pub type Waiting = HashMap<Arc<str>, Moment>;

#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    /// Uids of pods whose time is over.
    pub evict: Vec<Arc<str>>,
    /// Uids of pods that were to leave and may stay.
    pub cancelled: Vec<Arc<str>>,
    /// How long until the next pod's time is over.
    pub next: Option<Duration>,
}

/// The node's taints that make pods leave. What a ready node still has of its absence makes nobody leave: it is about
/// to be taken away.
pub fn effective(node: &Node) -> Vec<&Taint> {
    let of_absence = |taint: &Taint| matches!(&*taint.key, NOT_READY | UNREACHABLE);
    let effective = |taint: &&Taint| &*taint.effect == NO_EXECUTE && !(of_absence(taint) && node.is_ready());
    node.spec.taints.iter().filter(effective).collect()
}

/// `grace`: a node that seems lost gets so long after a gap in our own time, whatever pods tolerate.
pub fn plan(taints: &[&Taint], pods: &[Bound], waiting: &mut Waiting, now: Moment, grace: Duration) -> Plan {
    let mut plan = Plan::default();
    let absent = taints.iter().all(|taint| matches!(&*taint.key, NOT_READY | UNREACHABLE));
    let mut still = Waiting::with_capacity(waiting.len());
    for pod in pods {
        let patience = match stay(taints, &pod.tolerations) {
            Stay::Forever => continue,
            Stay::For(patience) => patience,
        };
        let since = waiting.get(&pod.uid).filter(|since| since.epoch == now.epoch).copied().unwrap_or(now);
        still.insert(pod.uid.clone(), since);
        let mut end = since.at + patience;
        if absent && now.epoch > 0 {
            end = end.max(now.began + grace);
        }
        match end.checked_sub(now.at).filter(|left| !left.is_zero()) {
            None => plan.evict.push(pod.uid.clone()),
            Some(left) => plan.next = Some(plan.next.map_or(left, |next| next.min(left))),
        }
    }
    let present = |uid: &Arc<str>| pods.iter().any(|pod| pod.uid == *uid);
    plan.cancelled = waiting.keys().filter(|uid| !still.contains_key(*uid) && present(uid)).cloned().collect();
    *waiting = still;
    plan
}

#[derive(Debug, PartialEq)]
enum Stay {
    Forever,
    For(Duration),
}

/// How long a pod may stay: not at all if it does not tolerate one of the taints, else the shortest of the times that
/// it tolerates those.
fn stay(taints: &[&Taint], tolerations: &[core::Toleration]) -> Stay {
    let mut shortest: Option<Duration> = None;
    for taint in taints {
        let tolerates = |toleration: &&core::Toleration| {
            Toleration::parse(toleration).is_some_and(|t| t.tolerates(&taint.key, &taint.value, Effect::NoExecute))
        };
        let mut used = tolerations.iter().filter(tolerates).peekable();
        if used.peek().is_none() {
            return Stay::For(Duration::ZERO);
        }
        let times = used.filter_map(|toleration| toleration.toleration_seconds);
        let times = times.map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        shortest = shortest.into_iter().chain(times).min();
    }
    shortest.map_or(Stay::Forever, Stay::For)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment { at: Duration::from_secs(seconds), ..Moment::default() }
    }

    fn taint(key: &str) -> Taint {
        Taint { key: key.into(), effect: NO_EXECUTE.into(), ..Taint::default() }
    }

    fn pod(uid: &str, tolerations: serde_json::Value) -> Bound {
        Bound { uid: uid.into(), tolerations: serde_json::from_value(tolerations).expect("tolerations") }
    }

    fn for_seconds(key: &str, seconds: i64) -> serde_json::Value {
        json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds})
    }

    const GRACE: Duration = Duration::from_secs(50);

    #[test]
    fn a_pod_stays_as_long_as_it_tolerates() {
        let (lost, own) = (taint(UNREACHABLE), taint("own"));
        let check = |tolerations: serde_json::Value, expect: Stay| {
            assert_eq!(stay(&[&lost, &own], &pod("a", tolerations.clone()).tolerations), expect, "{tolerations}");
        };
        let seconds = |seconds| Stay::For(Duration::from_secs(seconds));
        check(json!([]), seconds(0));
        check(json!([for_seconds(UNREACHABLE, 300)]), seconds(0));
        check(json!([for_seconds(UNREACHABLE, 300), for_seconds("own", 20)]), seconds(20));
        check(json!([for_seconds(UNREACHABLE, -1), for_seconds("own", 20)]), seconds(0));
        check(json!([{"operator": "Exists"}]), Stay::Forever);
        check(json!([{"operator": "Exists"}, for_seconds("own", 7)]), seconds(7));
        check(json!([{"key": "own", "operator": "Exists", "effect": "NoSchedule"}]), seconds(0));
    }

    #[test]
    fn pods_leave_when_their_time_is_over_and_stay_when_the_taint_goes() {
        let lost = taint(UNREACHABLE);
        let pods = [pod("a", json!([for_seconds(UNREACHABLE, 300)])), pod("b", json!([{"operator": "Exists"}]))];
        let mut waiting = Waiting::new();
        let first = plan(&[&lost], &pods, &mut waiting, at(1000), GRACE);
        assert_eq!(first, Plan { next: Some(Duration::from_secs(300)), ..Plan::default() });
        assert!(plan(&[&lost], &pods, &mut waiting, at(1299), GRACE).evict.is_empty());
        let mut spared = waiting.clone();
        assert_eq!(plan(&[&lost], &pods, &mut waiting, at(1300), GRACE).evict, ["a".into()]);
        assert_eq!(plan(&[], &pods, &mut spared, at(1301), GRACE).cancelled, ["a".into()]);
        assert!(spared.is_empty());
    }

    #[test]
    fn time_that_we_did_not_see_counts_for_nothing() {
        let lost = taint(UNREACHABLE);
        let pods = [pod("patient", json!([for_seconds(UNREACHABLE, 300)])), pod("hasty", json!([]))];
        let mut waiting = Waiting::from([("patient".into(), at(1000))]);
        let gap = Moment { epoch: 1, began: Duration::from_secs(1200), at: Duration::from_secs(1200) };
        let after = plan(&[&lost], &pods, &mut waiting, gap, GRACE);
        assert_eq!((after.evict.as_slice(), after.next), (&[][..], Some(GRACE)));
        // Somebody's own taint is meant, now as before.
        let own = taint("own");
        let after = plan(&[&own], &pods, &mut waiting, gap, GRACE);
        assert_eq!(after.evict, ["patient".into(), "hasty".into()]);
    }

    #[test]
    fn a_ready_node_makes_nobody_leave_for_having_been_away() {
        let node = |ready: &str| -> Node {
            serde_json::from_value(json!({"metadata": {"name": "a"},
                "spec": {"taints": [{"key": UNREACHABLE, "effect": "NoExecute"}, {"key": "own", "effect": "NoExecute"},
                    {"key": "own", "effect": "NoSchedule"}]},
                "status": {"conditions": [{"type": "Ready", "status": ready}]}}))
            .expect("a node")
        };
        assert_eq!(effective(&node("Unknown")).len(), 2);
        assert_eq!(effective(&node("True")), [&taint("own")]);
    }
}
