//! `discovery.k8s.io`: the endpoints of services, a hundred or so in each slice.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::grammar::qualified_domain;
use crate::kinds::checks::{choice, grammar};
use crate::kinds::declared::{Declared, immutable};
use crate::kinds::spec::Spec;
use crate::kinds::{Column, json, metadata};

const MOST_ENDPOINTS: usize = 1000;
const MOST_ADDRESSES: usize = 100;
const MOST_PORTS: usize = 20_000;
const MOST_TOPOLOGY_LABELS: usize = 16;
const MOST_ZONES: usize = 8;
/// How many ports, and how many addresses, a cell names.
const SHOWN: usize = 3;

const COLUMNS: &[Column] =
    &[Column::NAME, Column::text("AddressType"), Column::text("Ports"), Column::text("Endpoints"), Column::AGE];

pub fn specs() -> Vec<Spec> {
    let hooks = Declared {
        default: |o| {
            for port in json::list_mut(o, "ports") {
                json::fill(port, "name", "");
                json::fill_text(port, "protocol", "TCP");
            }
        },
        validate,
        validate_update: |new, old, errors| immutable(new, old, &["addressType"], &Path::new(""), errors),
        cells: |o, now| {
            let type_ = json::text(o, "addressType");
            vec![type_.into(), ports_words(o).into(), endpoints_words(o).into(), metadata::age(o, now).into()]
        },
        ..Declared::NOTHING
    };
    vec![Spec {
        group: "discovery.k8s.io",
        package: "discovery",
        generations: true,
        columns: COLUMNS,
        ..Spec::core("EndpointSlice", "endpointslices", hooks)
    }]
}

/// The first few words, and how many more there are.
fn some(words: &[String]) -> String {
    match words.len() {
        0 => "<unset>".to_owned(),
        n if n <= SHOWN => words.join(","),
        n => format!("{} + {} more...", words[..SHOWN].join(","), n - SHOWN),
    }
}

fn ports_words(o: &Value) -> String {
    let ports = json::list(o, "ports").iter();
    let words = ports.map(|port| json::int(port, "port").map_or_else(|| "*".to_owned(), |number| number.to_string()));
    some(&words.collect::<Vec<_>>())
}

fn endpoints_words(o: &Value) -> String {
    let addresses = json::list(o, "endpoints").iter().flat_map(|endpoint| json::list(endpoint, "addresses"));
    some(&addresses.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
}

fn validate(o: &Value, errors: &mut Vec<FieldError>) {
    choice(o, "addressType", &["FQDN", "IPv4", "IPv6"], &Path::new(""), errors);
    let (endpoints, path) = (json::list(o, "endpoints"), Path::new("endpoints"));
    if endpoints.len() > MOST_ENDPOINTS {
        errors.push(FieldError::too_many(&path, endpoints.len(), MOST_ENDPOINTS));
    } else {
        for (i, endpoint) in endpoints.iter().enumerate() {
            self::endpoint(endpoint, json::text(o, "addressType"), &path.index(i), errors);
        }
    }
    ports(o, errors);
}

fn endpoint(endpoint: &Value, type_: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let (addresses, at) = (json::list(endpoint, "addresses"), path.child("addresses"));
    if addresses.is_empty() {
        errors.push(FieldError::required(&at, "must contain at least 1 address"));
    } else if addresses.len() > MOST_ADDRESSES {
        errors.push(FieldError::too_many(&at, addresses.len(), MOST_ADDRESSES));
    }
    for (i, address) in addresses.iter().enumerate() {
        self::address(address.as_str().unwrap_or(""), type_, &at.index(i), errors);
    }
    let topology = json::map(endpoint, "deprecatedTopology").map_or(0, serde_json::Map::len);
    if topology > MOST_TOPOLOGY_LABELS {
        errors.push(FieldError::too_many(&path.child("deprecatedTopology"), topology, MOST_TOPOLOGY_LABELS));
    }
    errors.extend(metadata::validate_labels(endpoint, "deprecatedTopology", path));
    let (hostname, node) = (json::text(endpoint, "hostname"), json::text(endpoint, "nodeName"));
    if !hostname.is_empty() {
        grammar(hostname, names::dns1123_label(hostname), &path.child("hostname"), errors);
    }
    if !node.is_empty() {
        grammar(node, names::dns1123_subdomain(node), &path.child("nodeName"), errors);
    }
    let (zones, path) = (json::list(json::get(endpoint, "hints"), "forZones"), path.child("hints").child("forZones"));
    if zones.len() > MOST_ZONES {
        errors.push(FieldError::too_many(&path, zones.len(), MOST_ZONES));
    }
    let mut seen = BTreeSet::new();
    for (i, zone) in zones.iter().enumerate() {
        let (name, path) = (json::text(zone, "name"), path.index(i).child("name"));
        grammar(name, names::label_value(name), &path, errors);
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(&path, name));
        }
    }
}

fn address(text: &str, type_: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let parsed = text.parse::<IpAddr>().ok();
    match (type_, parsed) {
        ("IPv4", Some(IpAddr::V4(_))) | ("IPv6", Some(IpAddr::V6(_))) => {}
        ("IPv4", _) => errors.push(FieldError::invalid(path, text, "must be a valid IPv4 address")),
        ("IPv6", _) => errors.push(FieldError::invalid(path, text, "must be a valid IPv6 address")),
        ("FQDN", _) => qualified_domain(text.strip_suffix('.').unwrap_or(text), 2, path, errors),
        _ => {}
    }
    if let (true, Some(reason)) = (type_.starts_with("IP"), parsed.and_then(special)) {
        errors.push(FieldError::invalid(path, text, reason));
    }
}

/// Why nobody can be reached at an address from elsewhere.
pub fn special(address: IpAddr) -> Option<&'static str> {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let link_local_multicast = match address {
        IpAddr::V4(v4) => v4.octets()[..3] == [224, 0, 0],
        IpAddr::V6(v6) => v6.segments()[0] & 0xff0f == 0xff02,
    };
    if address.is_unspecified() {
        Some("may not be unspecified (0.0.0.0 or ::)")
    } else if address.is_loopback() {
        Some("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    } else if link_local {
        Some("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    } else if link_local_multicast {
        Some("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    } else {
        None
    }
}

fn ports(o: &Value, errors: &mut Vec<FieldError>) {
    let (ports, path) = (json::list(o, "ports"), Path::new("ports"));
    if ports.len() > MOST_PORTS {
        return errors.push(FieldError::too_many(&path, ports.len(), MOST_PORTS));
    }
    let mut seen = BTreeSet::new();
    for (i, port) in ports.iter().enumerate() {
        let (path, name) = (path.index(i), json::text(port, "name"));
        if !name.is_empty() {
            grammar(name, names::dns1123_label(name), &path.child("name"), errors);
        }
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(&path.child("name"), name));
        }
        choice(port, "protocol", &["SCTP", "TCP", "UDP"], &path, errors);
        let protocol = json::text(port, "appProtocol");
        if !protocol.is_empty() {
            grammar(protocol, names::qualified_name(protocol), &path.child("appProtocol"), errors);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{cells, check, check_updates, good};

    #[test]
    fn endpoints_are_of_one_kind_and_reachable() {
        let slice = good(
            "EndpointSlice",
            json!({"metadata": {"name": "s", "namespace": "n"}, "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}], "ports": [{"port": 80}, {"name": "b"}]}),
        );
        assert_eq!(slice["ports"][0], json!({"name": "", "port": 80, "protocol": "TCP"}));
        let shown: Vec<String> =
            cells("EndpointSlice", &slice).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
        assert_eq!(shown, ["AddressType=\"IPv4\"", "Ports=\"80,*\"", "Endpoints=\"10.0.0.1,10.0.0.2\""]);
        let address = "/endpoints/0/addresses/0";
        check(
            "EndpointSlice",
            &slice,
            &[
                ("/addressType", json!(""), &["addressType: Required value"]),
                (
                    "/endpoints/0/addresses",
                    json!([]),
                    &["endpoints[0].addresses: Required value: must contain at least 1 address"],
                ),
                (
                    address,
                    json!("::1"),
                    &[
                        "endpoints[0].addresses[0]: Invalid value: \"::1\": must be a valid IPv4 address",
                        "endpoints[0].addresses[0]: Invalid value: \"::1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
                    ],
                ),
                (
                    address,
                    json!("169.254.1.1"),
                    &["endpoints[0].addresses[0]: Invalid value: \"169.254.1.1\": \
                may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
                ),
                (
                    "/endpoints/0/hostname",
                    json!("a.b"),
                    &["endpoints[0].hostname: Invalid value: \"a.b\": must not contain dots"],
                ),
                ("/ports/1/name", json!(""), &["ports[1].name: Duplicate value: \"\""]),
                (
                    "/ports/1/protocol",
                    json!("ICMP"),
                    &["ports[1].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\""],
                ),
                (
                    "/endpoints/0/hints",
                    json!({"forZones": [{"name": "z"}, {"name": "z"}]}),
                    &["endpoints[0].hints.forZones[1].name: Duplicate value: \"z\""],
                ),
            ],
        );
        check_updates(
            "EndpointSlice",
            &slice,
            &[("/addressType", json!("IPv6"), &["addressType: Invalid value: \"IPv6\": field is immutable"])],
        );
        let names = good(
            "EndpointSlice",
            json!({"metadata": {"name": "s", "namespace": "n"}, "addressType": "FQDN",
            "endpoints": [{"addresses": ["a.example.com."]}]}),
        );
        check(
            "EndpointSlice",
            &names,
            &[(
                address,
                json!("a"),
                &["endpoints[0].addresses[0]: Invalid value: \"a\": \
            should be a domain with at least two segments separated by dots"],
            )],
        );
    }
}
