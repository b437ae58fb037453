//! Whether a container that runs must be given other resources, and whether it must be restarted for it.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container as WantedContainer, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};

/// What may change while a container runs.
const RESIZABLE: [&str; 2] = ["cpu", "memory"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    No,
    InPlace,
    Restart,
}

/// `has`: the resources that the instance was given.
pub fn resize(wanted: &WantedContainer, has: Option<&ResourceRequirements>) -> Resize {
    let Some(has) = has else { return Resize::No };
    let none = ResourceRequirements::default();
    let wants = wanted.resources.as_ref().unwrap_or(&none);
    let changed: Vec<_> = RESIZABLE.into_iter().filter(|name| differs(wants, has, name)).collect();
    let restarts = |name: &str| {
        let mut policies = wanted.resize_policy.iter().flatten();
        policies.any(|policy| policy.resource_name == name && policy.restart_policy == "RestartContainer")
    };
    match changed.as_slice() {
        [] => Resize::No,
        changed if changed.iter().any(|name| restarts(name)) => Resize::Restart,
        _ => Resize::InPlace,
    }
}

fn differs(one: &ResourceRequirements, other: &ResourceRequirements, name: &str) -> bool {
    let amount = |map: &Option<BTreeMap<String, Quantity>>| map.as_ref().and_then(|map| map.get(name)).cloned();
    amount(&one.limits) != amount(&other.limits) || amount(&one.requests) != amount(&other.requests)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_policy_of_what_changed_decides() {
        let has: ResourceRequirements =
            serde_json::from_value(json!({"limits": {"cpu": "1", "memory": "1Gi"}})).expect("resources");
        let policy = json!([{"resourceName": "memory", "restartPolicy": "RestartContainer"}]);
        for (limits, expected) in [
            (json!({"cpu": "1", "memory": "1Gi"}), Resize::No),
            (json!({"cpu": "1", "memory": "1Gi", "example.com/gpu": "1"}), Resize::No),
            (json!({"cpu": "2", "memory": "1Gi"}), Resize::InPlace),
            (json!({"cpu": "1", "memory": "2Gi"}), Resize::Restart),
            (json!({"cpu": "2", "memory": "2Gi"}), Resize::Restart),
        ] {
            let wanted: WantedContainer =
                serde_json::from_value(json!({"name": "c", "resources": {"limits": limits}, "resizePolicy": policy}))
                    .expect("a container");
            assert_eq!(resize(&wanted, Some(&has)), expected, "{limits}");
            assert_eq!(resize(&wanted, None), Resize::No);
        }
    }
}
