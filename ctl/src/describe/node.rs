//! A Node and what runs on it.

use super::Subject;
use super::page::Page;
use super::parts::{self, list, or_none, scalar, text, time};
use crate::print::age;
use jiff::Timestamp;
use serde_json::Value;
use timonier_api::quantity::Quantity;

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
/// The resources that are added up; the first two have columns of their own.
const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
const COLUMNS: usize = 2;

pub fn describe(page: &mut Page, subject: &Subject, now: Timestamp) {
    let node = &subject.object;
    let (spec, status) = (&node["spec"], &node["status"]);
    parts::name(page, node);
    page.field(0, "Roles", roles(node));
    if is_hollow(node) {
        page.field(0, "Hollow", "simulated: pods are reported as running here, no container runs");
    }
    parts::labels(page, node);
    parts::annotations(page, node);
    parts::created(page, node);
    parts::multiline(page, 0, "Taints", list(&spec["taints"]).iter().map(taint));
    page.field(0, "Unschedulable", (spec["unschedulable"] == true).to_string());
    lease(page, &subject.lease);
    conditions(page, &status["conditions"]);
    page.line(0, "Addresses:");
    for address in list(&status["addresses"]) {
        page.field(1, text(&address["type"]), text(&address["address"]));
    }
    quantities(page, "Capacity", &status["capacity"]);
    quantities(page, "Allocatable", &status["allocatable"]);
    system(page, &status["nodeInfo"]);
    if let Some(cidr) = spec["podCIDR"].as_str().filter(|cidr| !cidr.is_empty()) {
        page.field(0, "PodCIDR", cidr);
    }
    if !list(&spec["podCIDRs"]).is_empty() {
        page.field(0, "PodCIDRs", list(&spec["podCIDRs"]).iter().map(text).collect::<Vec<_>>().join(","));
    }
    if let Some(id) = spec["providerID"].as_str().filter(|id| !id.is_empty()) {
        page.field(0, "ProviderID", id);
    }
    pods(page, subject, now);
}

/// Whether the node only pretends to run containers.
fn is_hollow(node: &Value) -> bool {
    text(&node["status"]["nodeInfo"]["containerRuntimeVersion"]).starts_with("hollow://")
        || node["metadata"]["labels"].get(format!("{ROLE_PREFIX}hollow")).is_some()
}

fn roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix(ROLE_PREFIX) {
            Some(role) if !role.is_empty() => Some(role),
            None if key == "kubernetes.io/role" => Some(text(value)),
            _ => None,
        })
        .collect();
    roles.sort_unstable();
    roles.dedup();
    or_none(roles.join(","))
}

/// `key=value:Effect`
fn taint(taint: &Value) -> String {
    match text(&taint["value"]) {
        "" => format!("{}:{}", text(&taint["key"]), text(&taint["effect"])),
        value => format!("{}={value}:{}", text(&taint["key"]), text(&taint["effect"])),
    }
}

fn lease(page: &mut Page, lease: &Value) {
    page.line(0, "Lease:");
    let spec = &lease["spec"];
    page.field(1, "HolderIdentity", spec["holderIdentity"].as_str().unwrap_or("<unset>"));
    page.field(1, "AcquireTime", time(&spec["acquireTime"]));
    page.field(1, "RenewTime", time(&spec["renewTime"]));
}

fn conditions(page: &mut Page, conditions: &Value) {
    if list(conditions).is_empty() {
        return;
    }
    page.line(0, "Conditions:");
    page.header(1, &["Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message"]);
    for condition in list(conditions) {
        page.line(
            1,
            format!(
                "{} \t{} \t{} \t{} \t{} \t{}",
                text(&condition["type"]),
                text(&condition["status"]),
                time(&condition["lastHeartbeatTime"]),
                time(&condition["lastTransitionTime"]),
                text(&condition["reason"]),
                text(&condition["message"])
            ),
        );
    }
}

fn quantities(page: &mut Page, label: &str, quantities: &Value) {
    let Some(map) = quantities.as_object().filter(|map| !map.is_empty()) else { return };
    page.line(0, format!("{label}:"));
    for (name, quantity) in map {
        page.field(1, name, scalar(quantity));
    }
}

fn system(page: &mut Page, info: &Value) {
    page.line(0, "System Info:");
    for (label, field) in [
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
        ("Kube-Proxy Version", "kubeProxyVersion"),
    ] {
        page.field(1, label, text(&info[field]));
    }
}

/// What pods ask for, and what they may take at most.
#[derive(Clone, Copy, Default)]
struct Share {
    requests: Quantity,
    limits: Quantity,
}

/// Containers run together; each init container runs alone before them.
fn share(pod: &Value, resource: &str) -> Share {
    let of = |container: &Value, field: &str| {
        container["resources"][field][resource].as_str().and_then(|text| text.parse().ok()).unwrap_or(Quantity::ZERO)
    };
    let total = |field: &str| {
        let together = list(&pod["spec"]["containers"]).iter();
        let sum = together.fold(Quantity::ZERO, |sum, container| sum + of(container, field));
        let alone = list(&pod["spec"]["initContainers"]).iter().map(|container| of(container, field));
        alone.fold(sum, Quantity::max)
    };
    Share { requests: total("requests"), limits: total("limits") }
}

fn percent(part: Quantity, whole: Quantity) -> i64 {
    match whole.is_zero() {
        true => 0,
        false => (part.as_f64() * 100.0 / whole.as_f64()) as i64,
    }
}

fn pods(page: &mut Page, subject: &Subject, now: Timestamp) {
    let node = &subject.object;
    let allocatable = RESOURCES.map(|resource| {
        let found = node["status"]["allocatable"][resource].as_str().and_then(|text| text.parse().ok());
        found.unwrap_or(Quantity::ZERO)
    });
    let ended = |pod: &&Value| matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed");
    let mut pods: Vec<&Value> = subject.pods.iter().filter(|pod| !ended(pod)).collect();
    pods.sort_by_key(|pod| (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"])));
    page.field(0, "Non-terminated Pods", format!("({} in total)", pods.len()));
    page.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
    page.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
    let mut totals = [Share::default(); RESOURCES.len()];
    for pod in pods {
        let mut cells = Vec::new();
        for (i, resource) in RESOURCES.iter().enumerate() {
            let share = share(pod, resource);
            totals[i].requests = totals[i].requests + share.requests;
            totals[i].limits = totals[i].limits + share.limits;
            for amount in [share.requests, share.limits].into_iter().filter(|_| i < COLUMNS) {
                cells.push(format!("{amount} ({}%)", percent(amount, allocatable[i])));
            }
        }
        let metadata = &pod["metadata"];
        let since = age::since(&metadata["creationTimestamp"], now);
        let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
        page.line(1, format!("{namespace}\t{name}\t\t{}\t{since}", cells.join("\t")));
    }
    page.line(0, "Allocated resources:");
    page.line(1, "(Total limits may be over 100 percent, i.e., overcommitted.)");
    page.header(1, &["Resource", "Requests", "Limits"]);
    for (i, resource) in RESOURCES.iter().enumerate() {
        let shown = |amount| format!("{amount} ({}%)", percent(amount, allocatable[i]));
        page.line(1, format!("{resource}\t{}\t{}", shown(totals[i].requests), shown(totals[i].limits)));
    }
}
