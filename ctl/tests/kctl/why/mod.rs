//! Puzzles: why does it wait? What `kctl why` says is kept as a snapshot, each change that it names is made, and the pod
//! then is placed.

mod puzzles;
mod table;

use serde_json::{Value, json};
use timonier_scheduling::Profiles;
use timonier_scheduling::configuration::{Configuration, Section};
use timonier_scheduling::why::document::{Change, Explanation, Step};

use self::puzzles::{LENIENT, PUZZLES, Puzzle};
use self::table::Table;
use super::fixture::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_help_does_help() {
    let cluster = Cluster::start().await;
    let lenient = Section {
        scheduler_name: LENIENT.into(),
        disabled: ["TaintToleration".to_string()].into(),
        ..Section::default()
    };
    let profiles = Profiles::of(Configuration { profiles: vec![lenient], ..Configuration::default() });
    let only = ["scheduler", "deployment", "replicaset"];
    let controllers = cluster.controllers_with(&only, profiles.expect("profiles"));
    let table = Table::new(&cluster);
    for puzzle in PUZZLES {
        solve(&table, puzzle).await;
    }
    let told = cluster.kctl("get configmap timonier-scheduler -n kube-system -o yaml").await.ok();
    assert!(told.contains(LENIENT) && told.contains("TaintToleration"), "{told}");
    controllers.cancel();
    cluster.stop().await;
}

/// Lays the puzzle out once for each change that is named.
async fn solve(table: &Table<'_>, puzzle: &Puzzle) {
    let objects = (puzzle.objects)();
    let mut number = 0;
    loop {
        table.lay(&objects).await;
        table.until_refused(puzzle.asked).await;
        if number == 0 {
            let said = table.kctl(&format!("why {}", puzzle.asked)).await;
            insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
                insta::assert_snapshot!(puzzle.name, table::without_random_names(&said));
            });
        }
        let told: Value =
            serde_json::from_str(&table.kctl(&format!("why {} -o json", puzzle.asked)).await).expect("JSON");
        let ways = match told["remedies"].as_array() {
            Some(remedies) => remedies.iter().map(|one| Way::Command(one["command"].clone())).collect(),
            None => ways(told),
        };
        assert!(!ways.is_empty(), "{}: nothing helps", puzzle.name);
        ways[number].take(table, &objects).await;
        table.until_placed(puzzle.asked, ways[number].name()).await;
        table.clear().await;
        number += 1;
        if number == ways.len() {
            return;
        }
    }
}

/// One of the changes that were named.
enum Way {
    /// Others make room by themselves.
    Wait(Vec<String>),
    Change(Change),
    Command(Value),
}

fn ways(told: Value) -> Vec<Way> {
    let told: Explanation = serde_json::from_value(told).expect("an explanation");
    let wait = told.preemption.map(|preemption| Way::Wait(preemption.victims));
    wait.into_iter().chain(told.changes.into_iter().map(Way::Change)).collect()
}

impl Way {
    fn name(&self) -> &str {
        match self {
            Way::Wait(_) => "others made room",
            Way::Change(change) => &change.summary,
            Way::Command(command) => command.as_str().unwrap_or_default(),
        }
    }

    async fn take(&self, table: &Table<'_>, objects: &[Value]) {
        match self {
            Way::Command(command) => {
                let line = command.as_str().expect("a command").strip_prefix("kctl ").expect("kctl's");
                table.kctl(line).await;
            }
            Way::Wait(victims) => table.end(victims).await,
            Way::Change(Change { steps, preemption, .. }) => {
                let original = objects.iter().find(|o| o["metadata"]["name"] == "p").expect("the pod");
                let mut pod = original.clone();
                for step in steps {
                    take(step, &mut pod, table, objects).await;
                }
                if pod != *original {
                    table.delete("pods", "p").await;
                    table.create(&pod).await;
                }
                for step in steps {
                    if let Step::UsePriorityClass { preempts, .. } = step
                        && !preempts.is_empty()
                    {
                        table.end(preempts).await;
                    }
                }
                if let Some(preemption) = preemption {
                    table.end(&preemption.victims).await;
                }
            }
        }
    }
}

/// Takes one step: on the pod's manifest, or on the cluster.
async fn take(step: &Step, pod: &mut Value, table: &Table<'_>, objects: &[Value]) {
    let spec = &mut pod["spec"];
    let list = |value: &mut Value| value.as_array().cloned().unwrap_or_default();
    match step {
        Step::Tolerate { key, value, effect } => {
            let mut all = list(&mut spec["tolerations"]);
            all.push(json!({"key": key, "operator": "Equal", "value": value, "effect": effect}));
            spec["tolerations"] = all.into();
        }
        Step::LowerRequest { resource, to, .. } => {
            let amount = if resource == "cpu" { format!("{to}m") } else { to.to_string() };
            spec["containers"][0]["resources"]["requests"][resource] = amount.into();
        }
        Step::DropNodeSelector { key, .. } => drop(spec["nodeSelector"].as_object_mut().expect("a map").remove(key)),
        Step::DropNodeAffinity => {
            spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = Value::Null
        }
        Step::UseScheduler { name } => spec["schedulerName"] = name.as_str().into(),
        Step::RaiseMaxSkew { to, .. } => spec["topologySpreadConstraints"][0]["maxSkew"] = (*to).into(),
        Step::SpreadAnyway { .. } => {
            spec["topologySpreadConstraints"][0]["whenUnsatisfiable"] = "ScheduleAnyway".into();
        }
        Step::DropAntiAffinity { .. } => spec["affinity"] = Value::Null,
        Step::DropHostPort { .. } => spec["containers"][0]["ports"] = json!([]),
        Step::UsePriorityClass { class, .. } => spec["priorityClassName"] = class.as_str().into(),
        Step::RaiseMaxPods { node, to } => {
            let status = json!({"status": {"allocatable": {"pods": to.to_string()}}});
            table.merge(&format!("/api/v1/nodes/{node}/status"), status).await;
        }
        Step::AddNode { like, labels } => {
            let mut another = objects.iter().find(|o| o["metadata"]["name"] == **like).expect("the node").clone();
            another["metadata"]["name"] = "another".into();
            another["metadata"]["labels"]["kubernetes.io/hostname"] = "another".into();
            another["spec"]["unschedulable"] = false.into();
            for (key, value) in labels {
                another["metadata"]["labels"][key] = value.as_str().into();
            }
            table.create(&another).await;
        }
        // No agent would end them.
        Step::RemovePods { pods, .. } => {
            for pod in pods {
                table.delete("pods", pod.strip_prefix("default/").expect("in this namespace")).await;
            }
        }
        step => {
            let pod = timonier_scheduling::why::document::Metadata {
                name: "p".into(),
                namespace: "default".into(),
                ..Default::default()
            };
            let commands = step.commands(&pod);
            assert!(!commands.is_empty(), "the test cannot take {step:?}");
            for command in commands {
                table.kctl(command.strip_prefix("kctl ").expect("kctl's")).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_as_text_as_an_object_and_for_all_that_wait() {
    let cluster = Cluster::start().await;
    let controllers = cluster.controllers(&["scheduler", "replicaset"]);
    let table = Table::new(&cluster);
    table.lay(&[puzzles::node("n1", json!({}))]).await;
    assert_eq!(cluster.kctl("why").await.ok(), "");
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"}, "spec": {
        "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": puzzles::spec(json!({"cpu": "9"}))}}});
    table.create(&set).await;
    table.create(&puzzles::pod("alone", puzzles::spec(json!({"cpu": "5"})))).await;
    table.until_refused("pod/alone").await;
    table.until_refused("rs/web").await;
    let all = cluster.kctl("why").await.ok();
    assert_eq!(all.matches("waits for a node. The only node will not do.").count(), 2, "{all}");
    assert!(all.contains("2 more pods of its controller wait for a node."), "{all}");
    let set = cluster.kctl("why rs/web").await.ok();
    assert!(set.starts_with("replicaset.apps/web wants 3 pods and has 3.\nPod default/web-"), "{set}");
    let list: Value = serde_json::from_str(&cluster.kctl("why -o json").await.ok()).expect("JSON");
    assert_eq!((&list["kind"], list["items"].as_array().map(Vec::len)), (&json!("List"), Some(2)));
    let yaml = cluster.kctl("why alone --nodes -o yaml").await.ok();
    assert!(yaml.contains("kind: Explanation") && yaml.contains("refused:\n- node: n1"), "{yaml}");
    let page = cluster.kctl("describe pod alone").await.ok();
    let short = "Waits Because:\n  The only node will not do.\n  n1: cpu: wants 5, 4 of 4 free\n  Smallest change: Let the pod request 1 less cpu: 4: it then fits on n1.\n";
    assert!(page.contains(short), "{page}");
    assert!(cluster.kctl("why nobody").await.fails().contains("pods \"nobody\" not found"));
    controllers.cancel();
    cluster.stop().await;
}
