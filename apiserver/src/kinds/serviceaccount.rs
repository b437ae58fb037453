//! ServiceAccount: who a pod is, towards the API.

use jiff::Timestamp;
use serde_json::Value;

use super::{Column, Hooks, json, metadata};

pub struct ServiceAccount;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::integer("Secrets"), Column::AGE];

impl Hooks for ServiceAccount {
    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        vec![metadata::name(o).into(), json::list(o, "secrets").len().into(), metadata::age(o, now).into()]
    }
}
