//! Event: what happened to an object, for people. One stored object with two faces: `v1` and `events.k8s.io/v1`.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::{Column, Hooks, json, metadata};

/// The face of group `events.k8s.io` if `newer`, else that of the core group, which is also what is stored.
pub struct Event {
    pub newer: bool,
}

/// Longest reason, action and instance, and longest message, in bytes.
const MAX_WORD: usize = 128;
const MAX_MESSAGE: usize = 1024;

/// A field's name in `events.k8s.io` and in the stored form.
const RENAMED: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

pub const COLUMNS: &[Column] = &[
    Column::text("Last Seen"),
    Column::text("Type"),
    Column::text("Reason"),
    Column::text("Object"),
    Column::wide("Subobject"),
    Column::wide("Source"),
    Column::text("Message"),
    Column::wide("First Seen"),
    Column::wide("Count"),
    Column::new("Name", "string", "name", 1),
];

const SELECTABLE: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

impl Hooks for Event {
    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let namespace = json::text(json::get(o, "metadata"), "namespace");
        let about = json::text(json::get(o, "involvedObject"), "namespace");
        // What has no namespace itself is told about in `default`.
        let fits = match about {
            "" => matches!(namespace, "" | "default" | "kube-system"),
            about => about == namespace,
        };
        if !fits {
            let path = Path::new("involvedObject").child("namespace");
            errors.push(FieldError::invalid(&path, about, "does not match event.namespace"));
        }
        if self.newer && json::has(o, "eventTime") {
            newer(o, &mut errors);
        }
        errors
    }

    fn selectable(&self) -> &'static [&'static str] {
        SELECTABLE
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        let about = json::get(o, "involvedObject");
        SELECTABLE
            .iter()
            .map(|field| {
                let value = match field.split_once('.') {
                    Some((_, key)) => json::text(about, key),
                    None if *field == "source" => match json::text(json::get(o, "source"), "component") {
                        "" => json::text(o, "reportingComponent"),
                        component => component,
                    },
                    None => json::text(o, field),
                };
                (*field, value.to_owned())
            })
            .collect()
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let about = json::get(o, "involvedObject");
        let times = Times::of(o, now);
        let kind = json::text(about, "kind").to_lowercase();
        let object = match json::text(about, "name") {
            "" => kind,
            name => format!("{kind}/{name}"),
        };
        vec![
            times.last.into(),
            json::text(o, "type").into(),
            json::text(o, "reason").into(),
            object.into(),
            json::text(about, "fieldPath").into(),
            source(o).into(),
            json::text(o, "message").trim().into(),
            times.first.into(),
            times.count.to_string().into(),
            metadata::name(o).into(),
        ]
    }

    fn to_storage(&self, o: &mut Value) {
        if !self.newer {
            return;
        }
        for (new, stored) in RENAMED {
            if let Some(value) = json::remove(o, new) {
                json::set(o, stored, value);
            }
        }
        json::set(o, "apiVersion", "v1");
    }

    fn to_served(&self, o: &mut Value) {
        if !self.newer {
            return;
        }
        for (new, stored) in RENAMED {
            if let Some(value) = json::remove(o, stored) {
                json::set(o, new, value);
            }
        }
        json::set(o, "apiVersion", "events.k8s.io/v1");
    }
}

/// What `events.k8s.io` asks of an event beyond the old rules.
fn newer(o: &Value, errors: &mut Vec<FieldError>) {
    let controller = json::text(o, "reportingComponent");
    if controller.is_empty() {
        errors.push(FieldError::required(&Path::new("reportingController"), ""));
    } else {
        for message in names::qualified_name(controller) {
            let path = Path::new("reportingController");
            errors.push(FieldError::invalid(&path, controller, message));
        }
    }
    for field in ["reportingInstance", "action", "reason"] {
        let (value, path) = (json::text(o, field), Path::new(field));
        if value.is_empty() {
            errors.push(FieldError::required(&path, ""));
        } else if value.len() > MAX_WORD {
            let detail = format!("can have at most {MAX_WORD} characters");
            errors.push(FieldError::invalid(&path, "", detail));
        }
    }
    if json::text(o, "message").len() > MAX_MESSAGE {
        let detail = format!("can have at most {MAX_MESSAGE} characters");
        errors.push(FieldError::invalid(&Path::new("message"), "", detail));
    }
    let type_ = json::text(o, "type");
    if !matches!(type_, "Normal" | "Warning") {
        let detail = "has invalid value: must be Normal or Warning";
        errors.push(FieldError::invalid(&Path::new("type"), type_, detail));
    }
}

fn source(o: &Value) -> String {
    let source = json::get(o, "source");
    let (component, host) = match json::text(source, "component") {
        "" => (json::text(o, "reportingComponent"), json::text(o, "reportingInstance")),
        component => (component, json::text(source, "host")),
    };
    match host {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    }
}

/// When it happened first and last, and how often.
struct Times {
    first: String,
    last: String,
    count: i64,
}

impl Times {
    fn of(o: &Value, now: Timestamp) -> Times {
        let time = |key: &str| json::has(o, key).then(|| metadata::since(json::get(o, key), now));
        let first = time("firstTimestamp").or_else(|| time("eventTime")).unwrap_or_else(|| "<unknown>".to_owned());
        let series = json::get(o, "series");
        if series.is_object() {
            return Times {
                first,
                last: metadata::since(json::get(series, "lastObservedTime"), now),
                count: json::int(series, "count").unwrap_or(0),
            };
        }
        Times {
            last: time("lastTimestamp").unwrap_or_else(|| first.clone()),
            first,
            count: json::int(o, "count").unwrap_or(0).max(1),
        }
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
