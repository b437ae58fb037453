//! What holds whatever happens: the controller on a model of the API, with copies that lag, crashes between two
//! writes, nodes that are slow, pods that fail and users who change their minds.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    identity::{ordinal, pod_body},
    plan::{Action, Claims, Observed, plan},
    status::{current, patch, status},
    tests::now,
};
use crate::{
    history::History,
    objects::{ControllerRevision, Pod, StatefulSet},
};

#[derive(Debug, Clone)]
enum Event {
    /// The controller plans by its copy; `writes` of its actions get through, then it is killed.
    Run {
        writes: usize,
    },
    /// Its copy catches up.
    Hear,
    /// A node does the next thing about the nth pod: starts it, or ends one that is being deleted.
    Node(usize),
    Fail(usize),
    Unready(usize),
    Scale(i32),
    Template(u8),
    Partition(i32),
    /// Somebody deletes the nth pod.
    Delete(usize),
}

struct World {
    set: Value,
    pods: BTreeMap<String, Value>,
    /// What nodes run, by uid: it goes on until the node has ended it.
    running: BTreeMap<String, String>,
    copy: (Value, BTreeMap<String, Value>),
    revisions: Vec<Arc<ControllerRevision>>,
    made: u32,
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("reads back")
}

impl World {
    fn new(policy: &str, most: i32) -> World {
        let set = json!({
            "metadata": {"name": "web", "namespace": "default", "uid": "s", "generation": 1},
            "spec": {"replicas": 3, "podManagementPolicy": policy, "serviceName": "svc",
                "selector": {"matchLabels": {"app": "web"}},
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": most}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"version": 0}}},
        });
        let copy = (set.clone(), BTreeMap::new());
        World { set, copy, pods: BTreeMap::new(), running: BTreeMap::new(), revisions: Vec::new(), made: 0 }
    }

    fn history(&mut self, set: &StatefulSet) -> History {
        let data = json!({"spec": {"template": &*set.spec.template}});
        let found = self.revisions.iter().find(|revision| *revision.data == data).cloned();
        let update = found.unwrap_or_else(|| {
            let name = format!("web-r{}", self.revisions.len());
            let made = read::<ControllerRevision>(&json!({"metadata": {"name": name}, "data": data, "revision": 1}));
            self.revisions.push(Arc::new(made));
            self.revisions.last().expect("was pushed").clone()
        });
        History { revisions: self.revisions.clone(), update, collisions: 0 }
    }

    fn run(&mut self, writes: usize) {
        let set: StatefulSet = read(&self.copy.0);
        let pods: Vec<Arc<Pod>> = self.copy.1.values().map(|pod| Arc::new(read(pod))).collect();
        let history = self.history(&set);
        let current = current(&set, &history).metadata.name.clone();
        let update = history.update.metadata.name.clone();
        let observed =
            Observed { set: &set, pods: &pods, claims: &Claims::new(), current: &current, update: &update, now: now() };
        let actions = plan(&observed).actions;
        let gets_through = writes > actions.len();
        for action in actions.iter().take(writes) {
            match action {
                Action::CreatePod { ordinal, revision } => {
                    let found = history.revisions.iter().find(|found| *found.metadata.name == **revision);
                    let body = pod_body(&set, *ordinal, found.expect("a revision that is there"));
                    self.create(body);
                }
                Action::DeletePod(pod) => self.delete(&pod.metadata.name, &pod.metadata.uid),
                other => panic!("nothing calls for {other:?}"),
            }
        }
        if gets_through {
            let next = patch(&status(&set, &pods, &history, now()));
            self.set["status"] = next["status"].clone();
            self.set["status"].as_object_mut().expect("a status").retain(|_, value| !value.is_null());
        }
        // It plans again only by a copy that has its own writes; after a crash it lists anew.
        self.hear();
    }

    fn create(&mut self, mut body: Value) {
        let name = body["metadata"]["name"].as_str().expect("a name").to_owned();
        if self.pods.contains_key(&name) {
            return;
        }
        self.made += 1;
        body["metadata"]["uid"] = json!(format!("u{}", self.made));
        body["status"] = json!({"phase": "Pending"});
        self.pods.insert(name, body);
    }

    fn delete(&mut self, name: &str, uid: &str) {
        if let Some(pod) = self.pods.get_mut(name).filter(|pod| pod["metadata"]["uid"] == json!(uid)) {
            pod["metadata"]["deletionTimestamp"] = json!(now().to_string());
        }
    }

    fn hear(&mut self) {
        self.copy = (self.set.clone(), self.pods.clone());
    }

    fn nth(&self, n: usize) -> Option<String> {
        let names: Vec<_> = self.pods.keys().collect();
        (!names.is_empty()).then(|| names[n % names.len()].clone())
    }

    fn node(&mut self, name: &str) {
        let pod = &self.pods[name];
        let uid = pod["metadata"]["uid"].as_str().expect("a uid").to_owned();
        if !pod["metadata"]["deletionTimestamp"].is_null() {
            // First the process, in another step the object.
            if self.running.remove(&uid).is_none() {
                self.pods.remove(name);
            }
        } else if pod["status"]["phase"] != "Failed" {
            self.running.insert(uid, name.to_owned());
            let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:00Z"});
            self.pods.get_mut(name).expect("is there")["status"] = json!({"phase": "Running", "conditions": [ready]});
        }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Run { writes } => self.run(*writes),
            Event::Hear => self.hear(),
            Event::Scale(replicas) => self.set["spec"]["replicas"] = json!(replicas),
            Event::Template(version) => self.set["spec"]["template"]["spec"]["version"] = json!(version),
            Event::Partition(partition) => {
                self.set["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = json!(partition);
            }
            Event::Node(n) | Event::Fail(n) | Event::Unready(n) | Event::Delete(n) => {
                let Some(name) = self.nth(*n) else { return };
                let uid = self.pods[&name]["metadata"]["uid"].as_str().expect("a uid").to_owned();
                match event {
                    Event::Node(_) => self.node(&name),
                    Event::Delete(_) => self.delete(&name, &uid),
                    Event::Fail(_) => {
                        self.running.remove(&uid);
                        self.pods.get_mut(&name).expect("is there")["status"] = json!({"phase": "Failed"});
                    }
                    _ => self.pods.get_mut(&name).expect("is there")["status"]["conditions"] = json!([]),
                }
            }
        }
    }

    /// No two processes of one ordinal, and none that nobody knows of.
    fn no_ordinal_runs_twice(&self) -> Result<(), TestCaseError> {
        let mut names: Vec<_> = self.running.values().collect();
        names.sort();
        prop_assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", self.running);
        for (uid, name) in &self.running {
            let known = self.pods.get(name).is_some_and(|pod| pod["metadata"]["uid"] == json!(uid));
            prop_assert!(known, "{name} {uid} runs and is not in the API");
        }
        Ok(())
    }

    /// When nothing else happens, what is asked for comes to be.
    fn settles(&mut self) -> Result<(), TestCaseError> {
        // A round brings each pod one step on.
        for _ in 0..200 {
            self.hear();
            let before = (self.set.clone(), self.pods.clone(), self.running.clone());
            self.run(usize::MAX);
            for name in self.pods.keys().cloned().collect::<Vec<_>>() {
                self.node(&name);
            }
            if before == (self.set.clone(), self.pods.clone(), self.running.clone()) {
                break;
            }
        }
        let set: StatefulSet = read(&self.set);
        let wanted: Vec<String> = (0..set.spec.replicas).map(|ordinal| format!("web-{ordinal}")).collect();
        prop_assert_eq!(self.pods.keys().cloned().collect::<Vec<_>>(), wanted);
        let update = self.history(&set).update.metadata.name.clone();
        let partition = set.spec.update_strategy.rolling_update.as_ref().map_or(0, |rolling| rolling.partition);
        for (name, pod) in &self.pods {
            if ordinal("web", name).expect("ours") >= partition {
                prop_assert_eq!(&pod["metadata"]["labels"]["controller-revision-hash"], &json!(&*update));
            }
        }
        Ok(())
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..4_usize).prop_map(|writes| Event::Run { writes }),
        6 => Just(Event::Run { writes: usize::MAX }),
        2 => Just(Event::Hear),
        12 => (0..8_usize).prop_map(Event::Node),
        1 => (0..8_usize).prop_map(Event::Fail),
        1 => (0..8_usize).prop_map(Event::Unready),
        1 => (0..6_i32).prop_map(Event::Scale),
        1 => (0..3_u8).prop_map(Event::Template),
        1 => (0..4_i32).prop_map(Event::Partition),
        1 => (0..8_usize).prop_map(Event::Delete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn no_ordinal_ever_runs_twice_and_all_comes_to_rest(
        parallel in any::<bool>(),
        most in 1..3_i32,
        events in proptest::collection::vec(event(), 0..120),
    ) {
        let mut world = World::new(if parallel { "Parallel" } else { "OrderedReady" }, most);
        for event in &events {
            world.happen(event);
            world.no_ordinal_runs_twice()?;
        }
        world.settles()?;
        world.no_ordinal_runs_twice()?;
    }

    /// Of a set that all serve, no more are taken away at a time than the update may.
    #[test]
    fn a_roll_takes_no_more_than_it_may(parallel in any::<bool>(), most in 1..4_i32, replicas in 1..7_i32) {
        let mut world = World::new(if parallel { "Parallel" } else { "OrderedReady" }, most);
        world.happen(&Event::Scale(replicas));
        world.settles()?;
        world.happen(&Event::Template(1));
        world.hear();
        for _ in 0..60 {
            world.run(usize::MAX);
            let serves = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null() && pod["status"]["phase"] == "Running";
            let missing = replicas as usize - world.pods.values().filter(serves).count();
            prop_assert!(missing <= most as usize, "{missing} of {replicas} are missing");
            if let Some(name) = world.pods.keys().rev().find(|name| {
                let pod = &world.pods[*name];
                !serves(&pod)
            }).cloned() {
                world.node(&name);
            }
            world.hear();
        }
        world.settles()?;
    }
}
