//! ComponentStatus: how a part of the cluster is. Made when it is asked for.

use jiff::Timestamp;
use serde_json::Value;

use crate::kinds::{Column, Hooks, Origin, json, metadata};

pub struct ComponentStatus;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::text("Status"), Column::text("Message"), Column::text("Error")];

impl Hooks for ComponentStatus {
    fn deprecation(&self) -> Option<String> {
        Some("v1 ComponentStatus is deprecated in v1.19+".to_owned())
    }

    fn origin(&self) -> Origin {
        Origin::Components
    }

    fn cells(&self, o: &Value, _now: Timestamp) -> Vec<Value> {
        let mut conditions = json::list(o, "conditions").iter();
        let health = conditions.find(|condition| json::text(condition, "type") == "Healthy");
        let health = health.unwrap_or(&Value::Null);
        let status = match json::text(health, "status") {
            "True" => "Healthy",
            "False" => "Unhealthy",
            _ => "Unknown",
        };
        let words = ["message", "error"].map(|field| Value::from(json::text(health, field)));
        [metadata::name(o).into(), status.into()].into_iter().chain(words).collect()
    }
}
