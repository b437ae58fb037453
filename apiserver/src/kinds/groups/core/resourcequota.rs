//! ResourceQuota: how much of everything a namespace may have.

use jiff::Timestamp;
use serde_json::{Map, Value};
use timonier_api::field::{FieldError, Path};
use timonier_api::names;
use timonier_api::quantity::Quantity;

use crate::kinds::amounts::canonical_amounts;
use crate::kinds::checks::grammar;
use crate::kinds::{Column, Hooks, json, metadata};

pub struct ResourceQuota;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::text("Request"), Column::text("Limit"), Column::AGE];

const SCOPES: [&str; 7] = [
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];
const CONFLICTS: [(&str, &str); 2] = [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")];

/// Resources that are whole things.
const COUNTED: [&str; 9] = [
    "pods",
    "services",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];
/// Amounts that pods and claims ask for.
const AMOUNTS: [&str; 10] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

impl Hooks for ResourceQuota {
    fn default(&self, o: &mut Value) {
        for (part, maps) in [("spec", &["hard"][..]), ("status", &["hard", "used"])] {
            for map in maps {
                if let Some(amounts) = o.get_mut(part).and_then(|part| part.get_mut(map)) {
                    canonical_amounts(amounts);
                }
            }
        }
    }

    fn prepare_create(&self, o: &mut Value) {
        json::set(o, "status", Map::new());
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        let mut errors = vec![];
        amounts(spec, "hard", &path, &mut errors);
        scopes(spec, &path, &mut errors);
        scope_selector(spec, &path.child("scopeSelector").child("matchExpressions"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let (new, old) = (json::get(new, "spec"), json::get(old, "spec"));
        let sorted = |spec| {
            let mut scopes: Vec<&str> = json::list(spec, "scopes").iter().filter_map(Value::as_str).collect();
            scopes.sort_unstable();
            scopes
        };
        if sorted(new) == sorted(old) {
            return vec![];
        }
        vec![metadata::immutable(&Path::new("spec").child("scopes"), json::get(new, "scopes"))]
    }

    fn validate_status_update(&self, new: &Value, _old: &Value) -> Vec<FieldError> {
        let (status, path) = (json::get(new, "status"), Path::new("status"));
        let mut errors = vec![];
        amounts(status, "hard", &path, &mut errors);
        amounts(status, "used", &path, &mut errors);
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let (mut requests, mut limits) = (vec![], vec![]);
        let status = json::get(o, "status");
        let mut hard: Vec<(&str, &str)> = json::texts(status, "hard").collect();
        hard.sort_unstable();
        for (name, hard) in hard {
            let used = match json::text(json::get(status, "used"), name) {
                "" => "0",
                used => used,
            };
            let list = if name.starts_with("limits") { &mut limits } else { &mut requests };
            list.push(format!("{name}: {used}/{hard}"));
        }
        vec![
            metadata::name(o).into(),
            requests.join(", ").into(),
            limits.join(", ").into(),
            metadata::age(o, now).into(),
        ]
    }
}

fn amounts(o: &Value, map: &'static str, path: &Path, errors: &mut Vec<FieldError>) {
    for (name, given) in json::map(o, map).into_iter().flatten() {
        let path = path.child(map).key(name);
        resource_name(name, &path, errors);
        let text = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
        match text.parse::<Quantity>() {
            Ok(amount) if amount.is_negative() => {
                errors.push(FieldError::invalid(&path, text, "must be greater than or equal to 0"));
            }
            Ok(amount) if is_counted(name) && !amount.is_integer() => {
                errors.push(FieldError::invalid(&path, text, "must be an integer"));
            }
            Ok(_) => {}
            Err(error) => errors.push(FieldError::invalid(&path, text, error.to_string())),
        }
    }
}

fn is_counted(name: &str) -> bool {
    COUNTED.contains(&name) || name.starts_with("count/")
}

fn resource_name(name: &str, path: &Path, errors: &mut Vec<FieldError>) {
    grammar(name, names::qualified_name(name), path, errors);
    let huge = name.strip_prefix("requests.").unwrap_or(name).starts_with("hugepages-");
    if !name.contains('/') && !COUNTED.contains(&name) && !AMOUNTS.contains(&name) && !huge {
        errors.push(FieldError::invalid(path, name, "must be a standard resource type or fully qualified"));
        errors.push(FieldError::invalid(path, name, "must be a standard resource for quota"));
    }
}

/// Whether a scope, which is about pods or claims, can be said of this resource.
fn applies(scope: &str, resource: &str) -> bool {
    let name = resource.strip_prefix("count/").unwrap_or(resource);
    let claims = name == "persistentvolumeclaims" || name == "requests.storage" || name.contains(".storageclass.");
    match scope {
        "BestEffort" => name == "pods",
        "VolumeAttributesClass" => claims,
        _ => {
            let amount = AMOUNTS.contains(&name) && name != "requests.storage";
            name == "pods" || amount || name.starts_with("requests.") && !claims || name.starts_with("hugepages-")
        }
    }
}

fn scopes(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let list = json::list(spec, "scopes");
    let scopes: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    let path = path.child("scopes");
    let mut invalid = |detail: &str| errors.push(FieldError::invalid(&path, list.to_vec(), detail));
    for scope in &scopes {
        if !SCOPES.contains(scope) {
            invalid("unsupported scope");
        } else if json::map(spec, "hard").into_iter().flatten().any(|(name, _)| !applies(scope, name)) {
            invalid("unsupported scope applied to resource");
        }
    }
    for (a, b) in CONFLICTS {
        if scopes.contains(&a) && scopes.contains(&b) {
            invalid("conflicting scopes");
        }
    }
}

fn scope_selector(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for (i, requirement) in json::list(json::get(spec, "scopeSelector"), "matchExpressions").iter().enumerate() {
        let path = path.index(i);
        let (scope, operator) = (json::text(requirement, "scopeName"), json::text(requirement, "operator"));
        let values = json::list(requirement, "values");
        if !SCOPES.contains(&scope) {
            errors.push(FieldError::invalid(&path.child("scopeName"), scope, "unsupported scope"));
        } else if json::map(spec, "hard").into_iter().flatten().any(|(name, _)| !applies(scope, name)) {
            let detail = "unsupported scope applied to resource";
            errors.push(FieldError::invalid(&path.child("scopeName"), scope, detail));
        }
        let valued = matches!(scope, "PriorityClass" | "VolumeAttributesClass");
        match operator {
            "In" | "NotIn" if valued && values.is_empty() => {
                let detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                errors.push(FieldError::required(&path.child("values"), detail));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector";
                errors.push(FieldError::invalid(&path.child("values"), values.to_vec(), detail));
            }
            "In" | "NotIn" | "DoesNotExist" if !valued => {
                let detail = "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, \
                    ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or \
                    ResourceQuotaScopeCrossNamespacePodAffinity";
                errors.push(FieldError::invalid(&path.child("operator"), operator, detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                let detail = "not a valid selector operator";
                errors.push(FieldError::invalid(&path.child("operator"), other, detail));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::groups::faults_of;

    #[test]
    fn each_fault_names_its_field() {
        let hard = |hard: Value| json!({ "hard": hard });
        for (spec, expected) in [
            (
                hard(json!({"pods": "4", "requests.cpu": "1500m", "count/jobs.batch": "2", "example.com/gpu": "1"})),
                vec![],
            ),
            (json!({"hard": {"pods": "1"}, "scopes": ["BestEffort"]}), vec![]),
            (
                hard(json!({"pods": "-1"})),
                vec!["spec.hard[pods]: Invalid value: \"-1\": must be greater than or equal to 0"],
            ),
            (hard(json!({"pods": "500m"})), vec!["spec.hard[pods]: Invalid value: \"500m\": must be an integer"]),
            (
                hard(json!({"moons": "1"})),
                vec![
                    "spec.hard[moons]: Invalid value: \"moons\": must be a standard resource type or fully qualified",
                    "spec.hard[moons]: Invalid value: \"moons\": must be a standard resource for quota",
                ],
            ),
            (
                json!({"hard": {"pods": "1"}, "scopes": ["BestEffort", "NotBestEffort"]}),
                vec!["spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes"],
            ),
            (
                json!({"hard": {"cpu": "1"}, "scopes": ["BestEffort"]}),
                vec!["spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource"],
            ),
            (
                json!({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}}),
                vec![
                    "spec.scopeSelector.matchExpressions[0].values: Required value: must be at least one value when \
                    `operator` is 'In' or 'NotIn' for scope selector",
                ],
            ),
        ] {
            assert_eq!(faults_of(&ResourceQuota, &json!({ "spec": spec })), expected);
        }
    }

    #[test]
    fn scopes_stay_and_both_columns_are_filled() {
        let scoped = |scopes: Value| json!({"spec": {"scopes": scopes}});
        let (a, b) = (scoped(json!(["BestEffort"])), scoped(json!(["Terminating"])));
        assert!(ResourceQuota.validate_update(&a, &a).is_empty());
        assert!(ResourceQuota.validate_update(&a, &b)[0].to_string().ends_with("field is immutable"));
        let o = json!({"metadata": {"name": "q"}, "status": {"hard": {"pods": "4", "cpu": "2", "limits.cpu": "4"},
            "used": {"pods": "1", "limits.cpu": "500m"}}});
        let cells = ResourceQuota.cells(&o, Timestamp::UNIX_EPOCH);
        assert_eq!(Value::from(cells), json!(["q", "cpu: 0/2, pods: 1/4", "limits.cpu: 500m/4", "<unknown>"]));
    }
}
