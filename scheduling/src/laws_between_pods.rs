//! Laws of rules between pods, against a judge that looks at everything anew each time.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::{labelled, node};
use crate::{Cluster, Inquiry, Node, Pod, Profile, Scheduler, Unschedulable};

#[derive(Debug, Clone)]
enum Step {
    SetNode { node: u8, zone: u8 },
    RemoveNode { node: u8 },
    Schedule { pod: u8, app: u8, rule: Rule, priority: u8, cpu: u8 },
    RemovePod { pod: u8 },
}

#[derive(Debug, Clone, Copy)]
enum Rule {
    None,
    Spread { key: &'static str, max_skew: i64 },
    Together { key: &'static str, with: u8 },
    Apart { key: &'static str, from: u8 },
}

fn rule() -> impl Strategy<Value = Rule> {
    let key = || prop_oneof![Just("zone"), Just("host")];
    prop_oneof![
        1 => Just(Rule::None),
        2 => (key(), 1..3i64).prop_map(|(key, max_skew)| Rule::Spread { key, max_skew }),
        2 => (key(), 0..3u8).prop_map(|(key, with)| Rule::Together { key, with }),
        2 => (key(), 0..3u8).prop_map(|(key, from)| Rule::Apart { key, from }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..6u8, 0..4u8).prop_map(|(node, zone)| Step::SetNode { node, zone }),
        1 => (0..6u8).prop_map(|node| Step::RemoveNode { node }),
        8 => (0..40u8, 0..3u8, rule(), 0..3u8, 0..3u8)
            .prop_map(|(pod, app, rule, priority, cpu)| Step::Schedule { pod, app, rule, priority, cpu }),
        1 => (0..40u8).prop_map(|pod| Step::RemovePod { pod }),
    ]
}

fn selects(app: u8) -> Value {
    json!({"matchLabels": {"app": format!("a{app}")}})
}

/// The rule stands in labels too, where the judge reads it.
fn a_pod(pod: u8, app: u8, rule: Rule, priority: u8, cpu: u8) -> Pod {
    let required = |kind: &str, key: &str, other: u8| {
        let term = json!({"labelSelector": selects(other), "topologyKey": key});
        json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
    };
    let mut labels = json!({"app": format!("a{app}")});
    let mut spec = match rule {
        Rule::None => json!({}),
        Rule::Spread { key, max_skew } => json!({"topologySpreadConstraints": [{
            "maxSkew": max_skew, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selects(app),
        }]}),
        Rule::Together { key, with } => required("podAffinity", key, with),
        Rule::Apart { key, from } => {
            labels["key"] = json!(key);
            labels["from"] = json!(format!("a{from}"));
            required("podAntiAffinity", key, from)
        }
    };
    spec["priority"] = json!(priority);
    let mut pod = labelled(&format!("p{pod}"), labels, spec);
    pod.requests.milli_cpu = i64::from(cpu) * 1000;
    pod
}

/// Pods of an app by domain.
fn by_domain(cluster: &Cluster, key: &str, app: &str) -> BTreeMap<String, i64> {
    let mut domains = BTreeMap::new();
    for node in cluster.nodes() {
        if let Some(domain) = node.label(key) {
            let pods = node.usage().pods().filter(|pod| pod.labels["app"] == app).count();
            *domains.entry(domain.to_owned()).or_default() += pods as i64;
        }
    }
    domains
}

/// Whether the pod may be on the node, found out the long way.
fn may(pod: &Pod, rule: Rule, node: &Node, cluster: &Cluster) -> bool {
    let app = &pod.labels["app"];
    let own = match rule {
        Rule::None => true,
        Rule::Spread { key, max_skew } => node.label(key).is_some_and(|domain| {
            let domains = by_domain(cluster, key, app);
            domains[domain] + 1 - domains.values().min().unwrap_or(&0) <= max_skew
        }),
        Rule::Together { key, with } => node.label(key).is_some_and(|domain| {
            let domains = by_domain(cluster, key, &format!("a{with}"));
            domains[domain] > 0 || (*app == format!("a{with}") && domains.values().sum::<i64>() == 0)
        }),
        Rule::Apart { key, from } => {
            node.label(key).is_none_or(|domain| by_domain(cluster, key, &format!("a{from}"))[domain] == 0)
        }
    };
    let repelled = cluster.nodes().iter().any(|other| {
        other.usage().pods().any(|there| {
            let key = there.labels.get("key").map(String::as_str).unwrap_or_default();
            let same = node.label(key).is_some() && node.label(key) == other.label(key);
            same && there.labels.get("from") == Some(app)
        })
    });
    let free = node.allocatable.milli_cpu - node.usage().requested().milli_cpu;
    let fits = pod.requests.milli_cpu == 0 || pod.requests.milli_cpu <= free;
    own && !repelled && fits && (node.usage().pod_count() as i64) < node.max_pods
}

fn play(seed: u64, steps: &[Step], preempting: bool) -> Vec<Option<Arc<str>>> {
    let (mut cluster, mut scheduler, profile) = (Cluster::new(), Scheduler::new(seed), Profile::default());
    let mut chosen = Vec::new();
    for step in steps {
        match step {
            Step::SetNode { node: n, zone } => {
                let mut labels = json!({"host": format!("h{n}")});
                if *zone > 0 {
                    labels["zone"] = json!(format!("z{zone}"));
                }
                let allocatable = json!({"cpu": "4", "pods": "5"});
                let over = json!({"metadata": {"labels": labels}, "status": {"allocatable": allocatable}});
                cluster.set_node(node(&format!("n{n}"), over));
            }
            Step::RemoveNode { node } => cluster.remove_node(&format!("n{node}")),
            Step::RemovePod { pod } => drop(cluster.remove_pod(&format!("p{pod}"))),
            Step::Schedule { pod, app, rule, priority, cpu } => {
                let pod = a_pod(*pod, *app, *rule, *priority, *cpu);
                if cluster.node_of(&pod.uid).is_some() {
                    continue;
                }
                cluster.follow(&pod);
                let answer = scheduler.schedule(&pod, &cluster);
                match &answer {
                    Ok(decision) => {
                        let node = cluster.node(&decision.node).expect("a node that is there");
                        assert!(may(&pod, *rule, node, &cluster), "{} must not be on {}", pod.name, node.name);
                    }
                    Err(refused) => {
                        let wrongly = cluster.nodes().iter().find(|node| may(&pod, *rule, node, &cluster));
                        assert!(wrongly.is_none(), "{refused}, but {:?}", wrongly.map(|node| &node.name));
                    }
                }
                if let (Err(Unschedulable::Refused(why)), true) = (&answer, preempting)
                    && let Some(Ok(found)) = scheduler.preempt(&pod, &cluster, why)
                {
                    make_room(&pod, &found, &mut cluster, &profile);
                    cluster.set_pod(Arc::new(pod), &found.node);
                    chosen.push(Some(found.node));
                    continue;
                }
                if let Ok(decision) = &answer {
                    cluster.set_pod(Arc::new(pod), &decision.node);
                }
                chosen.push(answer.ok().map(|decision| decision.node));
            }
        }
    }
    chosen
}

/// Victims are less important and on the node, with them gone the pod fits, and with one less it would not.
fn make_room(pod: &Pod, found: &crate::preemption::Preemption, cluster: &mut Cluster, profile: &Profile) {
    for victim in &found.victims {
        assert!(victim.priority < pod.priority, "{} is not less important than {}", victim.name, pod.name);
        assert_eq!(cluster.node_of(&victim.uid), Some(&found.node));
        cluster.remove_pod(&victim.uid);
    }
    let objections = |cluster: &mut Cluster| {
        let inquiry = Inquiry::new(profile, pod, cluster);
        inquiry.cluster().node(&found.node).map(|node| inquiry.judge(node))
    };
    assert_eq!(objections(cluster), Some(vec![]), "{} does not fit", pod.name);
    if let Some(least) = found.victims.last() {
        cluster.set_pod(least.clone(), &found.node);
        assert_ne!(objections(cluster), Some(vec![]), "{} need not have gone", least.name);
        cluster.remove_pod(&least.uid);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_node_is_chosen_where_the_rules_allow_it_and_refused_where_they_do_not(
        seed: u64, steps in proptest::collection::vec(step(), 1..80),
    ) {
        play(seed, &steps, false);
    }

    #[test]
    fn room_is_made_by_the_less_important_only_and_only_as_much_as_is_needed(
        seed: u64, steps in proptest::collection::vec(step(), 1..80),
    ) {
        play(seed, &steps, true);
    }

    #[test]
    fn the_same_seed_decides_the_same_with_preemption(
        seed: u64, steps in proptest::collection::vec(step(), 1..60),
    ) {
        prop_assert_eq!(play(seed, &steps, true), play(seed, &steps, true));
    }
}
