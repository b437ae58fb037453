//! NetworkPolicy: which traffic some pods take and send.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::super::grammar::{cidr, contains, parse_cidr};
use crate::kinds::checks::{grammar, optional_choice, required_text};
use crate::kinds::declared::Declared;
use crate::kinds::selectors::label_selector;
use crate::kinds::spec::Spec;
use crate::kinds::{Column, json, metadata, workload};

const COLUMNS: &[Column] = &[Column::NAME, Column::text("Pod-Selector"), Column::AGE];

pub fn spec() -> Spec {
    let hooks = Declared {
        default,
        validate,
        cells: |o, now| {
            let selector = json::at(o, &["spec", "podSelector"]);
            vec![workload::selector_words(selector).into(), metadata::age(o, now).into()]
        },
        ..Declared::NOTHING
    };
    Spec {
        short_names: &["netpol"],
        generations: true,
        columns: COLUMNS,
        ..Spec::core("NetworkPolicy", "networkpolicies", hooks)
    }
}

/// The directions, with the peers' field in each rule.
const DIRECTIONS: [(&str, &str); 2] = [("ingress", "from"), ("egress", "to")];

fn default(o: &mut Value) {
    let Some(spec) = json::object_mut(o, "spec") else { return };
    json::object_mut(spec, "podSelector");
    for (direction, _) in DIRECTIONS {
        for rule in json::list_mut(spec, direction) {
            for port in json::list_mut(rule, "ports") {
                json::fill_text(port, "protocol", "TCP");
            }
        }
    }
    if json::list(spec, "policyTypes").is_empty() {
        let egress = !json::list(spec, "egress").is_empty();
        let types: &[&str] = if egress { &["Ingress", "Egress"] } else { &["Ingress"] };
        json::set(spec, "policyTypes", types.to_vec());
    }
}

fn validate(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    label_selector(json::get(spec, "podSelector"), &path.child("podSelector"), errors);
    for (direction, peers) in DIRECTIONS {
        for (i, rule) in json::list(spec, direction).iter().enumerate() {
            let path = path.child(direction).index(i);
            for (i, port) in json::list(rule, "ports").iter().enumerate() {
                self::port(port, &path.child("ports").index(i), errors);
            }
            for (i, peer) in json::list(rule, peers).iter().enumerate() {
                self::peer(peer, &path.child(peers).index(i), errors);
            }
        }
    }
    let (types, path) = (json::list(spec, "policyTypes"), path.child("policyTypes"));
    if types.len() > 2 {
        errors.push(FieldError::invalid(&path, types.to_vec(), "may not specify more than two policyTypes"));
        return;
    }
    for (i, type_) in types.iter().enumerate() {
        let type_ = type_.as_str().unwrap_or("");
        if !matches!(type_, "Ingress" | "Egress") {
            errors.push(FieldError::not_supported(&path.index(i), type_, &["Egress", "Ingress"]));
        }
    }
}

fn port(port: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    optional_choice(port, "protocol", &["SCTP", "TCP", "UDP"], path, errors);
    let (end, end_path) = (json::int(port, "endPort"), path.child("endPort"));
    let path = path.child("port");
    match (json::get(port, "port"), end) {
        (Value::String(name), end) => {
            if let Some(end) = end {
                let detail = "may not be specified when `port` is non-numeric";
                errors.push(FieldError::invalid(&end_path, end, detail));
            }
            grammar(name, names::port_name(name), &path, errors);
        }
        (Value::Null, Some(end)) => {
            let detail = "may not be specified when `port` is not specified";
            errors.push(FieldError::invalid(&end_path, end, detail));
        }
        (Value::Null, None) => {}
        (number, end) => {
            let number = number.as_i64().unwrap_or(0);
            let found = names::port_number(number).into_iter();
            errors.extend(found.map(|message| FieldError::invalid(&path, number, message)));
            if let Some(end) = end {
                if end < number {
                    errors.push(FieldError::invalid(&end_path, end, "must be greater than or equal to `port`"));
                }
                let found = names::port_number(end).into_iter();
                errors.extend(found.map(|message| FieldError::invalid(&end_path, end, message)));
            }
        }
    }
}

fn peer(peer: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let mut selects = false;
    for field in ["podSelector", "namespaceSelector"] {
        if json::has(peer, field) {
            selects = true;
            label_selector(json::get(peer, field), &path.child(field), errors);
        }
    }
    let block = json::has(peer, "ipBlock");
    if block {
        self::block(json::get(peer, "ipBlock"), &path.child("ipBlock"), errors);
    }
    if !selects && !block {
        errors.push(FieldError::required(path, "must specify a peer"));
    } else if selects && block {
        errors.push(FieldError::forbidden(path, "may not specify both ipBlock and another peer"));
    }
}

fn block(block: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if !required_text(block, "cidr", path, errors) {
        return;
    }
    let text = json::text(block, "cidr");
    grammar(text, cidr(text), &path.child("cidr"), errors);
    let Some(network) = parse_cidr(text) else { return };
    for (i, except) in json::list(block, "except").iter().enumerate() {
        let (text, path) = (except.as_str().unwrap_or(""), path.child("except").index(i));
        grammar(text, cidr(text), &path, errors);
        if let Some(except) = parse_cidr(text)
            && !(contains(network, except.0) && network.1 < except.1)
        {
            errors.push(FieldError::invalid(&path, text, "must be a strict subset of `cidr`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::{cells, check, good};

    #[test]
    fn a_policy_names_peers_and_ports() {
        let policy = good(
            "NetworkPolicy",
            json!({"metadata": {"name": "p", "namespace": "n"}, "spec": {
                "podSelector": {"matchLabels": {"app": "web"}},
                "ingress": [{"ports": [{"port": 80, "endPort": 90}], "from": [{"podSelector": {}}]}],
                "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}]}}),
        );
        assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
        assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["protocol"], "TCP");
        assert_eq!(cells("NetworkPolicy", &policy), [("Pod-Selector".to_owned(), json!("app=web"))]);
        let port = "/spec/ingress/0/ports/0";
        let peer = "/spec/egress/0/to/0";
        check(
            "NetworkPolicy",
            &policy,
            &[
                (
                    &format!("{port}/protocol"),
                    json!("ICMP"),
                    &["spec.ingress[0].ports[0].protocol: Unsupported value: \"ICMP\": \
                    supported values: \"SCTP\", \"TCP\", \"UDP\""],
                ),
                (
                    &format!("{port}/port"),
                    json!(0),
                    &["spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"],
                ),
                (
                    &format!("{port}/endPort"),
                    json!(79),
                    &["spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`"],
                ),
                (
                    &format!("{port}/port"),
                    json!("http"),
                    &[
                        "spec.ingress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is non-numeric",
                    ],
                ),
                (
                    &format!("{port}/port"),
                    json!(null),
                    &[
                        "spec.ingress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is not specified",
                    ],
                ),
                (peer, json!({}), &["spec.egress[0].to[0]: Required value: must specify a peer"]),
                (
                    &format!("{peer}/podSelector"),
                    json!({}),
                    &["spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer"],
                ),
                (&format!("{peer}/ipBlock/cidr"), json!(""), &["spec.egress[0].to[0].ipBlock.cidr: Required value"]),
                (
                    &format!("{peer}/ipBlock/cidr"),
                    json!("10.1"),
                    &["spec.egress[0].to[0].ipBlock.cidr: Invalid value: \"10.1\": \
                    must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
                ),
                (
                    &format!("{peer}/ipBlock/except/0"),
                    json!("10.0.0.0/8"),
                    &["spec.egress[0].to[0].ipBlock.except[0]: Invalid value: \
                    \"10.0.0.0/8\": must be a strict subset of `cidr`"],
                ),
                (
                    "/spec/policyTypes",
                    json!(["In"]),
                    &["spec.policyTypes[0]: Unsupported value: \"In\": supported values: \"Egress\", \"Ingress\""],
                ),
            ],
        );
    }
}
