//! Requests and limits in the kernel's terms, and the quality of service that follows from them.

use k8s_openapi::{
    api::core::v1::{Container, Pod, ResourceFieldSelector},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{ConfigError, spec};
use crate::runtime::{HostFacts, Resources};

/// The kernel's smallest share.
const MIN_SHARES: i64 = 2;
/// Microseconds of each 100 ms; the kernel's smallest quota.
const MIN_QUOTA: i64 = 1_000;

/// Shares, quota, memory limit and the out-of-memory score, as the kubelet derives them.
pub fn resources(pod: &Pod, container: &Container, node: &HostFacts) -> Result<Resources, ConfigError> {
    let limit_cpu = amount(container, Of::Limits, "cpu")?.map(|amount| amount.milli);
    let request_cpu = amount(container, Of::Requests, "cpu")?.map(|amount| amount.milli).or(limit_cpu).unwrap_or(0);
    let memory = amount(container, Of::Limits, "memory")?.map(|amount| amount.whole);
    let request_memory = amount(container, Of::Requests, "memory")?.map(|amount| amount.whole).or(memory).unwrap_or(0);
    Ok(Resources {
        cpu_shares: (request_cpu * 1024 / 1000).max(MIN_SHARES),
        cpu_quota: limit_cpu.filter(|milli| *milli > 0).map(|milli| (milli * 100).max(MIN_QUOTA)),
        memory_bytes: memory.filter(|bytes| *bytes > 0),
        oom_score_adj: oom_score(pod, request_memory, node.memory_bytes),
    })
}

/// What a container asks for: cpu in thousandths, all else in whole units.
pub fn container_request(container: &Container, name: &str) -> Option<i64> {
    let amount = amount(container, Of::Requests, name).ok()??;
    Some(if name == "cpu" { amount.milli } else { amount.whole })
}

/// Guaranteed pods die last, those without any request first, the others by how little they asked for.
fn oom_score(pod: &Pod, request_memory: i64, node_memory: u64) -> i64 {
    match pod.status.as_ref().and_then(|status| status.qos_class.as_deref()) {
        Some("Guaranteed") => -997,
        Some("Burstable") if node_memory > 0 => {
            let share = 1000 - (i128::from(request_memory) * 1000 / i128::from(node_memory)) as i64;
            share.clamp(3, 999)
        }
        Some("Burstable") => 999,
        _ => 1000,
    }
}

/// The value of a `resourceFieldRef`: rounded up to its divisor; without a limit, what the node has.
pub fn field(
    pod: &Pod,
    container: Option<&Container>,
    field: &ResourceFieldSelector,
    node: &HostFacts,
) -> Result<String, ConfigError> {
    let container = match &field.container_name {
        Some(name) => {
            let init = spec(pod).init_containers.iter().flatten();
            spec(pod).containers.iter().chain(init).find(|container| container.name == *name)
        }
        None => container,
    };
    let container = container.ok_or_else(|| {
        ConfigError(format!("container {} not found", field.container_name.as_deref().unwrap_or_default()))
    })?;
    let unsupported = || ConfigError(format!("unsupported container resource : {}", field.resource));
    let (of, name) = match field.resource.split_once('.') {
        Some(("limits", name)) => (Of::Limits, name),
        Some(("requests", name)) => (Of::Requests, name),
        _ => return Err(unsupported()),
    };
    let found = amount(container, of, name)?.filter(|found| found.milli > 0 || matches!(of, Of::Requests));
    let found = match (found, of, name) {
        (Some(found), ..) => found,
        (None, Of::Limits, "cpu") => Amount::whole(i64::from(node.cpus)),
        (None, Of::Limits, "memory") => Amount::whole(node.memory_bytes as i64),
        (None, Of::Limits, "ephemeral-storage") => Amount::whole(node.disk_bytes as i64),
        (None, Of::Requests, "cpu" | "memory" | "ephemeral-storage") => Amount::whole(0),
        _ => return Err(unsupported()),
    };
    let divisor = field.divisor.as_ref().filter(|divisor| !matches!(divisor.0.as_str(), "" | "0"));
    let divisor = divisor.map(|divisor| parse(divisor, "divisor")).transpose()?.unwrap_or(Amount::whole(1));
    let (value, by) = if name == "cpu" { (found.milli, divisor.milli) } else { (found.whole, divisor.whole) };
    if by <= 0 {
        return Err(ConfigError(format!("divisor of {} must be positive", field.resource)));
    }
    Ok(value.div_euclid(by).saturating_add(i64::from(value.rem_euclid(by) > 0)).to_string())
}

#[derive(Clone, Copy)]
enum Of {
    Requests,
    Limits,
}

/// One quantity, both ways in which it may be read, rounded up.
#[derive(Clone, Copy)]
struct Amount {
    whole: i64,
    milli: i64,
}

impl Amount {
    fn whole(value: i64) -> Self {
        Amount { whole: value, milli: value.saturating_mul(1000) }
    }
}

fn amount(container: &Container, of: Of, name: &str) -> Result<Option<Amount>, ConfigError> {
    let Some(resources) = &container.resources else { return Ok(None) };
    let (map, field) = match of {
        Of::Requests => (&resources.requests, "requests"),
        Of::Limits => (&resources.limits, "limits"),
    };
    let quantity = map.as_ref().and_then(|map| map.get(name));
    quantity.map(|quantity| parse(quantity, &format!("resources.{field}.{name}"))).transpose()
}

fn parse(quantity: &Quantity, field: &str) -> Result<Amount, ConfigError> {
    let parsed: timonier_api::quantity::Quantity =
        quantity.0.parse().map_err(|error| ConfigError(format!("{field}: {error}")))?;
    Ok(Amount { whole: parsed.value(), milli: parsed.milli() })
}

/// What a container asks for of a resource, in whole units; nothing if it makes no sense.
pub fn request(container: &Container, name: &str) -> i64 {
    amount(container, Of::Requests, name).ok().flatten().map_or(0, |amount| amount.whole)
}

/// The same of CPU, in thousandths.
pub fn request_milli(container: &Container, name: &str) -> i64 {
    amount(container, Of::Requests, name).ok().flatten().map_or(0, |amount| amount.milli)
}

/// What all containers of a pod ask for, in whole units.
pub fn requested(pod: &Pod, name: &str) -> i64 {
    spec(pod).containers.iter().map(|container| request(container, name)).fold(0, i64::saturating_add)
}

/// Bytes of a quantity such as `64Mi`.
pub fn bytes(quantity: &Quantity, field: &str) -> Result<i64, ConfigError> {
    parse(quantity, field).map(|amount| amount.whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(resources: serde_json::Value) -> Container {
        serde_json::from_value(json!({"name":"c","resources":resources})).expect("a container")
    }

    fn node() -> HostFacts {
        HostFacts { cpus: 4, memory_bytes: 1000 << 20, ..HostFacts::default() }
    }

    #[test]
    fn limits_become_quota_and_requests_become_shares() {
        let of = |resources| resources_of(&container(resources));
        let both = of(json!({"requests":{"cpu":"250m","memory":"64Mi"},"limits":{"cpu":"1500m","memory":"128Mi"}}));
        assert_eq!((both.cpu_shares, both.cpu_quota, both.memory_bytes), (256, Some(150_000), Some(128 << 20)));
        let none = of(json!({}));
        assert_eq!((none.cpu_shares, none.cpu_quota, none.memory_bytes), (2, None, None));
        let tiny = of(json!({"limits":{"cpu":"1m"}}));
        assert_eq!((tiny.cpu_shares, tiny.cpu_quota), (2, Some(1000)));
    }

    fn resources_of(container: &Container) -> Resources {
        resources(&Pod::default(), container, &node()).expect("resources")
    }

    #[test]
    fn those_who_asked_for_more_memory_are_killed_later() {
        let pod = |class: &str| -> Pod { serde_json::from_value(json!({"status":{"qosClass":class}})).expect("a pod") };
        assert_eq!(oom_score(&pod("Guaranteed"), 0, 1000), -997);
        assert_eq!(oom_score(&pod("BestEffort"), 0, 1000), 1000);
        assert_eq!(oom_score(&pod("Burstable"), 400, 1000), 600);
        assert_eq!(oom_score(&pod("Burstable"), 1000, 1000), 3);
        assert_eq!(oom_score(&pod("Burstable"), 0, 1000), 999);
    }

    #[test]
    fn resource_fields_round_up_to_their_divisor() {
        let limited = container(json!({"limits":{"cpu":"1500m","memory":"100Mi"}}));
        let ask = |resource: &str, divisor: &str| {
            let selector: ResourceFieldSelector =
                serde_json::from_value(json!({"resource":resource,"divisor":divisor})).expect("a selector");
            field(&Pod::default(), Some(&limited), &selector, &node()).map_err(|error| error.to_string())
        };
        assert_eq!(ask("limits.cpu", "0"), Ok("2".into()));
        assert_eq!(ask("limits.cpu", "1m"), Ok("1500".into()));
        assert_eq!(ask("limits.memory", "1Mi"), Ok("100".into()));
        assert_eq!(ask("requests.memory", "1"), Ok("0".into()));
        assert_eq!(ask("limits.ephemeral-storage", "1"), Ok("0".into()));
        assert_eq!(ask("limits.gpu", "1"), Err("unsupported container resource : limits.gpu".into()));
    }
}
