//! LimitRange: what the pods and claims of a namespace ask for when they do not say, and how much they may ask for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;
use timonier_api::quantity::Quantity;

use crate::kinds::amounts::canonical_amounts;
use crate::kinds::checks::grammar;
use crate::kinds::{Column, Hooks, json, metadata};

pub struct LimitRange;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::new("Created At", "date", "", 0)];

const BOUNDS: [&str; 5] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

impl Hooks for LimitRange {
    fn default(&self, o: &mut Value) {
        let Some(spec) = o.get_mut("spec") else {
            return;
        };
        for item in json::list_mut(spec, "limits").filter(|item| item.is_object()) {
            for bound in BOUNDS {
                if let Some(amounts) = item.get_mut(bound) {
                    canonical_amounts(amounts);
                }
            }
            if json::text(item, "type") == "Container" {
                fill(item, "default", "max");
                fill(item, "defaultRequest", "default");
                fill(item, "defaultRequest", "min");
            }
        }
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (mut errors, mut seen) = (vec![], BTreeSet::new());
        let path = Path::new("spec").child("limits");
        for (i, item) in json::list(json::get(o, "spec"), "limits").iter().enumerate() {
            let (kind, path) = (json::text(item, "type"), path.index(i));
            type_name(kind, &path.child("type"), &mut errors);
            if !seen.insert(kind) {
                errors.push(FieldError::duplicate(&path.child("type"), kind));
            }
            self::item(item, kind, &path, &mut errors);
        }
        errors
    }

    fn cells(&self, o: &Value, _now: Timestamp) -> Vec<Value> {
        vec![metadata::name(o).into(), json::at(o, &["metadata", "creationTimestamp"]).clone()]
    }
}

/// Fills amounts that are missing in one bound from another.
fn fill(item: &mut Value, to: &str, from: &str) {
    let Some(given) = json::map(item, from).cloned() else {
        return;
    };
    if let Some(amounts) = json::object_mut(item, to) {
        for (name, amount) in given {
            json::fill(amounts, &name, amount);
        }
    }
}

fn type_name(kind: &str, path: &Path, errors: &mut Vec<FieldError>) {
    grammar(kind, names::qualified_name(kind), path, errors);
    if !kind.contains('/') && !matches!(kind, "Pod" | "Container" | "PersistentVolumeClaim") {
        errors.push(FieldError::invalid(path, kind, "must be a standard limit type or fully qualified"));
    }
}

fn item(item: &Value, kind: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let mut resources = BTreeSet::new();
    for bound in BOUNDS {
        for (name, amount) in json::map(item, bound).into_iter().flatten() {
            grammar(name, names::qualified_name(name), &path.child(bound).key(name), errors);
            if let Err(error) = json::text(json::get(item, bound), name).parse::<Quantity>() {
                errors.push(FieldError::invalid(&path.child(bound).key(name), amount.clone(), error.to_string()));
            }
            resources.insert(name.as_str());
        }
    }
    if kind == "Pod" {
        for bound in ["default", "defaultRequest"] {
            if !json::same(item, &Value::Null, bound) {
                let detail = "may not be specified when `type` is 'Pod'";
                errors.push(FieldError::forbidden(&path.child(bound), detail));
            }
        }
    }
    let storage = |bound| json::has(json::get(item, bound), "storage");
    if kind == "PersistentVolumeClaim" && !storage("min") && !storage("max") {
        let detail = "either minimum or maximum storage value is required, but neither was provided";
        errors.push(FieldError::required(&path.child("limits"), detail));
    }
    for resource in resources {
        order(item, resource, path, errors);
    }
}

/// A bound, the one that may not be above it, where the fault is shown, and what both are called.
const ORDER: [(&str, &str, &str, &str, &str); 6] = [
    ("min", "max", "min", "min value", "max value"),
    ("min", "defaultRequest", "defaultRequest", "min value", "default request value"),
    ("defaultRequest", "max", "defaultRequest", "default request value", "max value"),
    ("defaultRequest", "default", "defaultRequest", "default request value", "default limit value"),
    ("min", "default", "default", "min value", "default value"),
    ("default", "max", "default", "default value", "max value"),
];

fn order(item: &Value, resource: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let bound = |bound: &str| json::text(json::get(item, bound), resource).parse::<Quantity>().ok();
    for (low, high, at, low_name, high_name) in ORDER {
        if let (Some(small), Some(large)) = (bound(low), bound(high))
            && small > large
        {
            let shown = bound(at).unwrap_or(small).to_string();
            let detail = format!("{low_name} {small} is greater than {high_name} {large}");
            errors.push(FieldError::invalid(&path.field(at).key(resource), shown, detail));
        }
    }
    let Some(ratio) = bound("maxLimitRequestRatio") else {
        return;
    };
    let path = path.child("maxLimitRequestRatio").key(resource);
    if ratio < Quantity::from_value(1) {
        errors.push(FieldError::invalid(&path, ratio.to_string(), format!("ratio {ratio} is less than 1")));
    }
    if let (Some(min), Some(max)) = (bound("min"), bound("max"))
        && !min.is_zero()
        && ratio.as_f64() > max.as_f64() / min.as_f64()
    {
        let most = max.as_f64() / min.as_f64();
        let detail = format!("ratio {ratio} is greater than max/min = {most:.6}");
        errors.push(FieldError::invalid(&path, ratio.to_string(), detail));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::groups::faults_of;

    #[test]
    fn defaults_follow_from_bounds() {
        let mut o =
            json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": 2}, "min": {"memory": "1024Ki"}}]}});
        LimitRange.default(&mut o);
        let item = &o["spec"]["limits"][0];
        assert_eq!(item["default"], json!({"cpu": "2"}));
        assert_eq!(item["defaultRequest"], json!({"cpu": "2", "memory": "1Mi"}));
        assert_eq!(faults_of(&LimitRange, &o), Vec::<String>::new());
    }

    #[test]
    fn each_fault_names_its_field() {
        for (item, expected) in [
            (
                json!({"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}),
                "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
            ),
            (
                json!({"type": "Container", "defaultRequest": {"cpu": "2"}, "default": {"cpu": "1"}}),
                "spec.limits[0].defaultRequest[cpu]: Invalid value: \"2\": default request value 2 is greater than default \
                 limit value 1",
            ),
            (
                json!({"type": "Pod", "default": {"cpu": "2"}}),
                "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
            ),
            (
                json!({"type": "PersistentVolumeClaim"}),
                "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither \
                 was provided",
            ),
            (
                json!({"type": "Node"}),
                "spec.limits[0].type: Invalid value: \"Node\": must be a standard limit type or fully qualified",
            ),
            (
                json!({"type": "Pod", "maxLimitRequestRatio": {"cpu": "500m"}}),
                "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"500m\": ratio 500m is less than 1",
            ),
            (
                json!({"type": "Pod", "maxLimitRequestRatio": {"cpu": "5"}, "min": {"cpu": "1"}, "max": {"cpu": "2"}}),
                "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"5\": ratio 5 is greater than max/min = 2.000000",
            ),
        ] {
            assert_eq!(faults_of(&LimitRange, &json!({"spec": {"limits": [item]}})), [expected]);
        }
        let twice = json!({"spec": {"limits": [{"type": "Pod"}, {"type": "Pod"}]}});
        assert_eq!(faults_of(&LimitRange, &twice), ["spec.limits[1].type: Duplicate value: \"Pod\""]);
    }
}
