//! What is known of a span, and how that is read from the fields of crate `tracing`.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tracing::field::{Field, Visit};

use super::context::Context;

/// What a span is to its parent. The numbers are OpenTelemetry's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// A span that runs, or that has ended.
#[derive(Clone, Debug)]
pub struct Open {
    pub context: Context,
    pub parent: Option<u64>,
    /// Nanoseconds since 1970.
    pub start: u64,
    pub fields: Fields,
}

/// What its fields say.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    pub name: String,
    pub kind: Kind,
    pub error: Option<String>,
    /// Names, and values as OpenTelemetry's JSON has them.
    pub attributes: Vec<(&'static str, Value)>,
    pub(super) remote: Option<Context>,
}

impl Fields {
    fn text(&mut self, field: &Field, value: &str) {
        match field.name() {
            "otel.name" => self.name = value.to_owned(),
            "otel.kind" => {
                self.kind = match value {
                    "server" => Kind::Server,
                    "client" => Kind::Client,
                    _ => Kind::Internal,
                }
            }
            "traceparent" => self.remote = value.parse().ok(),
            "error" => self.error = Some(value.to_owned()),
            name => self.set(name, json!({"stringValue": value})),
        }
    }

    fn set(&mut self, name: &'static str, value: Value) {
        self.attributes.retain(|(known, _)| *known != name);
        self.attributes.push((name, value));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        // 64 bits are a string in JSON.
        self.set(field.name(), json!({"intValue": value.to_string()}));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), json!({"intValue": value.to_string()}));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), json!({"boolValue": value}));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), json!({"doubleValue": value}));
    }
}

/// Nanoseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
