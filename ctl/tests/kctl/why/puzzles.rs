//! The puzzles: what is there, and what is asked about.

use serde_json::{Value, json};

pub struct Puzzle {
    pub name: &'static str,
    /// In the order in which they are made. A pod that is asked about is called `p`.
    pub objects: fn() -> Vec<Value>,
    /// As `kctl why` takes it.
    pub asked: &'static str,
}

const fn puzzle(name: &'static str, objects: fn() -> Vec<Value>) -> Puzzle {
    Puzzle { name, objects, asked: "pod/p" }
}

pub const PUZZLES: &[Puzzle] = &[
    puzzle("a_host_port_is_taken", || {
        let web = || with_port(8080);
        vec![
            node("n1", json!({})),
            node("n2", json!({})),
            placed("a", "n1", web()),
            placed("b", "n2", web()),
            pod("p", web()),
        ]
    }),
    puzzle("a_taint_is_not_tolerated", || {
        let taint = json!({"spec": {"taints": [{"key": "team", "value": "db", "effect": "NoSchedule"}]}});
        vec![node("n1", taint.clone()), node("n2", taint), pod("p", spec(json!({})))]
    }),
    puzzle("a_label_is_missing", || {
        let mut spec = spec(json!({}));
        spec["nodeSelector"] = json!({"disk": "ssd"});
        let hdd = json!({"metadata": {"labels": {"disk": "hdd"}}});
        vec![node("n1", hdd), node("n2", json!({})), pod("p", spec)]
    }),
    puzzle("the_affinity_matches_no_node", || {
        let mut spec = spec(json!({}));
        let zones = json!({"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["b", "c"]});
        spec["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [zones]}]}}});
        vec![node("n1", zone("a")), pod("p", spec)]
    }),
    puzzle("too_little_cpu", || {
        vec![
            node("n1", json!({})),
            node("n2", json!({})),
            placed("big", "n1", spec(json!({"cpu": "3"}))),
            placed("small", "n2", spec(json!({"cpu": "2500m"}))),
            pod("p", spec(json!({"cpu": "2"}))),
        ]
    }),
    puzzle("each_node_has_its_reason", || {
        vec![
            node("n1", json!({})),
            node("n2", json!({})),
            node("n3", json!({"spec": {"taints": [{"key": "team", "value": "db", "effect": "NoSchedule"}]}})),
            placed("big", "n1", spec(json!({"cpu": "3"}))),
            placed("small", "n2", spec(json!({"cpu": "2500m"}))),
            pod("p", spec(json!({"cpu": "2"}))),
        ]
    }),
    puzzle("too_little_memory", || {
        vec![
            node("n1", json!({})),
            placed("a", "n1", spec(json!({"memory": "3Gi"}))),
            placed("b", "n1", spec(json!({"memory": "3Gi"}))),
            pod("p", spec(json!({"memory": "6Gi"}))),
        ]
    }),
    puzzle("too_many_pods", || {
        let two = json!({"status": {"allocatable": {"pods": "2"}}});
        vec![
            node("n1", two),
            placed("a", "n1", spec(json!({}))),
            placed("b", "n1", spec(json!({}))),
            pod("p", spec(json!({}))),
        ]
    }),
    puzzle("the_node_is_cordoned", || {
        vec![node("n1", json!({"spec": {"unschedulable": true}})), pod("p", spec(json!({})))]
    }),
    puzzle("the_volume_is_in_another_zone", || {
        let in_b = json!({"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["b"]});
        let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
            "claimRef": {"namespace": "default", "name": "data"}, "hostPath": {"path": "/nowhere"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [in_b]}]}}}});
        let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": "v",
                "resources": {"requests": {"storage": "1Gi"}}}});
        let mut spec = spec(json!({"cpu": "3"}));
        spec["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
        vec![
            volume,
            claim,
            node("n1", zone("a")),
            node("n2", zone("b")),
            placed("a", "n2", self::spec(json!({"cpu": "2"}))),
            pod("p", spec),
        ]
    }),
    puzzle("a_gate_is_closed", || {
        let mut spec = spec(json!({}));
        spec["schedulingGates"] = json!([{"name": "example.com/ready"}]);
        vec![node("n1", json!({})), pod("p", spec)]
    }),
    puzzle("two_things_at_once", || {
        let taint = json!({"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}});
        vec![node("n1", taint), placed("a", "n1", spec(json!({"cpu": "3"}))), pod("p", spec(json!({"cpu": "2"})))]
    }),
    puzzle("the_spread_would_be_uneven", || {
        let mut spec = spec(json!({"cpu": "1"}));
        spec["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]);
        vec![
            node("n1", zone("a")),
            node("n2", zone("b")),
            labelled(placed("a", "n1", self::spec(json!({}))), "web"),
            labelled(placed("b", "n1", self::spec(json!({}))), "web"),
            placed("big", "n2", self::spec(json!({"cpu": "4"}))),
            labelled(pod("p", spec), "web"),
        ]
    }),
    puzzle("it_keeps_away_from_another", || {
        vec![node("n1", host("n1")), labelled(placed("a", "n1", spec(json!({}))), "db"), pod("p", apart_from("db"))]
    }),
    puzzle("another_keeps_it_away", || {
        let mut hermit = apart_from("web");
        hermit["nodeName"] = "n1".into();
        vec![node("n1", host("n1")), pod("hermit", hermit), labelled(pod("p", spec(json!({}))), "web")]
    }),
    puzzle("it_makes_another_give_way", || {
        vec![
            class("high", 1000),
            node("n1", json!({})),
            node("n2", json!({})),
            placed("small", "n1", spec(json!({"cpu": "1"}))),
            placed("low", "n1", spec(json!({"cpu": "2"}))),
            placed("other", "n2", of_class("high", json!({"cpu": "3"}))),
            pod("p", of_class("high", json!({"cpu": "3"}))),
        ]
    }),
    puzzle("it_must_not_make_another_give_way", || {
        let mut polite = class("polite", 1000);
        polite["preemptionPolicy"] = "Never".into();
        vec![
            polite,
            class("high", 1000),
            node("n1", json!({})),
            placed("low", "n1", spec(json!({"cpu": "3"}))),
            pod("p", of_class("polite", json!({"cpu": "2"}))),
        ]
    }),
    puzzle("the_others_are_as_important", || {
        vec![
            class("high", 1000),
            class("higher", 2000),
            node("n1", json!({})),
            placed("a", "n1", of_class("high", json!({"cpu": "3"}))),
            pod("p", of_class("high", json!({"cpu": "2"}))),
        ]
    }),
    puzzle("a_budget_protects_one_of_two", || {
        vec![
            class("high", 1000),
            budget("keep", "db"),
            node("n1", json!({})),
            labelled(placed("a", "n1", spec(json!({"cpu": "2"}))), "db"),
            placed("b", "n1", spec(json!({"cpu": "2"}))),
            pod("p", spec(json!({"cpu": "2"}))),
        ]
    }),
    puzzle("a_budget_protects_all", || {
        vec![
            class("high", 1000),
            budget("keep", "db"),
            node("n1", json!({})),
            labelled(placed("a", "n1", spec(json!({"cpu": "4"}))), "db"),
            pod("p", spec(json!({"cpu": "2"}))),
        ]
    }),
    puzzle("a_budget_does_not_hold", || {
        vec![
            class("high", 1000),
            budget("keep", "db"),
            node("n1", json!({})),
            labelled(placed("a", "n1", spec(json!({"cpu": "4"}))), "db"),
            pod("p", of_class("high", json!({"cpu": "2"}))),
        ]
    }),
    puzzle("room_is_held_for_another", || {
        vec![
            class("high", 1000),
            class("higher", 2000),
            node("n1", json!({})),
            placed("low", "n1", spec(json!({"cpu": "3"}))),
            pod(PROMISED, of_class("high", json!({"cpu": "4"}))),
            pod("p", spec(json!({"cpu": "1"}))),
        ]
    }),
    puzzle("nobody_serves_its_scheduler", || {
        let mut spec = spec(json!({}));
        spec["schedulerName"] = "volcano".into();
        vec![node("n1", json!({})), pod("p", spec)]
    }),
    puzzle("its_profile_has_other_rules", || {
        let taint = json!({"spec": {"taints": [{"key": "team", "effect": "NoSchedule"}]}});
        let mut spec = spec(json!({"cpu": "2"}));
        spec["schedulerName"] = LENIENT.into();
        vec![node("n1", taint), placed("a", "n1", self::spec(json!({"cpu": "3"}))), pod("p", spec)]
    }),
    Puzzle {
        name: "the_quota_is_used_up",
        asked: "deployment/web",
        objects: || {
            let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "compute"},
                "spec": {"hard": {"requests.cpu": "2", "pods": "10"}}});
            let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
                "replicas": 4, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec(json!({"cpu": "1"}))}}});
            vec![node("n1", json!({})), quota, web]
        },
    },
];

/// A profile without taints.
pub const LENIENT: &str = "lenient";
/// A pod that is promised a node before the next object is made.
pub const PROMISED: &str = "promised";

/// 4 CPUs, 8Gi and 110 pods, with `over` merged into it.
pub fn node(name: &str, over: Value) -> Value {
    let mut node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}});
    merge(&mut node, over);
    node
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn zone(name: &str) -> Value {
    json!({"metadata": {"labels": {"topology.kubernetes.io/zone": name}}})
}

fn host(name: &str) -> Value {
    json!({"metadata": {"labels": {"kubernetes.io/hostname": name}}})
}

fn class(name: &str, value: i32) -> Value {
    json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value})
}

/// Nobody of the app may be disrupted, since nobody has counted them.
fn budget(name: &str, app: &str) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": app}}}})
}

fn of_class(class: &str, requests: Value) -> Value {
    let mut spec = spec(requests);
    spec["priorityClassName"] = class.into();
    spec
}

/// On another host than each pod of the app.
fn apart_from(app: &str) -> Value {
    let mut spec = spec(json!({}));
    let term = json!({"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"});
    spec["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
    spec
}

fn labelled(mut pod: Value, app: &str) -> Value {
    pod["metadata"]["labels"] = json!({"app": app});
    pod
}

/// One container with requests.
pub fn spec(requests: Value) -> Value {
    json!({"containers": [{"name": "web", "image": "web:1", "resources": {"requests": requests}}]})
}

fn with_port(port: u16) -> Value {
    let mut spec = spec(json!({}));
    spec["containers"][0]["ports"] = json!([{"containerPort": 80, "hostPort": port}]);
    spec
}

pub fn pod(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

/// One that is on its node already.
fn placed(name: &str, node: &str, mut spec: Value) -> Value {
    spec["nodeName"] = node.into();
    pod(name, spec)
}
