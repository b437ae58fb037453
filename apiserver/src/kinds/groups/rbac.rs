//! `rbac.authorization.k8s.io`: who may do what.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::checks::{grammar, required_text};
use crate::kinds::declared::Declared;
use crate::kinds::spec::Spec;
use crate::kinds::{Column, json};

use crate::auth::rbac::GROUP;

const ROLE_COLUMNS: &[Column] = &[Column::NAME, Column::new("Created At", "date", "", 0)];
const BINDING_COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Role"),
    Column::AGE,
    Column::wide("Users"),
    Column::wide("Groups"),
    Column::wide("ServiceAccounts"),
];

pub fn specs() -> Vec<Spec> {
    let spec = |kind, plural, namespaced, columns, hooks: Declared| Spec {
        group: GROUP,
        package: "rbac",
        namespaced,
        columns,
        ..Spec::core(kind, plural, hooks)
    };
    let role = Declared {
        name_errors: names::path_segment,
        cells: |o, _| vec![json::text(json::get(o, "metadata"), "creationTimestamp").into()],
        ..Declared::NOTHING
    };
    let binding = Declared {
        name_errors: names::path_segment,
        default: default_binding,
        validate_update: same_role,
        cells: binding_cells,
        ..Declared::NOTHING
    };
    vec![
        spec("Role", "roles", true, ROLE_COLUMNS, Declared { validate: |o, errors| rules(o, true, errors), ..role }),
        spec(
            "ClusterRole",
            "clusterroles",
            false,
            ROLE_COLUMNS,
            Declared { validate: |o, errors| rules(o, false, errors), ..role },
        ),
        spec(
            "RoleBinding",
            "rolebindings",
            true,
            BINDING_COLUMNS,
            Declared { validate: |o, errors| validate_binding(o, true, errors), ..binding },
        ),
        spec(
            "ClusterRoleBinding",
            "clusterrolebindings",
            false,
            BINDING_COLUMNS,
            Declared { validate: |o, errors| validate_binding(o, false, errors), ..binding },
        ),
    ]
}

fn rules(o: &Value, namespaced: bool, errors: &mut Vec<FieldError>) {
    for (i, rule) in json::list(o, "rules").iter().enumerate() {
        self::rule(rule, namespaced, &Path::new("rules").index(i), errors);
    }
    if !namespaced {
        let selectors = json::list(json::get(o, "aggregationRule"), "clusterRoleSelectors");
        let path = Path::new("aggregationRule").child("clusterRoleSelectors");
        if json::has(o, "aggregationRule") && selectors.is_empty() {
            errors.push(FieldError::required(
                &path,
                "at least one clusterRoleSelector required if aggregationRule is non-nil",
            ));
        }
        for (i, selector) in selectors.iter().enumerate() {
            crate::kinds::selectors::label_selector(selector, &path.index(i), errors);
        }
    }
}

fn rule(rule: &Value, namespaced: bool, path: &Path, errors: &mut Vec<FieldError>) {
    let empty = |field: &str| json::list(rule, field).is_empty();
    if empty("verbs") {
        errors.push(FieldError::required(&path.child("verbs"), "verbs must contain at least one value"));
    }
    if !empty("nonResourceURLs") {
        let path = path.child("nonResourceURLs");
        let urls = json::get(rule, "nonResourceURLs");
        if namespaced {
            let detail = "namespaced rules cannot apply to non-resource URLs";
            errors.push(FieldError::invalid(&path, urls.clone(), detail));
        }
        if !["apiGroups", "resources", "resourceNames"].into_iter().all(empty) {
            let detail = "rules cannot apply to both regular resources and non-resource URLs";
            errors.push(FieldError::invalid(&path, urls.clone(), detail));
        }
        return;
    }
    if empty("apiGroups") {
        errors
            .push(FieldError::required(&path.child("apiGroups"), "resource rules must supply at least one api group"));
    }
    if empty("resources") {
        errors.push(FieldError::required(&path.child("resources"), "resource rules must supply at least one resource"));
    }
}

fn default_binding(o: &mut Value) {
    if let Some(role) = json::object_mut(o, "roleRef") {
        json::fill_text(role, "apiGroup", GROUP);
    }
    for subject in json::list_mut(o, "subjects") {
        if matches!(json::text(subject, "kind"), "User" | "Group") {
            json::fill_text(subject, "apiGroup", GROUP);
        }
    }
}

fn validate_binding(o: &Value, namespaced: bool, errors: &mut Vec<FieldError>) {
    let (role, path) = (json::get(o, "roleRef"), Path::new("roleRef"));
    let group = json::text(role, "apiGroup");
    if group != GROUP {
        errors.push(FieldError::not_supported(&path.child("apiGroup"), group, &[GROUP]));
    }
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    let kind = json::text(role, "kind");
    if !kinds.contains(&kind) {
        errors.push(FieldError::not_supported(&path.child("kind"), kind, kinds));
    }
    if required_text(role, "name", &path, errors) {
        let name = json::text(role, "name");
        grammar(name, names::path_segment(name), &path.child("name"), errors);
    }
    for (i, subject) in json::list(o, "subjects").iter().enumerate() {
        self::subject(subject, namespaced, &Path::new("subjects").index(i), errors);
    }
}

fn subject(subject: &Value, namespaced: bool, path: &Path, errors: &mut Vec<FieldError>) {
    let named = required_text(subject, "name", path, errors);
    let (name, group, kind) =
        (json::text(subject, "name"), json::text(subject, "apiGroup"), json::text(subject, "kind"));
    match kind {
        "ServiceAccount" => {
            if named {
                grammar(name, names::dns1123_subdomain(name), &path.child("name"), errors);
            }
            if !group.is_empty() {
                errors.push(FieldError::not_supported(&path.child("apiGroup"), group, &[""]));
            }
            if !namespaced {
                required_text(subject, "namespace", path, errors);
            }
        }
        "User" | "Group" => {
            if !named {
                let detail = format!("{} name cannot be empty", kind.to_lowercase());
                errors.push(FieldError::invalid(&path.child("name"), name, detail));
            }
            if group != GROUP {
                errors.push(FieldError::not_supported(&path.child("apiGroup"), group, &[GROUP]));
            }
        }
        _ => errors.push(FieldError::not_supported(&path.child("kind"), kind, &["ServiceAccount", "User", "Group"])),
    }
}

fn same_role(new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    if !json::same(new, old, "roleRef") {
        errors.push(FieldError::invalid(
            &Path::new("roleRef"),
            json::get(new, "roleRef").clone(),
            "cannot change roleRef",
        ));
    }
}

fn binding_cells(o: &Value, now: Timestamp) -> Vec<Value> {
    let role = json::get(o, "roleRef");
    let subjects = |kind: &str| -> Value {
        let named = json::list(o, "subjects").iter().filter(|subject| json::text(subject, "kind") == kind);
        let names: Vec<String> = named
            .map(|subject| match (kind, json::text(subject, "name")) {
                ("ServiceAccount", name) => format!("{}/{name}", json::text(subject, "namespace")),
                (_, name) => name.to_owned(),
            })
            .collect();
        names.join(", ").into()
    };
    vec![
        format!("{}/{}", json::text(role, "kind"), json::text(role, "name")).into(),
        crate::kinds::metadata::age(o, now).into(),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

#[cfg(test)]
#[path = "rbac_tests.rs"]
mod tests;
