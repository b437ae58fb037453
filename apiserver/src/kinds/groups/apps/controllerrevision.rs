//! ControllerRevision: what a controller keeps of a former template.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};

use crate::kinds::checks::not_negative;
use crate::kinds::{Column, Hooks, json, metadata};

pub struct ControllerRevision;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::text("Controller"), Column::text("Revision"), Column::AGE];

impl Hooks for ControllerRevision {
    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        if !json::has(o, "data") {
            errors.push(FieldError::required(&Path::new("data"), "data is mandatory"));
        }
        not_negative(o, &["revision"], &Path::new(""), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        if new.get("data") == old.get("data") {
            return vec![];
        }
        vec![metadata::immutable(&Path::new("data"), json::get(new, "data"))]
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let owners = json::list(json::get(o, "metadata"), "ownerReferences").iter();
        let mut controller = owners.filter(|owner| json::flag(owner, "controller")).map(|owner| {
            let (group, kind) = (json::text(owner, "apiVersion"), json::text(owner, "kind").to_lowercase());
            match group.split_once('/') {
                Some((group, _)) => format!("{kind}.{group}/{}", json::text(owner, "name")),
                None => format!("{kind}/{}", json::text(owner, "name")),
            }
        });
        let controller = controller.next().unwrap_or_else(|| "<none>".to_owned());
        let revision = json::int(o, "revision").unwrap_or(0);
        vec![metadata::name(o).into(), controller.into(), json!(revision), metadata::age(o, now).into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::groups::faults_of;

    #[test]
    fn the_past_does_not_change() {
        let old = json!({"metadata": {"name": "r"}, "data": {"a": 1}, "revision": 1});
        let mut new = old.clone();
        new["revision"] = 2.into();
        assert!(ControllerRevision.validate_update(&new, &old).is_empty());
        new["data"]["a"] = 2.into();
        let found = ControllerRevision.validate_update(&new, &old);
        assert_eq!(found[0].to_string(), "data: Invalid value: {\"a\":2}: field is immutable");
        assert_eq!(
            faults_of(&ControllerRevision, &json!({"revision": -1})),
            [
                "data: Required value: data is mandatory",
                "revision: Invalid value: -1: must be greater than or equal to 0"
            ]
        );
    }

    #[test]
    fn its_controller_is_shown() {
        let o = json!({"metadata": {"name": "r", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "controller": true}]}, "revision": 3});
        let cells = ControllerRevision.cells(&o, Timestamp::UNIX_EPOCH);
        assert_eq!(Value::from(cells), json!(["r", "statefulset.apps/db", 3, "<unknown>"]));
    }
}
