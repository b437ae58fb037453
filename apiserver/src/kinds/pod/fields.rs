//! The fields of a pod that selectors may name.

use serde_json::Value;

use crate::kinds::json;

pub const SELECTABLE: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];

pub fn of(o: &Value) -> Vec<(&'static str, String)> {
    let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
    SELECTABLE
        .iter()
        .map(|field| {
            let value = match *field {
                "spec.hostNetwork" => json::flag(spec, "hostNetwork").to_string(),
                "status.podIPs" => {
                    let ips = json::list(status, "podIPs").iter();
                    let ips: Vec<&str> = ips.map(|entry| json::text(entry, "ip")).collect();
                    ips.join(",")
                }
                "status.podIP" => pod_ip(status).to_owned(),
                _ => match field.split_once('.') {
                    Some(("spec", key)) => json::text(spec, key).to_owned(),
                    Some((_, key)) => json::text(status, key).to_owned(),
                    None => String::new(),
                },
            };
            (*field, value)
        })
        .collect()
}

/// A pod's first address.
pub fn pod_ip(status: &Value) -> &str {
    match json::text(status, "podIP") {
        "" => json::list(status, "podIPs").first().map_or("", |entry| json::text(entry, "ip")),
        ip => ip,
    }
}
