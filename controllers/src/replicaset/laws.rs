//! What holds whatever happens: a set on a model of the API, with crashes between two writes, late copies and pods that
//! end by themselves.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::plan::{Observed, plan};
use crate::{
    objects::{Pod, ReplicaSet},
    pods::preference::NodeCrowd,
};

#[derive(Debug, Clone)]
enum Event {
    /// The controller plans by its copy; so many of its writes get through before it is killed.
    Run(usize),
    Hear,
    Scale(i32),
    /// The nth pod becomes ready, fails, is deleted by somebody, or is gone after it was.
    Ready(usize),
    Fail(usize),
    Delete(usize),
    End(usize),
    /// Somebody makes a pod that matches.
    Stray,
}

struct World {
    set: Value,
    pods: BTreeMap<u32, Value>,
    copy: (Value, BTreeMap<u32, Value>),
    made: u32,
    /// The most replicas that were asked for since the set last had them all.
    asked: usize,
    /// Made by others.
    strays: usize,
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("reads back")
}

fn is_active(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_null() && pod["status"]["phase"] != "Failed"
}

impl World {
    fn new() -> World {
        let set = json!({"metadata": {"name": "web", "namespace": "default", "uid": "s"},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}}});
        let copy = (set.clone(), BTreeMap::new());
        World { set, pods: BTreeMap::new(), copy, made: 0, asked: 3, strays: 0 }
    }

    fn add(&mut self, owned: bool) {
        self.made += 1;
        let name = format!("web-{}", self.made);
        let owners = if owned { json!([{"uid": "s", "kind": "ReplicaSet", "controller": true}]) } else { json!([]) };
        let pod = json!({"metadata": {"name": name, "uid": name, "namespace": "default", "labels": {"app": "web"},
            "ownerReferences": owners}, "status": {"phase": "Pending"}});
        self.pods.insert(self.made, pod);
    }

    fn delete(&mut self, uid: &str) {
        if let Some(pod) = self.pods.values_mut().find(|pod| pod["metadata"]["uid"] == json!(uid)) {
            pod["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:00Z");
        }
    }

    fn run(&mut self, writes: usize) {
        let set: ReplicaSet = read(&self.copy.0);
        let pods: Vec<Arc<Pod>> = self.copy.1.values().map(|pod| Arc::new(read(pod))).collect();
        let observed = Observed { set: &set, pods: &pods, crowd: &NodeCrowd::new(), now: Timestamp::UNIX_EPOCH };
        let plan = plan(&observed);
        let mut left = writes;
        let mut may = || {
            left = left.saturating_sub(1);
            left > 0
        };
        for pod in &plan.claimed.adopt {
            if !may() {
                break;
            }
            if let Some(found) =
                self.pods.values_mut().find(|found| found["metadata"]["uid"] == json!(&*pod.metadata.uid))
            {
                found["metadata"]["ownerReferences"] = json!([{"uid": "s", "kind": "ReplicaSet", "controller": true}]);
            }
        }
        for _ in 0..plan.create {
            if !may() {
                break;
            }
            self.add(true);
        }
        for pod in &plan.delete {
            if !may() {
                break;
            }
            self.delete(&pod.metadata.uid);
        }
        // It plans again only by a copy that has its own writes; after a crash it lists anew.
        self.hear();
    }

    fn hear(&mut self) {
        self.copy = (self.set.clone(), self.pods.clone());
    }

    fn happen(&mut self, event: &Event) {
        let nth = |n: usize, pods: &BTreeMap<u32, Value>| {
            let keys: Vec<u32> = pods.keys().copied().collect();
            (!keys.is_empty()).then(|| keys[n % keys.len()])
        };
        match event {
            Event::Run(writes) => self.run(*writes),
            Event::Hear => self.hear(),
            Event::Scale(replicas) => {
                self.set["spec"]["replicas"] = json!(replicas);
                self.asked = self.asked.max(usize::try_from(*replicas).expect("not negative"));
            }
            Event::Stray => {
                self.add(false);
                self.strays += 1;
            }
            Event::Ready(n) | Event::Fail(n) | Event::Delete(n) | Event::End(n) => {
                let Some(key) = nth(*n, &self.pods) else { return };
                let pod = self.pods.get_mut(&key).expect("is there");
                match event {
                    // An end is final.
                    Event::Ready(_) if pod["status"]["phase"] == "Failed" => {}
                    Event::Ready(_) => {
                        pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
                    }
                    Event::Fail(_) => pod["status"] = json!({"phase": "Failed"}),
                    Event::Delete(_) => pod["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:00Z"),
                    _ if pod["metadata"]["deletionTimestamp"].is_null() => {}
                    _ => drop(self.pods.remove(&key)),
                }
            }
        }
    }

    fn active(&self) -> usize {
        self.pods.values().filter(|pod| is_active(pod)).count()
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..6_usize).prop_map(Event::Run),
        4 => Just(Event::Run(usize::MAX)),
        1 => Just(Event::Hear),
        2 => (0..8_i32).prop_map(Event::Scale),
        3 => (0..9_usize).prop_map(Event::Ready),
        2 => (0..9_usize).prop_map(Event::Fail),
        2 => (0..9_usize).prop_map(Event::Delete),
        3 => (0..9_usize).prop_map(Event::End),
        1 => Just(Event::Stray),
    ]
}

proptest! {
    #[test]
    fn a_set_never_owns_more_than_was_ever_asked_for(events in proptest::collection::vec(event(), 0..80)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
            let (active, most) = (world.active(), world.asked + world.strays);
            prop_assert!(active <= most, "{active} pods, and {most} at most were asked for or made by others");
        }
        // Left alone, it has exactly what is asked for, and nobody is without an owner.
        world.hear();
        world.run(usize::MAX);
        world.run(usize::MAX);
        let wanted = usize::try_from(world.set["spec"]["replicas"].as_i64().expect("a number")).expect("not negative");
        prop_assert_eq!(world.active(), wanted);
        prop_assert!(world.pods.values().all(|pod| !is_active(pod) || pod["metadata"]["ownerReferences"] != json!([])));
    }
}
