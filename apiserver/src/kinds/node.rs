//! Node: a machine that pods run on.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::{Column, Hooks, json, metadata};
use crate::kinds::amounts::canonical_amounts;

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE_LABEL: &str = "kubernetes.io/role";

pub struct Node;

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Status"),
    Column::text("Roles"),
    Column::AGE,
    Column::text("Version"),
    Column::wide("Internal-IP"),
    Column::wide("External-IP"),
    Column::wide("OS-Image"),
    Column::wide("Kernel-Version"),
    Column::wide("Container-Runtime"),
];

impl Hooks for Node {
    fn default(&self, o: &mut Value) {
        json::object_mut(o, "spec");
        let Some(status) = json::object_mut(o, "status") else {
            return;
        };
        if json::has(status, "capacity") {
            let capacity = json::get(status, "capacity").clone();
            json::fill(status, "allocatable", capacity);
        }
        for key in ["capacity", "allocatable"] {
            if let Some(amounts) = status.get_mut(key) {
                canonical_amounts(amounts);
            }
        }
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        taints(spec, &path.child("taints"), &mut errors);
        let ranges = json::list(spec, "podCIDRs").iter().filter_map(Value::as_str);
        for (i, range) in ranges.enumerate() {
            if !is_cidr(range) {
                let path = path.child("podCIDRs").index(i);
                let detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
                errors.push(FieldError::invalid(&path, range, detail));
            }
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let (new, old) = (json::get(new, "spec"), json::get(old, "spec"));
        for (field, shown) in [("podCIDR", "podCIDRs"), ("providerID", "providerID")] {
            if !json::text(old, field).is_empty() && !json::same(new, old, field) {
                let detail = format!("node updates may not change {field} except from \"\" to valid");
                errors.push(FieldError::forbidden(&Path::new("spec").child(shown), detail));
            }
        }
        errors
    }

    fn selectable(&self) -> &'static [&'static str] {
        &["spec.unschedulable"]
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        let unschedulable = json::flag(json::get(o, "spec"), "unschedulable");
        vec![("spec.unschedulable", unschedulable.to_string())]
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let status = json::get(o, "status");
        let info = json::get(status, "nodeInfo");
        let known = |key: &str| match json::text(info, key) {
            "" => "<unknown>".to_owned(),
            text => text.to_owned(),
        };
        [
            metadata::name(o).to_owned(),
            status_words(o),
            roles(o),
            metadata::age(o, now),
            json::text(info, "kubeletVersion").to_owned(),
            address(status, "InternalIP"),
            address(status, "ExternalIP"),
            known("osImage"),
            known("kernelVersion"),
            known("containerRuntimeVersion"),
        ]
        .into_iter()
        .map(Value::from)
        .collect()
    }
}

fn taints(spec: &Value, list: &Path, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (i, taint) in json::list(spec, "taints").iter().enumerate() {
        let path = list.index(i);
        let (key, value) = (json::text(taint, "key"), json::text(taint, "value"));
        for message in names::qualified_name(key) {
            errors.push(FieldError::invalid(&path.child("key"), key, message));
        }
        for message in names::label_value(value) {
            errors.push(FieldError::invalid(&path.child("value"), value, message));
        }
        let effect = json::text(taint, "effect");
        let supported = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        if effect.is_empty() {
            errors.push(FieldError::required(&path.child("effect"), ""));
        } else if !supported.contains(&effect) {
            errors.push(FieldError::not_supported(&path.child("effect"), effect, &supported));
        }
        if !seen.insert((key, effect)) {
            errors.push(FieldError::duplicate(&path, taint.clone()));
        }
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let longest = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= longest)
}

fn status_words(o: &Value) -> String {
    let conditions = json::list(json::get(o, "status"), "conditions");
    let ready = conditions.iter().find(|c| json::text(c, "type") == "Ready");
    let mut words = match ready.map(|c| json::text(c, "status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if json::flag(json::get(o, "spec"), "unschedulable") {
        words.push_str(",SchedulingDisabled");
    }
    words
}

fn roles(o: &Value) -> String {
    let mut roles = BTreeSet::new();
    for (key, value) in json::texts(json::get(o, "metadata"), "labels") {
        if let Some(role) = key.strip_prefix(ROLE_PREFIX).filter(|role| !role.is_empty()) {
            roles.insert(role);
        } else if key == ROLE_LABEL && !value.is_empty() {
            roles.insert(value);
        }
    }
    if roles.is_empty() {
        return "<none>".to_owned();
    }
    roles.into_iter().collect::<Vec<_>>().join(",")
}

fn address(status: &Value, type_: &str) -> String {
    let mut addresses = json::list(status, "addresses").iter();
    let found = addresses.find(|a| json::text(a, "type") == type_);
    found.map_or("<none>", |a| json::text(a, "address")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_is_shown_with_state_roles_and_versions() {
        let o = json!({"metadata": {"name": "n1", "labels": {"node-role.kubernetes.io/hollow": "", "kubernetes.io/role": "a"}},
            "spec": {"unschedulable": true},
            "status": {"conditions": [{"type": "Ready", "status": "True"}],
                "addresses": [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "127.1.2.3"}],
                "nodeInfo": {"kubeletVersion": "v1", "osImage": "Debian", "containerRuntimeVersion": "docker://20.10"}}});
        let cells: Vec<String> =
            Node.cells(&o, Timestamp::UNIX_EPOCH).iter().map(|c| c.as_str().unwrap().to_owned()).collect();
        assert_eq!(
            cells,
            [
                "n1",
                "Ready,SchedulingDisabled",
                "a,hollow",
                "<unknown>",
                "v1",
                "127.1.2.3",
                "<none>",
                "Debian",
                "<unknown>",
                "docker://20.10"
            ]
        );
        assert_eq!(cells.len(), COLUMNS.len());
        let words = |status: Value| status_words(&json!({ "status": status }));
        assert_eq!(words(json!({})), "Unknown");
        assert_eq!(words(json!({"conditions": [{"type": "Ready", "status": "Unknown"}]})), "NotReady");
    }

    #[test]
    fn taints_and_ranges_are_checked() {
        let o = json!({"spec": {"podCIDRs": ["10.0.0.0/24", "10.0.0.0/99"], "taints": [
            {"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule"}, {"key": "", "effect": "Never"}]}});
        let found: Vec<String> = Node.validate(&o).iter().map(|e| e.field.clone()).collect();
        assert_eq!(
            found,
            ["spec.taints[1]", "spec.taints[2].key", "spec.taints[2].key", "spec.taints[2].effect", "spec.podCIDRs[1]"]
        );
    }

    #[test]
    fn a_range_once_given_stays() {
        let old = json!({"spec": {"podCIDR": "10.0.0.0/24"}});
        let new = json!({"spec": {"podCIDR": "10.0.1.0/24"}});
        assert_eq!(
            Node.validate_update(&new, &old)[0].to_string(),
            "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid"
        );
        assert!(Node.validate_update(&new, &json!({})).is_empty());
    }

    #[test]
    fn what_a_node_has_is_what_it_offers_unless_it_says_otherwise() {
        let mut o = json!({"status": {"capacity": {"cpu": "2"}}});
        Node.default(&mut o);
        assert_eq!(o["status"]["allocatable"], json!({"cpu": "2"}));
    }
}
