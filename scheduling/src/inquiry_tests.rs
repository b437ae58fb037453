use std::sync::Arc;

use serde_json::json;

use super::Inquiry;
use crate::fixtures::{cluster, node, place, pod, requesting};
use crate::{Profile, Reason};

#[test]
fn every_filter_has_its_say_with_the_numbers_that_it_saw() {
    let mut nodes = cluster([node("n1", json!({"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}}))]);
    place(&mut nodes, requesting("r", json!({"cpu": "3"})), "n1");
    let pod = pod(
        "p",
        json!({
            "nodeSelector": {"disk": "ssd"},
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1500m"}}}],
        }),
    );
    let profile = Profile::default();
    let inquiry = Inquiry::new(&profile, &pod, &mut nodes);
    let found = inquiry.judge(inquiry.cluster().node("n1").expect("there"));
    let filters: Vec<_> = found.iter().map(|objection| objection.filter).collect();
    assert_eq!(filters, ["TaintToleration", "NodeAffinity", "NodeResourcesFit"]);
    let [Reason::Insufficient(short)] = &found[2].reasons[..] else { panic!("{found:?}") };
    assert_eq!((short.requested, short.used, short.allocatable), (1500, 3000, 4000));
}

#[test]
fn a_pod_can_be_thought_away() {
    let mut nodes = cluster([node("n1", json!({}))]);
    place(&mut nodes, requesting("r", json!({"cpu": "3"})), "n1");
    let pod = requesting("p", json!({"cpu": "2"}));
    let profile = Profile::default();
    let inquiry = Inquiry::new(&profile, &pod, &mut nodes);
    let node = inquiry.cluster().node("n1").expect("there");
    assert_eq!(inquiry.judge(node).len(), 1);
    let gone: Vec<_> = node.usage().pods().cloned().collect();
    assert_eq!(inquiry.judge_without(node, &gone), []);
}

#[test]
fn scores_are_told_one_by_one() {
    let mut nodes = cluster([node("n1", json!({})), node("n2", json!({}))]);
    place(&mut nodes, requesting("r", json!({"cpu": "2", "memory": "4Gi"})), "n1");
    let pod = requesting("p", json!({"cpu": "2", "memory": "4Gi"}));
    let profile = Profile::default();
    let inquiry = Inquiry::new(&profile, &pod, &mut nodes);
    let both: Vec<_> = inquiry.cluster().nodes().iter().collect();
    let points = inquiry.scores(&both);
    let fit = points.iter().find(|points| points.score == "NodeResourcesFit").expect("scored");
    assert_eq!((fit.weight, &fit.points[..]), (1, &[0, 50][..]));
}

#[test]
fn room_is_held_for_those_who_were_promised_it() {
    let profile = Profile::default();
    let pod = requesting("p", json!({"cpu": "2"}));
    // Nobody is kept out by the less important.
    for (priority, held) in [(10, true), (0, true), (-1, false)] {
        let mut nodes = cluster([node("n1", json!({}))]);
        let resources = json!({"requests": {"cpu": "3"}});
        let spec = json!({"priority": priority, "containers": [{"name": "c", "resources": resources}]});
        nodes.nominate(&Arc::new(self::pod("vip", spec)), &"n1".into());
        let inquiry = Inquiry::new(&profile, &pod, &mut nodes);
        let found = inquiry.judge(inquiry.cluster().node("n1").expect("there"));
        let used = found.iter().flat_map(|one| &one.reasons).map(|reason| match reason {
            Reason::Insufficient(short) => (short.requested, short.used),
            other => panic!("{other:?}"),
        });
        assert_eq!(used.collect::<Vec<_>>(), if held { vec![(2000, 3000)] } else { vec![] });
        assert!(found.iter().all(|one| one.held_for.len() == 1));
    }
}
