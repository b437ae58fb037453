//! `scheduling.k8s.io`: which pods matter more.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};

use crate::kinds::checks::optional_choice;
use crate::kinds::declared::{Declared, immutable};
use crate::kinds::spec::Spec;
use crate::kinds::{Column, json, metadata};

/// The priority classes that every cluster has, with the value and the meaning of each.
pub const SYSTEM_CLASSES: [(&str, i64, &str); 2] = [
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
];

/// Above it are only the classes of the system.
const HIGHEST_OF_USERS: i64 = 1_000_000_000;
const SYSTEM_PREFIX: &str = "system-";

const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::integer("Value"),
    Column::new("Global-Default", "boolean", "", 0),
    Column::AGE,
    Column::text("PreemptionPolicy"),
];

pub fn specs() -> Vec<Spec> {
    let hooks = Declared {
        default: |o| json::fill_text(o, "preemptionPolicy", "PreemptLowerPriority"),
        validate,
        validate_update,
        cells: |o, now| {
            vec![
                value(o).into(),
                json::flag(o, "globalDefault").into(),
                metadata::age(o, now).into(),
                json::text(o, "preemptionPolicy").into(),
            ]
        },
        ..Declared::NOTHING
    };
    vec![Spec {
        group: "scheduling.k8s.io",
        package: "scheduling",
        short_names: &["pc"],
        generations: true,
        namespaced: false,
        columns: COLUMNS,
        ..Spec::core("PriorityClass", "priorityclasses", hooks)
    }]
}

fn value(o: &Value) -> i64 {
    json::int(o, "value").unwrap_or(0)
}

fn validate(o: &Value, errors: &mut Vec<FieldError>) {
    let (name, value) = (metadata::name(o), value(o));
    if name.starts_with(SYSTEM_PREFIX) {
        if let Err(reason) = known_system_class(name, value, json::flag(o, "globalDefault")) {
            let detail = format!(
                "priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {reason}"
            );
            errors.push(FieldError::forbidden(&Path::new("metadata").child("name"), detail));
        }
    } else if value > HIGHEST_OF_USERS {
        let detail = format!("maximum allowed value of a user defined priority is {HIGHEST_OF_USERS}");
        errors.push(FieldError::forbidden(&Path::new("value"), detail));
    }
    optional_choice(o, "preemptionPolicy", &["Never", "PreemptLowerPriority"], &Path::new(""), errors);
}

fn known_system_class(name: &str, value: i64, is_default: bool) -> Result<(), String> {
    match SYSTEM_CLASSES.iter().find(|(known, _, _)| *known == name) {
        None => Err(format!("{name} is not a known system priority class")),
        Some((_, expected, _)) if *expected != value => {
            Err(format!("value of {name} PriorityClass must be {expected}"))
        }
        Some(_) if is_default => Err(format!("globalDefault of {name} PriorityClass must be false")),
        Some(_) => Ok(()),
    }
}

fn validate_update(new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    if value(new) != value(old) {
        errors.push(FieldError::forbidden(&Path::new("value"), "may not be changed in an update."));
    }
    immutable(new, old, &["preemptionPolicy"], &Path::new(""), errors);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{cells, check, check_updates, good};

    #[test]
    fn a_priority_is_the_users_or_the_systems() {
        let class = good("PriorityClass", json!({"metadata": {"name": "high"}, "value": 1000}));
        check(
            "PriorityClass",
            &class,
            &[
                ("/value", json!(1_000_000_000), &[]),
                (
                    "/value",
                    json!(1_000_000_001),
                    &["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
                ),
                (
                    "/preemptionPolicy",
                    json!("Always"),
                    &[
                        "preemptionPolicy: Unsupported value: \"Always\": supported values: \"Never\", \"PreemptLowerPriority\"",
                    ],
                ),
                (
                    "/metadata/name",
                    json!("system-mine"),
                    &["metadata.name: Forbidden: priority class names with 'system-' prefix are \
                reserved for system use only. error: system-mine is not a known system priority class"],
                ),
                (
                    "/metadata/name",
                    json!("system-node-critical"),
                    &["metadata.name: Forbidden: priority class names with 'system-' prefix \
                are reserved for system use only. error: value of system-node-critical PriorityClass must be 2000001000"],
                ),
            ],
        );
        check_updates(
            "PriorityClass",
            &class,
            &[
                ("/value", json!(1), &["value: Forbidden: may not be changed in an update."]),
                (
                    "/preemptionPolicy",
                    json!("Never"),
                    &["preemptionPolicy: Invalid value: \"Never\": field is immutable"],
                ),
                ("/globalDefault", json!(true), &[]),
            ],
        );
        let shown: Vec<String> =
            cells("PriorityClass", &class).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
        assert_eq!(shown, ["Value=1000", "Global-Default=false", "PreemptionPolicy=\"PreemptLowerPriority\""]);
    }
}
