//! A pod's quality of service: who is killed first when memory runs out.

use std::collections::BTreeMap;

use serde_json::Value;
use timonier_api::quantity::Quantity;

use crate::kinds::json;

/// `Guaranteed` when every container limits cpu and memory and requests just that; `BestEffort` when none says anything
/// about either; else `Burstable`.
pub fn class(spec: &Value) -> &'static str {
    let mut requests: BTreeMap<&str, Quantity> = BTreeMap::new();
    let mut limits: BTreeMap<&str, Quantity> = BTreeMap::new();
    let mut guaranteed = true;
    let containers = ["containers", "initContainers"].into_iter().flat_map(|key| json::list(spec, key));
    for container in containers {
        let resources = json::get(container, "resources");
        add(&mut requests, resources, "requests");
        guaranteed &= add(&mut limits, resources, "limits") == 2;
    }
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if guaranteed && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds a container's cpu and memory; answers how many of the two it names.
fn add(sum: &mut BTreeMap<&str, Quantity>, resources: &Value, of: &str) -> usize {
    let mut named = 0;
    for resource in ["cpu", "memory"] {
        let amount = json::text(json::get(resources, of), resource).parse::<Quantity>();
        if let Ok(amount) = amount
            && !amount.is_zero()
        {
            named += 1;
            let total = sum.entry(resource).or_default();
            *total = *total + amount;
        }
    }
    named
}
