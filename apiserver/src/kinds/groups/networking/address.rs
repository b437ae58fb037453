//! IPAddress and ServiceCIDR: which addresses services have, and where they come from.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::super::grammar::{cidr, is_first, optional_subdomain, parse_cidr, required_segment};
use crate::kinds::checks::grammar;
use crate::kinds::declared::{Declared, immutable};
use crate::kinds::spec::Spec;
use crate::kinds::{Column, Subresource, json, metadata};

const ADDRESS_COLUMNS: &[Column] = &[Column::NAME, Column::text("ParentRef"), Column::AGE];
const CIDR_COLUMNS: &[Column] = &[Column::NAME, Column::text("CIDRs"), Column::AGE];

pub fn ip_address() -> Spec {
    let hooks = Declared {
        name_errors: canonical_address,
        validate: validate_address,
        validate_update: |new, old, errors| {
            immutable(json::get(new, "spec"), json::get(old, "spec"), &["parentRef"], &Path::new("spec"), errors);
        },
        selectable: &["spec.parentRef"],
        fields: |o| vec![("spec.parentRef", parent_words(o))],
        cells: |o, now| vec![parent_words(o).into(), metadata::age(o, now).into()],
        ..Declared::NOTHING
    };
    Spec {
        short_names: &["ip"],
        generations: true,
        namespaced: false,
        columns: ADDRESS_COLUMNS,
        ..Spec::core("IPAddress", "ipaddresses", hooks)
    }
}

/// An address in the one way in which it is written.
fn canonical_address(name: &str) -> Vec<String> {
    match name.parse::<std::net::IpAddr>() {
        Err(_) => names::ip_address(name),
        Ok(address) if address.to_string() != name => vec![format!("must be in canonical form (\"{address}\")")],
        Ok(_) => vec![],
    }
}

/// `services/default/kubernetes`
fn parent_words(o: &Value) -> String {
    let parent = json::at(o, &["spec", "parentRef"]);
    if parent.is_null() {
        return "<none>".to_owned();
    }
    let (group, namespace) = (json::text(parent, "group"), json::text(parent, "namespace"));
    let mut words = json::text(parent, "resource").to_lowercase();
    if !group.is_empty() {
        words.push_str(&format!(".{}", group.to_lowercase()));
    }
    if !namespace.is_empty() {
        words.push_str(&format!("/{namespace}"));
    }
    format!("{words}/{}", json::text(parent, "name"))
}

fn validate_address(o: &Value, errors: &mut Vec<FieldError>) {
    let parent = json::at(o, &["spec", "parentRef"]);
    let path = Path::new("spec").child("parentRef");
    if parent.is_null() {
        errors.push(FieldError::required(&path, ""));
        return;
    }
    optional_subdomain(parent, "group", &path, errors);
    required_segment(parent, "resource", &path, errors);
    required_segment(parent, "name", &path, errors);
    let namespace = json::text(parent, "namespace");
    grammar(namespace, names::path_segment(namespace), &path.child("namespace"), errors);
}

pub fn service_cidr() -> Spec {
    let hooks = Declared {
        status: true,
        validate: |o, errors| blocks(o, errors),
        validate_update: same_blocks,
        cells: |o, now| {
            let blocks = cidrs(o).collect::<Vec<_>>();
            vec![blocks.join(",").into(), metadata::age(o, now).into()]
        },
        ..Declared::NOTHING
    };
    Spec {
        namespaced: false,
        columns: CIDR_COLUMNS,
        subresources: &[Subresource::Status],
        ..Spec::core("ServiceCIDR", "servicecidrs", hooks)
    }
}

fn cidrs(o: &Value) -> impl Iterator<Item = &str> {
    json::list(json::get(o, "spec"), "cidrs").iter().map(|cidr| cidr.as_str().unwrap_or(""))
}

fn blocks(o: &Value, errors: &mut Vec<FieldError>) {
    let path = Path::new("spec").child("cidrs");
    let blocks: Vec<&str> = cidrs(o).collect();
    match blocks.len() {
        0 => return errors.push(FieldError::required(&path, "at least one CIDR required")),
        1 | 2 => {}
        _ => {
            let given = json::get(o, "spec").clone();
            return errors.push(FieldError::invalid(&path, given, "may only hold up to 2 values"));
        }
    }
    for (i, text) in blocks.iter().enumerate() {
        let path = path.index(i);
        grammar(text, cidr(text), &path, errors);
        if parse_cidr(text).is_some_and(|block| !is_first(block)) {
            let detail = "must not have bits set beyond the prefix length";
            errors.push(FieldError::invalid(&path, *text, detail));
        }
    }
    let families: Vec<bool> = blocks.iter().filter_map(|text| Some(parse_cidr(text)?.0.is_ipv4())).collect();
    if matches!(families[..], [a, b] if a == b) {
        let detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        errors.push(FieldError::invalid(&path, json::at(o, &["spec", "cidrs"]).clone(), detail));
    }
}

/// A second family may be added; what is there stays.
fn same_blocks(new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let path = Path::new("spec").child("cidrs");
    let (now, before): (Vec<&str>, Vec<&str>) = (cidrs(new).collect(), cidrs(old).collect());
    if now.len() != before.len() && (before.len(), now.len()) != (1, 2) {
        return errors.push(metadata::immutable(&path, json::at(new, &["spec", "cidrs"])));
    }
    for (i, (now, _)) in now.iter().zip(&before).enumerate().filter(|(_, (now, before))| now != before) {
        errors.push(FieldError::invalid(&path.index(i), *now, "field is immutable"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::{cells, check, check_updates, good, row};

    #[test]
    fn an_address_is_named_by_itself_and_belongs_to_something() {
        let address = good(
            "IPAddress",
            json!({"metadata": {"name": "10.0.0.1"},
                "spec": {"parentRef": {"resource": "services", "namespace": "n", "name": "s"}}}),
        );
        assert_eq!(cells("IPAddress", &address)[0].1, "services/n/s");
        let hooks = row("IPAddress").hooks;
        assert!(hooks.name_errors("2001:db8::1").is_empty());
        assert_eq!(hooks.name_errors("2001:DB8::1"), ["must be in canonical form (\"2001:db8::1\")"]);
        assert_eq!(hooks.name_errors("a"), ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]);
        check(
            "IPAddress",
            &address,
            &[
                ("/spec/parentRef", json!(null), &["spec.parentRef: Required value"]),
                ("/spec/parentRef/resource", json!(""), &["spec.parentRef.resource: Required value"]),
                (
                    "/spec/parentRef/name",
                    json!("a/b"),
                    &["spec.parentRef.name: Invalid value: \"a/b\": may not contain '/'"],
                ),
            ],
        );
        check_updates(
            "IPAddress",
            &address,
            &[(
                "/spec/parentRef",
                json!({"name": "x"}),
                &["spec.parentRef: Invalid value: {\"name\":\"x\"}: field is immutable"],
            )],
        );
    }

    #[test]
    fn there_is_one_block_a_family() {
        let one = good("ServiceCIDR", json!({"metadata": {"name": "c"}, "spec": {"cidrs": ["10.0.0.0/24"]}}));
        check(
            "ServiceCIDR",
            &one,
            &[
                ("/spec/cidrs", json!([]), &["spec.cidrs: Required value: at least one CIDR required"]),
                ("/spec/cidrs", json!(["10.0.0.0/24", "2001:db8::/64"]), &[]),
                (
                    "/spec/cidrs",
                    json!(["10.0.0.0/24", "10.1.0.0/24"]),
                    &["spec.cidrs: Invalid value: [\"10.0.0.0/24\",\"10.1.0.0/24\"]: may \
                specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"],
                ),
                (
                    "/spec/cidrs",
                    json!(["10.0.0"]),
                    &["spec.cidrs[0]: Invalid value: \"10.0.0\": must be a valid CIDR value, \
                (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
                ),
                (
                    "/spec/cidrs",
                    json!(["10.0.0.1/24"]),
                    &["spec.cidrs[0]: Invalid value: \"10.0.0.1/24\": \
                must not have bits set beyond the prefix length"],
                ),
            ],
        );
        check_updates(
            "ServiceCIDR",
            &one,
            &[
                ("/spec/cidrs", json!(["10.0.0.0/24", "2001:db8::/64"]), &[]),
                (
                    "/spec/cidrs",
                    json!(["10.1.0.0/24"]),
                    &["spec.cidrs[0]: Invalid value: \"10.1.0.0/24\": field is immutable"],
                ),
                ("/spec/cidrs", json!([]), &["spec.cidrs: Invalid value: []: field is immutable"]),
            ],
        );
    }
}
