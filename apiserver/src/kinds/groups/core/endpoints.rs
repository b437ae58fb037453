//! Endpoints: addresses behind a service. EndpointSlices are what newer clients read.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::checks::{choice, grammar, required_text};
use crate::kinds::{Column, Hooks, json, metadata};

pub struct Endpoints;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::text("Endpoints"), Column::AGE];

/// How many addresses are shown before the rest is only counted.
const SHOWN: usize = 3;

impl Hooks for Endpoints {
    fn default(&self, o: &mut Value) {
        for subset in json::list_mut(o, "subsets") {
            for port in json::list_mut(subset, "ports") {
                json::fill_text(port, "protocol", "TCP");
            }
        }
    }

    fn deprecation(&self) -> Option<String> {
        Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".to_owned())
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (mut errors, path) = (vec![], Path::new("subsets"));
        for (i, subset) in json::list(o, "subsets").iter().enumerate() {
            self::subset(subset, &path.index(i), &mut errors);
        }
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        vec![metadata::name(o).into(), words(o).into(), metadata::age(o, now).into()]
    }
}

fn subset(subset: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let lists = ["addresses", "notReadyAddresses"];
    if lists.iter().all(|list| json::list(subset, list).is_empty()) {
        errors.push(FieldError::required(path, "must specify `addresses` or `notReadyAddresses`"));
    }
    for list in lists {
        for (i, address) in json::list(subset, list).iter().enumerate() {
            self::address(address, &path.child(list).index(i), errors);
        }
    }
    let (ports, path) = (json::list(subset, "ports"), path.child("ports"));
    for (i, port) in ports.iter().enumerate() {
        let (path, name) = (path.index(i), json::text(port, "name"));
        if !name.is_empty() {
            grammar(name, names::dns1123_label(name), &path.child("name"), errors);
        } else if ports.len() > 1 {
            errors.push(FieldError::required(&path.child("name"), ""));
        }
        let number = json::int(port, "port").unwrap_or(0);
        for message in names::port_number(number) {
            errors.push(FieldError::invalid(&path.child("port"), number, message));
        }
        choice(port, "protocol", &["SCTP", "TCP", "UDP"], &path, errors);
    }
}

fn address(address: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let ip = json::text(address, "ip");
    if required_text(address, "ip", path, errors) {
        grammar(ip, names::ip_address(ip), &path.child("ip"), errors);
        if let Ok(parsed) = ip.parse() {
            grammar(ip, special(parsed), &path.child("ip"), errors);
        }
    }
    for (field, rule) in
        [("hostname", names::dns1123_label as fn(&str) -> Vec<String>), ("nodeName", names::dns1123_subdomain)]
    {
        let value = json::text(address, field);
        if !value.is_empty() {
            grammar(value, rule(value), &path.child(field), errors);
        }
    }
}

/// What no other machine can reach under that address.
fn special(ip: IpAddr) -> Vec<String> {
    let (link_local, multicast) = match ip {
        IpAddr::V4(ip) => (ip.is_link_local(), ip.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(ip) => (ip.segments()[0] & 0xffc0 == 0xfe80, ip.segments()[0] & 0xff0f == 0xff02),
    };
    let rules = [
        (ip.is_unspecified(), "may not be unspecified (0.0.0.0 or ::)"),
        (ip.is_loopback(), "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        (link_local, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        (multicast, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
    ];
    rules.into_iter().filter(|(broken, _)| *broken).map(|(_, rule)| rule.to_owned()).collect()
}

/// `10.0.0.1:80,10.0.0.2:80 + 1 more...`.
fn words(o: &Value) -> String {
    let mut all = vec![];
    for subset in json::list(o, "subsets") {
        let ports = json::list(subset, "ports");
        let ips = || json::list(subset, "addresses").iter().map(|address| json::text(address, "ip"));
        if ports.is_empty() {
            all.extend(ips().map(str::to_owned));
        }
        for port in ports {
            let number = json::int(port, "port").unwrap_or(0);
            all.extend(
                ips().map(|ip| if ip.contains(':') { format!("[{ip}]:{number}") } else { format!("{ip}:{number}") }),
            );
        }
    }
    match all.len() {
        0 => "<none>".to_owned(),
        n if n > SHOWN => format!("{} + {} more...", all[..SHOWN].join(","), n - SHOWN),
        _ => all.join(","),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::groups::faults_of;

    #[test]
    fn each_fault_names_its_field() {
        let at = "subsets[0].addresses[0].ip";
        for (subset, expected) in [
            (json!({"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80, "protocol": "TCP"}]}), vec![]),
            (json!({}), vec!["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`".to_owned()]),
            (json!({"addresses": [{}]}), vec![format!("{at}: Required value")]),
            (
                json!({"addresses": [{"ip": "127.0.0.1"}]}),
                vec![format!("{at}: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)")],
            ),
            (
                json!({"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 1, "protocol": "TCP"}, {"port": 2, "name": "b", "protocol": "X"}]}),
                vec![
                    "subsets[0].ports[0].name: Required value".to_owned(),
                    "subsets[0].ports[1].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"".to_owned(),
                ],
            ),
        ] {
            assert_eq!(faults_of(&Endpoints, &json!({"subsets": [subset]})), expected);
        }
    }

    #[test]
    fn a_few_addresses_are_shown() {
        let ips: Vec<Value> = (1..=5).map(|n| json!({"ip": format!("10.0.0.{n}")})).collect();
        let o = json!({"metadata": {"name": "s"}, "subsets": [{"addresses": ips, "ports": [{"port": 80}]}]});
        let cells = Endpoints.cells(&o, Timestamp::UNIX_EPOCH);
        assert_eq!(cells[1], "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...");
        assert_eq!(Endpoints.cells(&json!({}), Timestamp::UNIX_EPOCH)[1], "<none>");
    }
}
