//! Rollouts played through: the planner's actions are carried out on a model of the cluster, step by step.

use std::{collections::HashSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    bounds::bounds,
    plan::{Observed, Plan, plan},
    revision::TEMPLATE_HASH,
    sets::Action,
    status,
};
use crate::objects::{Condition, Deployment, ReplicaSet, condition};

/// The objects as JSON, so that what the planner writes is read back as the server would hand it out.
struct World {
    deployment: Value,
    sets: Vec<Value>,
    /// Uids of sets that still have pods.
    populated: HashSet<Arc<str>>,
    now: Timestamp,
    next_uid: u32,
    said: Vec<String>,
}

impl World {
    fn new(replicas: i32, strategy: Value) -> World {
        World {
            deployment: json!({
                "metadata": {"name": "web", "namespace": "default", "uid": "d", "generation": 1},
                "spec": {
                    "replicas": replicas, "strategy": strategy, "revisionHistoryLimit": 10,
                    "progressDeadlineSeconds": 600, "selector": {"matchLabels": {"app": "web"}},
                    "template": template("v1"),
                },
            }),
            sets: Vec::new(),
            populated: HashSet::new(),
            now: Timestamp::from_second(1_000_000).expect("a time"),
            next_uid: 0,
            said: Vec::new(),
        }
    }

    fn rolling(replicas: i32, surge: Value, unavailable: Value) -> World {
        let bounds = json!({"maxSurge": surge, "maxUnavailable": unavailable});
        World::new(replicas, json!({"type": "RollingUpdate", "rollingUpdate": bounds}))
    }

    fn typed(&self) -> Deployment {
        serde_json::from_value(self.deployment.clone()).expect("a deployment")
    }

    fn sets(&self) -> Vec<Arc<ReplicaSet>> {
        let read = |set: &Value| Arc::new(serde_json::from_value(set.clone()).expect("a set"));
        self.sets.iter().map(read).collect()
    }

    fn set(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.deployment["spec"]);
        let generation = self.deployment["metadata"]["generation"].as_i64().expect("a number");
        self.deployment["metadata"]["generation"] = json!(generation + 1);
    }

    fn plan(&self) -> Plan {
        let (deployment, sets) = (self.typed(), self.sets());
        plan(&Observed { deployment: &deployment, sets: &sets, populated: &self.populated, now: self.now })
    }

    /// Plans and acts once. False: there was nothing to do.
    fn step(&mut self) -> bool {
        let plan = self.plan();
        let idle = plan.actions.is_empty() && plan.status.is_none();
        for action in plan.actions {
            self.act(action);
        }
        if let Some(status) = plan.status {
            let patch = status::patch(&status);
            self.deployment["status"] = without_nulls(&patch["status"]);
        }
        !idle
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Create(new) => {
                let mut body = new.body;
                self.next_uid += 1;
                body["metadata"]["uid"] = json!(format!("s{}", self.next_uid));
                body["metadata"]["generation"] = json!(1);
                body["metadata"]["creationTimestamp"] = json!((self.now).to_string());
                self.said.push(format!("create {}", new.replicas));
                self.sets.push(body);
                self.now += SignedDuration::from_secs(1);
            }
            Action::Change(change) => {
                let set = self.find(&change.name);
                for (key, value) in change.annotations {
                    set["metadata"]["annotations"][key] = json!(value);
                }
                if let Some(seconds) = change.min_ready_seconds {
                    set["spec"]["minReadySeconds"] = json!(seconds);
                }
                if let Some((from, to)) = change.replicas {
                    assert_eq!(set["spec"]["replicas"], json!(from));
                    set["spec"]["replicas"] = json!(to);
                    self.said.push(format!("{from}→{to}"));
                }
            }
            Action::Delete { name, .. } => {
                self.said.push("delete".into());
                self.sets.retain(|set| set["metadata"]["name"] != json!(&*name));
            }
            Action::Number(revision) => {
                self.deployment["metadata"]["annotations"][super::REVISION] = json!(revision);
            }
            Action::Adopt(set) => {
                let owner = json!([{"uid": "d", "controller": true, "kind": "Deployment", "name": "web"}]);
                self.find(&set.metadata.name)["metadata"]["ownerReferences"] = owner;
                self.said.push("adopt".into());
            }
            Action::Release(set) => {
                self.find(&set.metadata.name)["metadata"]["ownerReferences"] = json!([]);
                self.said.push("release".into());
            }
        }
    }

    fn find(&mut self, name: &str) -> &mut Value {
        let found = self.sets.iter_mut().find(|set| set["metadata"]["name"] == json!(name));
        found.expect("the set is there")
    }

    /// Every set has its pods, all of them available.
    fn settle_pods(&mut self) {
        for set in &mut self.sets {
            let replicas = set["spec"]["replicas"].clone();
            set["status"] = json!({"replicas": replicas, "readyReplicas": replicas,
                "availableReplicas": replicas, "observedGeneration": 1});
        }
    }

    /// Plans, acts and lets pods come up, until nothing changes.
    fn run(&mut self) {
        for _ in 0..200 {
            let busy = self.step();
            self.settle_pods();
            if !busy && !self.step() {
                return;
            }
        }
        panic!("does not settle: {:?}", self.said);
    }

    fn replicas(&self) -> Vec<i64> {
        self.sets.iter().map(|set| set["spec"]["replicas"].as_i64().expect("a number")).collect()
    }

    fn annotation(&self, index: usize, key: &str) -> Value {
        self.sets[index]["metadata"]["annotations"][key].clone()
    }

    fn condition(&self, kind: &str) -> Condition {
        condition(&self.typed().status.conditions, kind).cloned().unwrap_or_default()
    }

    fn reason(&self) -> String {
        self.condition("Progressing").reason.to_string()
    }
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image}]}})
}

fn without_nulls(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    value
}

#[test]
fn the_first_set_is_made_with_all_replicas_and_the_hash_in_name_labels_and_selector() {
    let mut world = World::rolling(3, json!("25%"), json!("25%"));
    world.step();
    assert_eq!(world.said, ["create 3"]);
    let set = &world.sets[0];
    let hash = set["metadata"]["labels"][TEMPLATE_HASH].as_str().expect("a label");
    assert_eq!(set["metadata"]["name"], json!(format!("web-{hash}")));
    assert_eq!(set["spec"]["selector"]["matchLabels"], json!({"app": "web", TEMPLATE_HASH: hash}));
    assert_eq!(set["spec"]["template"]["metadata"]["labels"][TEMPLATE_HASH], json!(hash));
    assert_eq!(set["metadata"]["ownerReferences"][0]["uid"], json!("d"));
    assert_eq!(world.annotation(0, "deployment.kubernetes.io/revision"), json!("1"));
    assert_eq!(world.annotation(0, "deployment.kubernetes.io/desired-replicas"), json!("3"));
    assert_eq!(world.annotation(0, "deployment.kubernetes.io/max-replicas"), json!("4"));
    assert_eq!(world.deployment["metadata"]["annotations"][super::REVISION], json!("1"));
    assert_eq!(world.reason(), "NewReplicaSetCreated");
}

#[test]
fn a_rollout_ends_available_and_complete_with_the_words_of_kubernetes() {
    let mut world = World::rolling(3, json!("25%"), json!("25%"));
    world.step();
    assert_eq!(&*world.condition("Available").reason, "MinimumReplicasUnavailable");
    world.run();
    let available = world.condition("Available");
    assert_eq!(
        (&*available.reason, &*available.message),
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    );
    let name = world.sets[0]["metadata"]["name"].as_str().expect("a name").to_string();
    assert_eq!(world.reason(), "NewReplicaSetAvailable");
    let message = world.condition("Progressing").message;
    assert_eq!(&*message, format!("ReplicaSet \"{name}\" has successfully progressed."));
    let status = world.typed().status;
    assert_eq!((status.replicas, status.updated_replicas, status.available_replicas), (3, 3, 3));
    assert_eq!(status.observed_generation, 1);
}

#[test]
fn a_rolling_update_moves_within_its_bounds() {
    let mut world = World::rolling(3, json!("25%"), json!("25%"));
    world.run();
    world.said.clear();
    world.set(|spec| spec["template"] = template("v2"));
    world.run();
    // 25 % of 3: one more at most, none fewer.
    assert_eq!(world.said, ["create 1", "3→2", "1→2", "2→1", "2→3", "1→0"]);
    assert_eq!(world.annotation(1, "deployment.kubernetes.io/revision"), json!("2"));
}

#[test]
fn old_pods_that_are_not_available_go_first() {
    let mut world = World::rolling(4, json!(1), json!(1));
    world.run();
    world.set(|spec| spec["template"] = template("broken"));
    world.step();
    world.settle_pods();
    // The new pods never come up.
    let stuck = |world: &mut World| {
        let replicas = world.sets[1]["spec"]["replicas"].clone();
        world.sets[1]["status"] = json!({"replicas": replicas, "availableReplicas": 0});
    };
    for _ in 0..5 {
        stuck(&mut world);
        world.step();
        let replicas = world.sets[0]["spec"]["replicas"].clone();
        world.sets[0]["status"] = json!({"replicas": replicas, "availableReplicas": replicas});
    }
    assert_eq!(world.replicas(), [3, 2]);
    world.said.clear();
    world.set(|spec| spec["template"] = template("v3"));
    world.step();
    stuck(&mut world);
    world.step();
    // The broken ones make room, the good ones stay.
    assert_eq!(world.said, ["create 0", "2→0"]);
}

#[test]
fn recreate_waits_until_the_last_old_pod_has_gone() {
    let mut world = World::new(2, json!({"type": "Recreate"}));
    world.run();
    world.populated.insert("s1".into());
    world.said.clear();
    world.set(|spec| spec["template"] = template("v2"));
    world.step();
    assert_eq!(world.said, ["2→0"]);
    world.settle_pods();
    world.step();
    assert_eq!(world.said, ["2→0"]);
    world.populated.clear();
    world.run();
    assert_eq!(world.said, ["2→0", "create 2"]);
}

#[test]
fn a_paused_deployment_is_resized_but_not_rolled_out() {
    let mut world = World::rolling(3, json!("25%"), json!("25%"));
    world.run();
    world.said.clear();
    world.set(|spec| {
        spec["paused"] = json!(true);
        spec["template"] = template("v2");
        spec["replicas"] = json!(5);
    });
    world.run();
    assert_eq!(world.said, ["3→5"]);
    assert_eq!(world.reason(), "DeploymentPaused");
    world.set(|spec| spec["paused"] = json!(false));
    world.step();
    assert_eq!(world.sets.len(), 2);
    world.run();
    assert_eq!(world.replicas(), [0, 5]);
    assert_eq!(world.reason(), "NewReplicaSetAvailable");
}

#[test]
fn a_return_to_an_old_template_reuses_its_set_under_a_new_number() {
    let mut world = World::rolling(2, json!(1), json!(0));
    world.run();
    for image in ["v2", "v1"] {
        world.set(|spec| spec["template"] = template(image));
        world.run();
    }
    assert_eq!(world.sets.len(), 2);
    assert_eq!(world.replicas(), [2, 0]);
    assert_eq!(world.annotation(0, "deployment.kubernetes.io/revision"), json!("3"));
    assert_eq!(world.annotation(0, "deployment.kubernetes.io/revision-history"), json!("1"));
    assert_eq!(world.deployment["metadata"]["annotations"][super::REVISION], json!("3"));
}

#[test]
fn history_beyond_the_limit_is_deleted_oldest_first() {
    let mut world = World::rolling(1, json!(1), json!(0));
    world.set(|spec| spec["revisionHistoryLimit"] = json!(2));
    for image in ["v1", "v2", "v3", "v4", "v5"] {
        world.set(|spec| spec["template"] = template(image));
        world.run();
    }
    let kept: Vec<_> =
        (0..world.sets.len()).map(|at| world.annotation(at, "deployment.kubernetes.io/revision")).collect();
    assert_eq!(kept, [json!("3"), json!("4"), json!("5")]);
}

#[test]
fn a_resize_in_the_middle_of_a_rollout_is_shared_in_proportion() {
    let mut world = World::rolling(10, json!(3), json!(2));
    world.run();
    world.set(|spec| spec["template"] = template("v2"));
    world.step();
    world.settle_pods();
    // The new pods are not up yet.
    world.sets[1]["status"]["availableReplicas"] = json!(0);
    world.step();
    assert_eq!(world.replicas(), [8, 3]);
    world.said.clear();
    world.set(|spec| spec["replicas"] = json!(20));
    world.step();
    // 12 more within 20 + 3: as 8 to 3 of at most 13 before.
    assert_eq!(world.replicas().iter().sum::<i64>(), 23);
    assert!(world.replicas()[0] > world.replicas()[1] && world.replicas()[1] > 3, "{:?}", world.replicas());
}

#[test]
fn a_rollout_that_stands_still_is_late_after_its_deadline_and_judged_then() {
    let mut world = World::rolling(1, json!(1), json!(0));
    world.step();
    let again = world.plan().again.expect("the deadline is watched");
    assert!(again > SignedDuration::from_secs(590) && again <= SignedDuration::from_secs(601), "{again:?}");
    world.now += SignedDuration::from_secs(599);
    world.step();
    assert_eq!(world.reason(), "NewReplicaSetCreated");
    world.now += again - SignedDuration::from_secs(598);
    world.step();
    assert_eq!(world.reason(), "ProgressDeadlineExceeded");
    let message = world.condition("Progressing").message;
    assert!(message.ends_with("has timed out progressing."), "{message}");
    // It may still come up.
    world.run();
    assert_eq!(world.reason(), "NewReplicaSetAvailable");
    assert_eq!(world.plan().again, None);
}

#[test]
fn an_orphan_that_matches_is_adopted_and_one_that_no_longer_matches_released() {
    let mut world = World::rolling(1, json!(1), json!(0));
    world.run();
    world.said.clear();
    world.sets[0]["metadata"]["ownerReferences"] = json!([]);
    world.run();
    assert_eq!(world.said, ["adopt"]);
    world.sets[0]["metadata"]["labels"]["app"] = json!("other");
    world.step();
    assert_eq!(world.said[1], "release");
}

#[test]
fn a_deployment_that_is_being_deleted_only_reports() {
    let mut world = World::rolling(3, json!(1), json!(0));
    world.run();
    world.said.clear();
    world.deployment["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    world.set(|spec| spec["template"] = template("v2"));
    world.run();
    assert!(world.said.is_empty(), "{:?}", world.said);
    assert_eq!(world.typed().status.observed_generation, 2);
}

#[test]
fn annotations_follow_the_deployment_but_not_those_that_are_its_own() {
    let mut world = World::rolling(1, json!(1), json!(0));
    world.deployment["metadata"]["annotations"] = json!({
        "kubernetes.io/change-cause": "first", "kubectl.kubernetes.io/last-applied-configuration": "{}"});
    world.run();
    assert_eq!(world.annotation(0, "kubernetes.io/change-cause"), json!("first"));
    assert_eq!(world.annotation(0, "kubectl.kubernetes.io/last-applied-configuration"), Value::Null);
    world.deployment["metadata"]["annotations"]["kubernetes.io/change-cause"] = json!("second");
    world.run();
    assert_eq!(world.annotation(0, "kubernetes.io/change-cause"), json!("second"));
}

#[test]
fn a_collision_of_names_changes_the_next_name() {
    let mut world = World::rolling(1, json!(1), json!(0));
    let name = |world: &World| match &world.plan().actions[0] {
        Action::Create(new) => new.name.clone(),
        _ => panic!("creates first"),
    };
    let before = name(&world);
    world.deployment["status"] = status::collision(&world.typed())["status"].clone();
    assert_ne!(name(&world), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the size and the bounds, and whichever pods come up at each step.
    #[test]
    fn rollouts_stay_within_bounds_and_end(
        replicas in 1..15_i32,
        surge in 0..5_i32,
        unavailable in 0..5_i32,
        luck in proptest::collection::vec(0..4_i64, 60),
    ) {
        let mut world = World::rolling(replicas, json!(surge), json!(unavailable));
        world.run();
        let limits = bounds(&world.typed());
        for image in ["v2", "v3"] {
            world.set(|spec| spec["template"] = template(image));
            for came_up in luck.iter().chain(std::iter::repeat_n(&15, 60)) {
                world.step();
                let mut available_in_all = 0;
                for set in &mut world.sets {
                    let wanted = set["spec"]["replicas"].as_i64().unwrap_or(0);
                    let available = set["status"]["availableReplicas"].as_i64().unwrap_or(0);
                    let available = (available + came_up).min(wanted);
                    set["status"] = json!({"replicas": wanted, "readyReplicas": available,
                        "availableReplicas": available, "observedGeneration": 1});
                    available_in_all += available;
                }
                let total: i64 = world.replicas().iter().sum();
                prop_assert!(total <= i64::from(replicas + limits.surge), "{:?}", world.replicas());
                prop_assert!(available_in_all >= i64::from(replicas - limits.unavailable), "{:?}", world.said);
            }
        }
        prop_assert_eq!(world.replicas().last().copied(), Some(i64::from(replicas)));
        prop_assert_eq!(world.reason(), "NewReplicaSetAvailable");
    }
}
