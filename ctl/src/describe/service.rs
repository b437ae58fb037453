//! A Service.

use super::Subject;
use super::page::Page;
use super::parts::{self, list, or_none, scalar, text};
use serde_json::Value;

pub fn describe(page: &mut Page, subject: &Subject) {
    let service = &subject.object;
    let spec = &service["spec"];
    parts::name(page, service);
    parts::namespace(page, service);
    parts::labels(page, service);
    parts::annotations(page, service);
    let selector = spec["selector"].as_object().into_iter().flatten();
    let selector = selector.map(|(key, value)| format!("{key}={}", text(value))).collect::<Vec<_>>().join(",");
    page.field(0, "Selector", or_none(selector));
    page.field(0, "Type", text(&spec["type"]));
    if let Some(policy) = spec["ipFamilyPolicy"].as_str() {
        page.field(0, "IP Family Policy", policy);
    }
    let joined = |value: &Value| or_none(list(value).iter().map(text).collect::<Vec<_>>().join(","));
    if !list(&spec["ipFamilies"]).is_empty() {
        page.field(0, "IP Families", joined(&spec["ipFamilies"]));
    } else {
        page.field(0, "IP Families", "<none>");
    }
    page.field(0, "IP", text(&spec["clusterIP"]));
    page.field(0, "IPs", joined(&spec["clusterIPs"]));
    for (label, field) in [("External IPs", "externalIPs"), ("LoadBalancer Source Ranges", "loadBalancerSourceRanges")]
    {
        if !list(&spec[field]).is_empty() {
            page.field(0, label, joined(&spec[field]));
        }
    }
    if let Some(name) = spec["externalName"].as_str().filter(|name| !name.is_empty()) {
        page.field(0, "External Name", name);
    }
    for port in list(&spec["ports"]) {
        describe_port(page, port, &subject.endpoint_slices);
    }
    page.field(0, "Session Affinity", text(&spec["sessionAffinity"]));
    for (label, field) in
        [("External Traffic Policy", "externalTrafficPolicy"), ("Internal Traffic Policy", "internalTrafficPolicy")]
    {
        if let Some(policy) = spec[field].as_str().filter(|policy| !policy.is_empty()) {
            page.field(0, label, policy);
        }
    }
}

fn describe_port(page: &mut Page, port: &Value, slices: &[Value]) {
    let name = match text(&port["name"]) {
        "" => "<unset>",
        name => name,
    };
    let protocol = text(&port["protocol"]);
    page.field(0, "Port", format!("{name}\t{}/{protocol}", scalar(&port["port"])));
    page.field(0, "TargetPort", format!("{}/{protocol}", scalar(&port["targetPort"])));
    if port["nodePort"].as_i64().unwrap_or(0) != 0 {
        page.field(0, "NodePort", format!("{name}\t{}/{protocol}", scalar(&port["nodePort"])));
    }
    page.field(0, "Endpoints", endpoints(port, slices));
}

/// At most three ready addresses, and how many more there are.
fn endpoints(port: &Value, slices: &[Value]) -> String {
    let mut addresses = Vec::new();
    for slice in slices {
        let number = list(&slice["ports"]).iter().find(|candidate| text(&candidate["name"]) == text(&port["name"]));
        let Some(number) = number else { continue };
        for endpoint in list(&slice["endpoints"]).iter().filter(|endpoint| endpoint["conditions"]["ready"] != false) {
            let of_endpoint = list(&endpoint["addresses"]).iter();
            addresses.extend(of_endpoint.map(|address| format!("{}:{}", text(address), scalar(&number["port"]))));
        }
    }
    let more = addresses.len().saturating_sub(3);
    let shown = addresses[..addresses.len() - more].join(",");
    if more > 0 { format!("{shown} + {more} more...") } else { or_none(shown) }
}
