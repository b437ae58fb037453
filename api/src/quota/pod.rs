//! What a pod takes: the sum of its containers, or what its greediest init container needs while it starts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Amounts, add, amounts};
use crate::quantity::Quantity;

/// What a quota can insist on that every container says.
const INSISTED: [&str; 6] = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

pub fn usage(pod: &Value) -> Amounts {
    // What has run to its end takes no more than its place in the store.
    if matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return Amounts::new();
    }
    let spec = &pod["spec"];
    let mut usage = named(&totals(spec, "requests"), &totals(spec, "limits"));
    usage.insert("pods".to_owned(), Quantity::from_value(1));
    usage
}

/// Requests and limits under the names that quotas use.
fn named(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut usage = Amounts::new();
    for (name, amount) in requests {
        if is_compute(name) || name.starts_with("hugepages-") {
            usage.insert(name.clone(), *amount);
        }
        usage.insert(format!("requests.{name}"), *amount);
    }
    for (name, amount) in limits.iter().filter(|(name, _)| is_compute(name)) {
        usage.insert(format!("limits.{name}"), *amount);
    }
    usage
}

fn is_compute(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage")
}

fn list<'a>(spec: &'a Value, key: &str) -> &'a [Value] {
    spec[key].as_array().map_or(&[], Vec::as_slice)
}

/// The `requests` or `limits` of a whole pod.
pub fn totals(spec: &Value, of: &str) -> Amounts {
    let mut sum = Amounts::new();
    for container in list(spec, "containers") {
        add(&mut sum, &amounts(&container["resources"][of]));
    }
    let (mut sidecars, mut starting) = (Amounts::new(), Amounts::new());
    for container in list(spec, "initContainers") {
        let own = amounts(&container["resources"][of]);
        // A sidecar runs on; the others run one after the other, beside the sidecars that are up.
        if container["restartPolicy"] == "Always" {
            add(&mut sum, &own);
            add(&mut sidecars, &own);
            raise(&mut starting, &sidecars);
        } else {
            let mut together = sidecars.clone();
            add(&mut together, &own);
            raise(&mut starting, &together);
        }
    }
    raise(&mut sum, &starting);
    for (name, amount) in amounts(&spec["resources"][of]) {
        sum.insert(name, amount);
    }
    for (name, amount) in amounts(&spec["overhead"]) {
        if of == "requests" || sum.contains_key(&name) {
            add(&mut sum, &Amounts::from([(name, amount)]));
        }
    }
    sum
}

fn raise(sum: &mut Amounts, to: &Amounts) {
    for (name, amount) in to {
        let there = sum.entry(name.clone()).or_insert(*amount);
        *there = (*there).max(*amount);
    }
}

/// What a quota over `names` insists on and containers of the pod do not say: `cpu for: a,b; memory for: a`.
pub fn missing<'a>(spec: &Value, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let insisted: BTreeSet<&str> = names.filter(|name| INSISTED.contains(name)).collect();
    if insisted.is_empty() || spec["resources"].is_object() {
        return None;
    }
    let containers = || list(spec, "containers").iter().chain(list(spec, "initContainers"));
    let mut faults = vec![];
    for name in insisted {
        let says = |container: &&Value| {
            let resources = &container["resources"];
            named(&amounts(&resources["requests"]), &amounts(&resources["limits"])).contains_key(name)
        };
        let silent: BTreeSet<&str> = containers()
            .filter(|container| !says(container))
            .filter_map(|container| container["name"].as_str())
            .collect();
        if !silent.is_empty() {
            faults.push(format!("{name} for: {}", silent.into_iter().collect::<Vec<_>>().join(",")));
        }
    }
    if faults.is_empty() { None } else { Some(faults.join("; ")) }
}
