//! Jobs in a small world where writes are lost, steps are repeated on old pictures, pods end and vanish at any moment,
//! and the controller starts anew: no result is counted twice or lost, and never do more run than allowed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    backoff::Failures,
    plan::{Observed, Plan, plan},
    pod::{FINALIZER, body, is_tracked},
    status, tests,
};
use crate::objects::{Job, Pod};

struct World {
    job: Value,
    pods: BTreeMap<String, Value>,
    failures: Failures,
    now: Timestamp,
    made: usize,
    /// Everything that ever ended while the job counted it.
    successes: BTreeSet<String>,
    lapses: BTreeSet<String>,
    parallelism: usize,
}

/// A step's acts, in order: any of them may be the last before the controller dies.
enum Act {
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
            job,
            pods: BTreeMap::new(),
            failures: Failures::default(),
            now: tests::now(),
            made: 0,
            successes: BTreeSet::new(),
            lapses: BTreeSet::new(),
            parallelism,
        }
    }

    fn job(&self) -> Job {
        serde_json::from_value(self.job.clone()).expect("a job")
    }

    fn seen(&self) -> Vec<Arc<Pod>> {
        self.pods.values().map(|pod| Arc::new(serde_json::from_value(pod.clone()).expect("a pod"))).collect()
    }

    /// One step of the controller, of which only the first `most` writes arrive.
    fn step(&mut self, most: usize) {
        let (job, pods) = (self.job(), self.seen());
        self.failures.see(&job, &pods, self.now);
        let plan: Plan = plan(&Observed { job: &job, pods: &pods, failures: &self.failures, now: self.now });
        let name = |pod: &Arc<Pod>| pod.metadata.name.to_string();
        let mut acts: Vec<Act> = plan.dismiss.iter().map(|pod| Act::Release(name(pod))).collect();
        acts.extend(plan.dismiss.iter().chain(&plan.delete).map(|pod| Act::Delete(name(pod))));
        acts.extend(plan.create.iter().map(|creation| Act::Create(body(&job, creation))));
        if plan.status != job.status {
            acts.push(Act::Status(status::patch(&job, &plan.status)));
        }
        acts.extend(plan.finish.iter().filter(|pod| is_tracked(pod)).map(|pod| Act::Release(name(pod))));
        for act in acts.into_iter().take(most) {
            self.arrive(act);
        }
        let running = self.seen().iter().filter(|pod| pod.is_active()).count();
        assert!(running <= self.parallelism, "{running} run");
    }

    fn arrive(&mut self, act: Act) {
        match act {
            Act::Create(mut pod) => {
                self.made += 1;
                let name = format!("p{:04}", self.made);
                pod["metadata"]["name"] = json!(name);
                pod["metadata"]["uid"] = json!(name);
                pod["metadata"]["namespace"] = json!("default");
                pod["status"] = json!({"phase": "Pending"});
                self.pods.insert(name, pod);
            }
            Act::Release(name) => {
                if let Some(pod) = self.pods.get_mut(&name) {
                    pod["metadata"]["finalizers"] = json!([]);
                }
                self.sweep(&name);
            }
            Act::Delete(name) => self.delete(&name),
            Act::Status(patch) => {
                // As the server merges it, nulls included.
                let status = self.job["status"].as_object_mut().expect("a status");
                for (key, value) in patch["status"].as_object().into_iter().flatten() {
                    status.insert(key.clone(), value.clone());
                }
                status.retain(|_, value| !value.is_null());
            }
        }
    }

    fn delete(&mut self, name: &str) {
        if let Some(pod) = self.pods.get_mut(name) {
            pod["metadata"]["deletionTimestamp"] = json!(self.now.to_string());
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
            self.seen().iter().filter(|pod| pod.is_active()).map(|pod| pod.metadata.name.to_string()).collect();
        let Some(name) = running.get(nth % running.len().max(1)).cloned() else { return };
        let Some(pod) = self.pods.get_mut(&name) else { return };
        let tracked = pod["metadata"]["finalizers"] == json!([FINALIZER]);
        let finished = json!([{"name": "c", "state": {"terminated": {"finishedAt": self.now.to_string()}}}]);
        match what {
            0 | 1 => {
                pod["status"] = json!({"phase": "Succeeded", "containerStatuses": finished});
                if tracked {
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
            self.step(usize::MAX);
            if self.job().end().is_some() && self.seen().iter().all(|pod| !is_tracked(pod)) {
                return;
            }
            self.happen(round, 0);
        }
        panic!("it never ends: {:#}", self.job);
    }
}

#[derive(Debug, Clone)]
enum Event {
    Step { writes: usize },
    Pod { nth: usize, what: u8 },
    Restart,
    Wait { seconds: i64 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0_usize..12).prop_map(|writes| Event::Step { writes }),
        2 => Just(Event::Step { writes: usize::MAX }),
        6 => (0_usize..8, 0_u8..5).prop_map(|(nth, what)| Event::Pod { nth, what }),
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
                Event::Restart => world.failures = Failures::default(),
                Event::Wait { seconds } => world.now += SignedDuration::from_secs(seconds),
            }
        }
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
