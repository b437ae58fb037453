//! `apiregistration.k8s.io`: who serves which group and version. This server serves its own; another's is stored, and not asked.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::checks::{grammar, required_text};
use crate::kinds::declared::Declared;
use crate::kinds::spec::Spec;
use crate::kinds::{Column, Subresource, json, metadata};
use crate::object::meta;

const COLUMNS: &[Column] = &[Column::NAME, Column::text("Service"), Column::text("Available"), Column::AGE];

pub fn specs() -> Vec<Spec> {
    let hooks = Declared {
        status: true,
        name_errors: names::path_segment,
        default: |o| {
            if let Some(service) = o.pointer_mut("/spec/service").filter(|service| service.is_object()) {
                json::fill_int(service, "port", 443);
            } else if !json::has(json::get(o, "status"), "conditions") {
                available_here(o);
            }
        },
        validate,
        validate_status_update,
        cells: |o, now| vec![service_words(o).into(), available(o).into(), metadata::age(o, now).into()],
        warnings: |o| match is_local(o) {
            true => vec![],
            false => vec!["spec.service is not enforced by this version".to_owned()],
        },
        ..Declared::NOTHING
    };
    vec![Spec {
        group: "apiregistration.k8s.io",
        package: "kube-aggregator.pkg.apis.apiregistration",
        categories: &["api-extensions"],
        namespaced: false,
        columns: COLUMNS,
        subresources: &[Subresource::Status],
        ..Spec::core("APIService", "apiservices", hooks)
    }]
}

/// Whether this server itself serves it.
pub fn is_local(o: &Value) -> bool {
    !json::has(json::get(o, "spec"), "service")
}

/// What this server serves itself is there as long as it is.
fn available_here(o: &mut Value) {
    if let Some(status) = json::object_mut(o, "status") {
        let condition = serde_json::json!({"type": "Available", "status": "True", "reason": "Local",
            "message": "Local APIServices are always available", "lastTransitionTime": meta::time(Timestamp::now())});
        json::set(status, "conditions", vec![condition]);
    }
}

fn service_words(o: &Value) -> String {
    let service = json::at(o, &["spec", "service"]);
    match is_local(o) {
        true => "Local".to_owned(),
        false => format!("{}/{}", json::text(service, "namespace"), json::text(service, "name")),
    }
}

fn available(o: &Value) -> String {
    let conditions = json::list(json::get(o, "status"), "conditions");
    let Some(condition) = conditions.iter().find(|condition| json::text(condition, "type") == "Available") else {
        return "Unknown".to_owned();
    };
    match (json::text(condition, "status"), json::text(condition, "reason")) {
        ("True", _) => "True".to_owned(),
        (status, reason) => format!("{status} ({reason})"),
    }
}

fn validate(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    let (group, version) = (json::text(spec, "group"), json::text(spec, "version"));
    let (name, required) = (metadata::name(o), format!("{version}.{group}"));
    if name != required {
        let detail = format!("must be `spec.version+\".\"+spec.group`: {required:?}");
        errors.push(FieldError::invalid(&Path::new("metadata").child("name"), name, detail));
    }
    if group.is_empty() && version != "v1" {
        let detail = "only v1 may have an empty group and it better be legacy kube";
        errors.push(FieldError::required(&path.child("group"), detail));
    }
    if !group.is_empty() {
        grammar(group, names::dns1123_subdomain(group), &path.child("group"), errors);
    }
    grammar(version, names::dns1035_label(version), &path.child("version"), errors);
    for (field, most) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1000)] {
        let priority = json::int(spec, field).unwrap_or(0);
        if !(1..=most).contains(&priority) {
            let detail = format!("must be positive and less than {most}");
            errors.push(FieldError::invalid(&path.child(field), priority, detail));
        }
    }
    let (bundle, insecure) = (json::text(spec, "caBundle"), json::flag(spec, "insecureSkipTLSVerify"));
    let insecure_path = path.child("insecureSkipTLSVerify");
    if is_local(o) {
        if !bundle.is_empty() {
            let size = format!("{} bytes", bundle.trim_end_matches('=').len() * 3 / 4);
            let detail = "local APIServices may not have a caBundle";
            errors.push(FieldError::invalid(&path.child("caBundle"), size, detail));
        }
        if insecure {
            let detail = "local APIServices may not have insecureSkipTLSVerify";
            errors.push(FieldError::invalid(&insecure_path, true, detail));
        }
        return;
    }
    let service = json::get(spec, "service");
    for field in ["namespace", "name"] {
        required_text(service, field, &path.child("service"), errors);
    }
    if insecure && !bundle.is_empty() {
        errors.push(FieldError::invalid(&insecure_path, true, "may not be true if caBundle is present"));
    }
}

fn validate_status_update(new: &Value, _old: &Value, errors: &mut Vec<FieldError>) {
    let path = Path::new("status").child("conditions");
    for (i, condition) in json::list(json::get(new, "status"), "conditions").iter().enumerate() {
        let status = json::text(condition, "status");
        if !matches!(status, "True" | "False" | "Unknown") {
            let path = path.index(i).child("status");
            errors.push(FieldError::not_supported(&path, status, &["False", "True", "Unknown"]));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{cells, check, good, row};

    #[test]
    fn a_service_is_named_by_version_and_group() {
        let spec = json!({"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "service": {"namespace": "kube-system", "name": "metrics"}});
        let service = good("APIService", json!({"metadata": {"name": "v1beta1.metrics.k8s.io"}, "spec": spec}));
        assert_eq!(service["spec"]["service"]["port"], 443);
        assert_eq!(row("APIService").hooks.warnings(&service), ["spec.service is not enforced by this version"]);
        let shown: Vec<String> =
            cells("APIService", &service).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
        assert_eq!(shown, ["Service=\"kube-system/metrics\"", "Available=\"Unknown\""]);
        check(
            "APIService",
            &service,
            &[
                (
                    "/metadata/name",
                    json!("a"),
                    &[
                        "metadata.name: Invalid value: \"a\": must be `spec.version+\".\"+spec.group`: \"v1beta1.metrics.k8s.io\"",
                    ],
                ),
                (
                    "/spec/groupPriorityMinimum",
                    json!(0),
                    &["spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000"],
                ),
                (
                    "/spec/versionPriority",
                    json!(1001),
                    &["spec.versionPriority: Invalid value: 1001: must be positive and less than 1000"],
                ),
                ("/spec/service/name", json!(""), &["spec.service.name: Required value"]),
                ("/spec/service", json!(null), &[]),
            ],
        );
        let mut local = service.clone();
        local["spec"]["service"] = json!(null);
        local["status"] = json!({"conditions": [{"type": "Available", "status": "True"}]});
        assert_eq!(cells("APIService", &local)[1].1, "True");
        check(
            "APIService",
            &local,
            &[
                (
                    "/spec/caBundle",
                    json!("YWJj"),
                    &["spec.caBundle: Invalid value: \"3 bytes\": local APIServices may not have a caBundle"],
                ),
                (
                    "/spec/insecureSkipTLSVerify",
                    json!(true),
                    &[
                        "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
                    ],
                ),
            ],
        );
    }
}
