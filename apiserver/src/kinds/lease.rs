//! Lease: who holds something, and since when. Heartbeats and leader election.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};

use super::{Column, Hooks, json, metadata};

pub struct Lease;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::text("Holder"), Column::AGE];

impl Hooks for Lease {
    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        if let Some(n) = json::int(spec, "leaseDurationSeconds").filter(|n| *n <= 0) {
            let path = path.child("leaseDurationSeconds");
            errors.push(FieldError::invalid(&path, n, "must be greater than 0"));
        }
        if let Some(n) = json::int(spec, "leaseTransitions").filter(|n| *n < 0) {
            let path = path.child("leaseTransitions");
            errors.push(FieldError::invalid(&path, n, "must be greater than or equal to 0"));
        }
        if !json::text(spec, "preferredHolder").is_empty() && json::text(spec, "strategy").is_empty() {
            let detail = "may only be specified if strategy is defined";
            errors.push(FieldError::forbidden(&path.child("preferredHolder"), detail));
        }
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let holder = json::text(json::get(o, "spec"), "holderIdentity");
        vec![metadata::name(o).into(), holder.into(), metadata::age(o, now).into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_lease_lasts_and_counts_upwards() {
        let found = Lease.validate(&json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}));
        let found: Vec<String> = found.iter().map(|e| e.to_string()).collect();
        assert_eq!(
            found,
            [
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0"
            ]
        );
        let good = json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 40}});
        assert!(Lease.validate(&good).is_empty());
        assert_eq!(Lease.cells(&good, Timestamp::UNIX_EPOCH)[1], json!("me"));
    }
}
