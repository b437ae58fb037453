//! Jobs in a small world where writes are lost or arrive twice, pictures are late, pods end and vanish at any moment, others
//! write to the job, and the controller starts anew: no result is counted twice or lost, no index succeeds twice, and never
//! do more run than allowed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    as_it_was,
    backoff::Failures,
    plan::{Observed, Plan, plan},
    pod::{FINALIZER, body, index_of, is_tracked},
    status, tests,
};
use crate::objects::{Job, Pod};

struct World {
    job: Value,
    pods: BTreeMap<String, Value>,
    /// What the controller has heard of both: all that it wrote itself, and of others' writes what came before.
    picture: (Value, BTreeMap<String, Value>),
    version: u64,
    /// Writes that may arrive a second time. A pod that is created twice has two names, and shows in the next picture.
    sent: Vec<Act>,
    failures: Failures,
    now: Timestamp,
    made: usize,
    /// Everything that ever ended while the job counted it.
    successes: BTreeSet<String>,
    lapses: BTreeSet<String>,
    indexes: BTreeSet<u32>,
    /// The most that were allowed since no more ran than are.
    parallelism: usize,
}

/// A step's acts, in order: any of them may be the last before the controller dies.
#[derive(Clone)]
enum Act {
    /// Lets go of a pod that is to end, if it is as it was seen.
    Dismiss(String, Value),
    Release(String),
    Delete(String),
    Create(Value),
    Status(Value),
}

impl World {
    fn new(indexed: bool, completions: usize, parallelism: usize) -> World {
        let mode = if indexed { "Indexed" } else { "NonIndexed" };
        let job = json!({
            "metadata": {"name": "j", "namespace": "default", "uid": "J", "resourceVersion": "1"},
            "spec": {"completions": completions, "parallelism": parallelism, "backoffLimit": 100_000,
                "completionMode": mode, "selector": {"matchLabels": {"job": "j"}},
                "template": {"metadata": {"labels": {"job": "j"}}, "spec": {"restartPolicy": "Never", "containers": []}}},
            "status": {},
        });
        World {
            picture: (job.clone(), BTreeMap::new()),
            job,
            pods: BTreeMap::new(),
            version: 1,
            sent: Vec::new(),
            failures: Failures::default(),
            now: tests::now(),
            made: 0,
            successes: BTreeSet::new(),
            lapses: BTreeSet::new(),
            indexes: BTreeSet::new(),
            parallelism,
        }
    }

    fn job(&self) -> Job {
        serde_json::from_value(self.job.clone()).expect("a job")
    }

    fn hear(&mut self) {
        self.picture = (self.job.clone(), self.pods.clone());
    }

    fn next_version(&mut self) -> Value {
        self.version += 1;
        json!(self.version.to_string())
    }

    /// One step of the controller by what it has heard, of which only the first `most` writes arrive.
    fn step(&mut self, most: usize) {
        let job: Job = serde_json::from_value(self.picture.0.clone()).expect("a job");
        let pods = read(&self.picture.1);
        self.failures.see(&job, &pods, self.now);
        let plan: Plan = plan(&Observed { job: &job, pods: &pods, failures: &self.failures, now: self.now });
        let name = |pod: &Arc<Pod>| pod.metadata.name.to_string();
        let seen = |pod: &Arc<Pod>| self.picture.1[&*pod.metadata.name]["metadata"]["resourceVersion"].clone();
        let tracked = |pods: &[Arc<Pod>]| pods.iter().filter(|pod| is_tracked(pod)).cloned().collect::<Vec<_>>();
        let mut first: Vec<Act> = tracked(&plan.dismiss).iter().map(|pod| Act::Dismiss(name(pod), seen(pod))).collect();
        first.extend(plan.dismiss.iter().chain(&plan.delete).map(|pod| Act::Delete(name(pod))));
        first.extend(plan.create.iter().map(|creation| Act::Create(body(&job, creation))));
        let mut left = most;
        let mut may = || {
            let more = left > 0;
            left = left.saturating_sub(1);
            more
        };
        let mut status = plan.status.clone();
        for act in first {
            if !may() {
                return self.hear();
            }
            if !self.arrive(act) {
                as_it_was(&mut status, &pods);
                break;
            }
        }
        if status != job.status && (!may() || !self.arrive(Act::Status(status::patch(&job, &status)))) {
            return self.hear();
        }
        for pod in tracked(&plan.finish) {
            if !may() {
                break;
            }
            self.arrive(Act::Release(name(&pod)));
        }
        // It plans again only by a picture that has its own writes.
        self.hear();
    }

    /// Holds at every moment.
    fn check(&mut self) {
        let running: Vec<Arc<Pod>> = read(&self.pods).into_iter().filter(|pod| pod.is_active()).collect();
        assert!(running.len() <= self.parallelism, "{} run of {}", running.len(), self.parallelism);
        let indexes: Vec<u32> = running.iter().filter_map(|pod| index_of(pod)).collect();
        let different: BTreeSet<u32> = indexes.iter().copied().collect();
        assert_eq!(different.len(), indexes.len(), "an index runs twice: {indexes:?}");
        // What it has not heard yet it cannot keep to.
        let allowed = [&self.job, &self.picture.0].map(|job| job["spec"]["parallelism"].as_u64().unwrap_or_default());
        let allowed = allowed.into_iter().filter_map(|most| usize::try_from(most).ok()).max();
        self.parallelism = allowed.unwrap_or_default().max(running.len());
    }

    /// False when the server refuses.
    fn arrive(&mut self, act: Act) -> bool {
        if !matches!(act, Act::Create(_)) {
            self.sent.push(act.clone());
        }
        match act {
            Act::Create(mut pod) => {
                self.made += 1;
                let name = format!("p{:04}", self.made);
                pod["metadata"]["name"] = json!(name);
                pod["metadata"]["uid"] = json!(name);
                pod["metadata"]["namespace"] = json!("default");
                pod["metadata"]["resourceVersion"] = self.next_version();
                pod["status"] = json!({"phase": "Pending"});
                self.pods.insert(name, pod);
            }
            Act::Dismiss(name, version) => {
                let is_as_seen = |pod: &Value| pod["metadata"]["resourceVersion"] == version;
                if !self.pods.get(&name).is_none_or(is_as_seen) {
                    return false;
                }
                self.release(&name);
            }
            Act::Release(name) => self.release(&name),
            Act::Delete(name) => self.delete(&name),
            Act::Status(patch) => {
                if patch["metadata"]["resourceVersion"] != self.job["metadata"]["resourceVersion"] {
                    return false;
                }
                self.job["metadata"]["resourceVersion"] = self.next_version();
                // As the server merges it, nulls included.
                let status = self.job["status"].as_object_mut().expect("a status");
                for (key, value) in patch["status"].as_object().into_iter().flatten() {
                    status.insert(key.clone(), value.clone());
                }
                status.retain(|_, value| !value.is_null());
            }
        }
        true
    }

    fn release(&mut self, name: &str) {
        let version = self.next_version();
        if let Some(pod) = self.pods.get_mut(name) {
            pod["metadata"]["finalizers"] = json!([]);
            pod["metadata"]["resourceVersion"] = version;
        }
        self.sweep(name);
    }

    fn delete(&mut self, name: &str) {
        let version = self.next_version();
        if let Some(pod) = self.pods.get_mut(name) {
            pod["metadata"]["deletionTimestamp"] = json!(self.now.to_string());
            pod["metadata"]["resourceVersion"] = version;
            self.sweep(name);
        }
    }

    /// A deleted pod is gone when nothing holds it.
    fn sweep(&mut self, name: &str) {
        let held = self.pods.get(name).is_some_and(|pod| {
            pod["metadata"]["deletionTimestamp"].is_null() || pod["metadata"]["finalizers"] == json!([FINALIZER])
        });
        if !held {
            self.pods.remove(name);
        }
    }

    /// Something happens to the nth pod that still runs.
    fn happen(&mut self, nth: usize, what: u8) {
        let running: Vec<String> =
            read(&self.pods).iter().filter(|pod| pod.is_active()).map(|pod| pod.metadata.name.to_string()).collect();
        let Some(name) = running.get(nth % running.len().max(1)).cloned() else { return };
        let version = self.next_version();
        let Some(pod) = self.pods.get_mut(&name) else { return };
        pod["metadata"]["resourceVersion"] = version;
        let tracked = pod["metadata"]["finalizers"] == json!([FINALIZER]);
        let finished = json!([{"name": "c", "state": {"terminated": {"finishedAt": self.now.to_string()}}}]);
        match what {
            0 | 1 => {
                pod["status"] = json!({"phase": "Succeeded", "containerStatuses": finished});
                if tracked {
                    let index = serde_json::from_value(pod.clone()).ok().and_then(|pod: Pod| index_of(&pod));
                    assert!(index.is_none_or(|index| self.indexes.insert(index)), "index {index:?} succeeds twice");
                    self.successes.insert(name);
                }
            }
            2 => {
                pod["status"] = json!({"phase": "Failed", "containerStatuses": finished});
                if tracked {
                    self.lapses.insert(name);
                }
            }
            3 => {
                if tracked {
                    self.lapses.insert(name.clone());
                }
                self.delete(&name);
            }
            _ => pod["status"] = json!({"phase": "Running"}),
        }
    }

    /// Steps until nothing changes any more, pods succeeding meanwhile.
    fn finish(&mut self) {
        for round in 0..10_000 {
            self.now += SignedDuration::from_secs(700);
            self.hear();
            self.step(usize::MAX);
            self.check();
            if self.job().end().is_some() && read(&self.pods).iter().all(|pod| !is_tracked(pod)) {
                return;
            }
            self.happen(round, 0);
        }
        panic!("it never ends: {:#}", self.job);
    }
}

fn read(pods: &BTreeMap<String, Value>) -> Vec<Arc<Pod>> {
    pods.values().map(|pod| Arc::new(serde_json::from_value(pod.clone()).expect("a pod"))).collect()
}

#[derive(Debug, Clone)]
enum Event {
    Step {
        writes: usize,
    },
    Pod {
        nth: usize,
        what: u8,
    },
    /// The picture is up to date.
    Hear,
    /// A write of an earlier step arrives once more.
    Again {
        nth: usize,
    },
    /// Somebody writes to the job.
    Touch,
    Scale {
        parallelism: usize,
    },
    Restart,
    Wait {
        seconds: i64,
    },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0_usize..12).prop_map(|writes| Event::Step { writes }),
        2 => Just(Event::Step { writes: usize::MAX }),
        6 => (0_usize..8, 0_u8..5).prop_map(|(nth, what)| Event::Pod { nth, what }),
        2 => Just(Event::Hear),
        2 => (0_usize..30).prop_map(|nth| Event::Again { nth }),
        1 => Just(Event::Touch),
        1 => (0_usize..6).prop_map(|parallelism| Event::Scale { parallelism }),
        1 => Just(Event::Restart),
        2 => (1_i64..900).prop_map(|seconds| Event::Wait { seconds }),
    ];
    prop::collection::vec(event, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_result_is_lost_or_counted_twice_whatever_happens(
        indexed: bool, completions in 1_usize..12, parallelism in 1_usize..6, events in events(),
    ) {
        let mut world = World::new(indexed, completions, parallelism);
        for event in events {
            match event {
                Event::Step { writes } => world.step(writes),
                Event::Pod { nth, what } => world.happen(nth, what),
                Event::Hear => world.hear(),
                Event::Again { nth } => {
                    let sent = world.sent.iter().rev().nth(nth).cloned();
                    sent.map(|act| world.arrive(act));
                }
                Event::Touch => world.job["metadata"]["resourceVersion"] = world.next_version(),
                Event::Scale { parallelism } => {
                    world.job["metadata"]["resourceVersion"] = world.next_version();
                    world.job["spec"]["parallelism"] = json!(parallelism);
                    world.parallelism = world.parallelism.max(parallelism);
                }
                Event::Restart => {
                    world.failures = Failures::default();
                    world.hear();
                }
                Event::Wait { seconds } => world.now += SignedDuration::from_secs(seconds),
            }
            world.check();
        }
        world.job["spec"]["parallelism"] = json!(parallelism);
        world.parallelism = world.parallelism.max(parallelism);
        world.finish();
        let job = world.job();
        prop_assert!(job.is("Complete"));
        prop_assert_eq!(job.status.succeeded as usize, completions);
        prop_assert_eq!(job.status.failed as usize, world.lapses.len());
        prop_assert!(job.status.uncounted_terminated_pods.is_empty());
        if indexed {
            let all = if completions == 1 { "0".to_owned() } else if completions == 2 { "0,1".to_owned() } else { format!("0-{}", completions - 1) };
            prop_assert_eq!(&*job.status.completed_indexes, all.as_str());
        } else {
            prop_assert_eq!(world.successes.len(), completions);
        }
    }
}
