use serde_json::{Value, json};

use crate::fixtures::{cluster, node, place, pod, requesting};
use crate::{Pod, Scheduler};

/// What scheduling says about one pod and one node that already runs `resident`.
fn says(pod: &Pod, node_over: Value, resident: Option<Pod>) -> String {
    let mut cluster = cluster([node("n1", node_over)]);
    if let Some(resident) = resident {
        place(&mut cluster, resident, "n1");
    }
    match Scheduler::new(0).schedule(pod, &cluster) {
        Ok(decision) => format!("on {}", decision.node),
        Err(refused) => refused.to_string().replace("0/1 nodes are available: ", ""),
    }
}

const YES: &str = "on n1";

#[test]
fn a_cordoned_node_takes_only_pods_that_tolerate_it() {
    let cordoned = || json!({"spec": {"unschedulable": true}});
    assert_eq!(says(&pod("p", json!({})), cordoned(), None), "1 node(s) were unschedulable.");
    let tolerations = json!({"tolerations": [
        {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
    ]});
    assert_eq!(says(&pod("p", tolerations), cordoned(), None), YES);
}

#[test]
fn a_pod_that_names_its_node_fits_no_other() {
    assert_eq!(says(&pod("p", json!({"nodeName": "n1"})), json!({}), None), YES);
    assert_eq!(
        says(&pod("p", json!({"nodeName": "n2"})), json!({}), None),
        "1 node(s) didn't match the requested node name."
    );
}

#[test]
fn taints_are_tolerated_by_key_value_and_effect() {
    let no = "1 node(s) had untolerated taint(s).";
    let taint = |effect: &str| json!({"spec": {"taints": [{"key": "k", "value": "v", "effect": effect}]}});
    let with = |toleration: Value| pod("p", json!({"tolerations": [toleration]}));
    let cases = [
        (pod("p", json!({})), "NoSchedule", no),
        (pod("p", json!({})), "NoExecute", no),
        (pod("p", json!({})), "PreferNoSchedule", YES),
        (with(json!({"key": "k", "value": "v", "effect": "NoSchedule"})), "NoSchedule", YES),
        (with(json!({"key": "k", "operator": "Equal", "value": "v"})), "NoExecute", YES),
        (with(json!({"key": "k", "operator": "Equal", "value": "w"})), "NoSchedule", no),
        (with(json!({"key": "k", "operator": "Exists"})), "NoSchedule", YES),
        (with(json!({"key": "k", "operator": "Exists", "effect": "NoExecute"})), "NoSchedule", no),
        (with(json!({"key": "other", "operator": "Exists"})), "NoSchedule", no),
        (with(json!({"operator": "Exists"})), "NoExecute", YES),
        (with(json!({"key": "k", "operator": "Surprise"})), "NoSchedule", no),
    ];
    for (pod, effect, expected) in cases {
        assert_eq!(says(&pod, taint(effect), None), expected, "{effect} {:?}", pod.tolerations);
    }
}

#[test]
fn a_node_selector_wants_every_label() {
    let pod = pod("p", json!({"nodeSelector": {"disk": "ssd", "zone": "a"}}));
    let labels = |labels: Value| json!({"metadata": {"labels": labels}});
    let no = "1 node(s) didn't match Pod's node affinity/selector.";
    assert_eq!(says(&pod, labels(json!({"disk": "ssd", "zone": "a", "x": "y"})), None), YES);
    assert_eq!(says(&pod, labels(json!({"disk": "ssd"})), None), no);
    assert_eq!(says(&pod, labels(json!({"disk": "ssd", "zone": "b"})), None), no);
}

fn required(terms: Value) -> Pod {
    pod(
        "p",
        json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms},
        }}}),
    )
}

#[test]
fn every_operator_of_node_affinity_reads_labels_as_kubernetes_does() {
    let no = "1 node(s) didn't match Pod's node affinity/selector.";
    let cases = [
        (json!({"key": "disk", "operator": "In", "values": ["hdd", "ssd"]}), true),
        (json!({"key": "disk", "operator": "In", "values": ["hdd"]}), false),
        (json!({"key": "gone", "operator": "In", "values": ["ssd"]}), false),
        (json!({"key": "disk", "operator": "NotIn", "values": ["ssd"]}), false),
        (json!({"key": "gone", "operator": "NotIn", "values": ["ssd"]}), true),
        (json!({"key": "disk", "operator": "Exists"}), true),
        (json!({"key": "gone", "operator": "Exists"}), false),
        (json!({"key": "disk", "operator": "DoesNotExist"}), false),
        (json!({"key": "gone", "operator": "DoesNotExist"}), true),
        (json!({"key": "cores", "operator": "Gt", "values": ["7"]}), true),
        (json!({"key": "cores", "operator": "Gt", "values": ["8"]}), false),
        (json!({"key": "cores", "operator": "Lt", "values": ["9"]}), true),
        (json!({"key": "cores", "operator": "Lt", "values": ["8"]}), false),
        (json!({"key": "disk", "operator": "Gt", "values": ["1"]}), false),
        (json!({"key": "gone", "operator": "Lt", "values": ["1"]}), false),
    ];
    for (requirement, fits) in cases {
        let pod = required(json!([{"matchExpressions": [requirement]}]));
        let labels = json!({"metadata": {"labels": {"disk": "ssd", "cores": "8"}}});
        assert_eq!(says(&pod, labels, None), if fits { YES } else { no }, "{requirement}");
    }
}

#[test]
fn terms_are_alternatives_and_an_empty_one_matches_nothing() {
    let labels = || json!({"metadata": {"labels": {"a": "1"}}});
    let has = |key: &str| json!({"key": key, "operator": "Exists"});
    let no = "1 node(s) didn't match Pod's node affinity/selector.";
    let either = required(json!([{"matchExpressions": [has("b")]}, {"matchExpressions": [has("a")]}]));
    assert_eq!(says(&either, labels(), None), YES);
    let both = required(json!([{"matchExpressions": [has("b"), has("a")]}]));
    assert_eq!(says(&both, labels(), None), no);
    assert_eq!(says(&required(json!([{}])), labels(), None), no);
    assert_eq!(says(&required(json!([])), labels(), None), no);
}

#[test]
fn a_pod_bound_to_names_looks_at_these_nodes_only() {
    let named = |name: &str| json!({"key": "metadata.name", "operator": "In", "values": [name]});
    let nodes = cluster(["n1", "n2", "n3"].map(|name| node(name, json!({}))));
    let pod = required(json!([{"matchFields": [named("n2")]}]));
    let decision = Scheduler::new(0).schedule(&pod, &nodes).expect("n2 is there");
    assert_eq!((&*decision.node, decision.evaluated), ("n2", 1));

    let elsewhere = required(json!([{"matchFields": [named("n9")]}]));
    let refused = Scheduler::new(0).schedule(&elsewhere, &nodes).expect_err("n9 is not there");
    assert_eq!(refused.to_string(), "0/3 nodes are available: 3 node(s) didn't satisfy plugin(s) [NodeAffinity].");
    let torn = required(json!([{"matchFields": [named("n1"), named("n2")]}]));
    let refused = Scheduler::new(0).schedule(&torn, &nodes).expect_err("no node has two names");
    assert_eq!(refused.to_string(), "0/3 nodes are available: pod affinity terms conflict.");
}

#[test]
fn a_name_can_be_excluded() {
    let pod = required(json!([{"matchFields": [
        {"key": "metadata.name", "operator": "NotIn", "values": ["n1"]},
    ]}]));
    let nodes = cluster(["n1", "n2"].map(|name| node(name, json!({}))));
    assert_eq!(&*Scheduler::new(0).schedule(&pod, &nodes).expect("n2").node, "n2");
}

#[test]
fn host_ports_conflict_by_address_protocol_and_number() {
    let no = "1 node(s) didn't have free ports for the requested pod ports.";
    let port = |name: &str, port: Value| pod(name, json!({"containers": [{"name": "c", "ports": [port]}]}));
    let cases = [
        (json!({"containerPort": 80, "hostPort": 80}), no),
        (json!({"containerPort": 8080, "hostPort": 80}), no),
        (json!({"containerPort": 80, "hostPort": 81}), YES),
        (json!({"containerPort": 80}), YES),
        (json!({"containerPort": 80, "hostPort": 80, "protocol": "UDP"}), YES),
        (json!({"containerPort": 80, "hostPort": 80, "protocol": "TCP"}), no),
        (json!({"containerPort": 80, "hostPort": 80, "hostIP": "127.0.0.1"}), no),
        (json!({"containerPort": 80, "hostPort": 80, "hostIP": "0.0.0.0"}), no),
    ];
    for (wanted, expected) in cases {
        let resident = port("r", json!({"containerPort": 80, "hostPort": 80}));
        assert_eq!(says(&port("p", wanted.clone()), json!({}), Some(resident)), expected, "{wanted}");
    }
    let at = |name: &str, ip: &str| port(name, json!({"containerPort": 80, "hostPort": 80, "hostIP": ip}));
    assert_eq!(says(&at("p", "127.0.0.1"), json!({}), Some(at("r", "127.0.0.2"))), YES);
    assert_eq!(says(&at("p", "127.0.0.1"), json!({}), Some(at("r", "127.0.0.1"))), no);
}

#[test]
fn sidecars_hold_host_ports_and_ended_init_containers_do_not() {
    let init = |policy: Value| {
        pod(
            "r",
            json!({"containers": [{"name": "c"}], "initContainers": [
                {"name": "i", "restartPolicy": policy, "ports": [{"containerPort": 80, "hostPort": 80}]},
            ]}),
        )
    };
    assert_eq!(init(json!("Always")).host_ports.len(), 1);
    assert_eq!(init(Value::Null).host_ports.len(), 0);
}

#[test]
fn every_short_resource_is_named() {
    let pod = requesting(
        "p",
        json!({
            "cpu": "5", "memory": "9Gi", "ephemeral-storage": "1Ti", "example.com/gpu": "1",
        }),
    );
    assert_eq!(
        says(&pod, json!({}), None),
        "1 Insufficient cpu, 1 Insufficient ephemeral-storage, 1 Insufficient example.com/gpu, \
         1 Insufficient memory."
    );
}

#[test]
fn what_fits_exactly_fits_and_a_thousandth_more_does_not() {
    let resident = || requesting("r", json!({"cpu": "1500m", "memory": "3Gi"}));
    let exact = requesting("p", json!({"cpu": "2500m", "memory": "5Gi"}));
    assert_eq!(says(&exact, json!({}), Some(resident())), YES);
    let more = requesting("p", json!({"cpu": "2501m", "memory": "5Gi"}));
    assert_eq!(says(&more, json!({}), Some(resident())), "1 Insufficient cpu.");
}

#[test]
fn a_pod_without_requests_fits_a_full_node_until_there_are_too_many_pods() {
    let full = || requesting("r", json!({"cpu": "4", "memory": "8Gi"}));
    let light = pod("p", json!({}));
    assert_eq!(says(&light, json!({}), Some(full())), YES);
    let single = json!({"status": {"allocatable": {"pods": "1"}}});
    assert_eq!(says(&light, single, Some(full())), "1 Too many pods.");
}

#[test]
fn extended_resources_are_counted_in_whole_units() {
    let node = || json!({"status": {"allocatable": {"example.com/gpu": "2"}}});
    let gpus = |name: &str, count: &str| requesting(name, json!({"example.com/gpu": count}));
    assert_eq!(says(&gpus("p", "1"), node(), Some(gpus("r", "1"))), YES);
    assert_eq!(says(&gpus("p", "2"), node(), Some(gpus("r", "1"))), "1 Insufficient example.com/gpu.");
    assert_eq!(says(&gpus("p", "0"), json!({}), None), YES);
}
