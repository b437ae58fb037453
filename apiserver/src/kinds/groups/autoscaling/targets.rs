//! The targets of an autoscaler as kubectl shows them: what is, and what is wanted.

use serde_json::Value;

use super::metrics::SOURCES;
use crate::kinds::json;

/// How many are shown before the rest is only counted.
const SHOWN: usize = 2;
const UNKNOWN: &str = "<unknown>";

/// `cpu: 40%/80%, 5/10 (avg)`.
pub fn words(spec: &Value, status: &Value) -> String {
    let metrics = json::list(spec, "metrics");
    if metrics.is_empty() {
        return "<none>".to_owned();
    }
    let current = json::list(status, "currentMetrics");
    let words = metrics.iter().enumerate().map(|(i, metric)| one(metric, current.get(i).unwrap_or(&Value::Null)));
    let mut words: Vec<String> = words.collect();
    if words.len() <= SHOWN {
        return words.join(", ");
    }
    let rest = words.len() - SHOWN;
    words.truncate(SHOWN);
    format!("{} + {rest} more...", words.join(", "))
}

fn one(metric: &Value, current: &Value) -> String {
    let kind = json::text(metric, "type");
    let Some((_, field)) = SOURCES.iter().find(|(name, _)| *name == kind) else {
        return "<unknown type>".to_owned();
    };
    let (source, now) = (json::get(metric, field), json::at(current, &[field, "current"]));
    let target = json::get(source, "target");
    let now_text = |field| match json::text(now, field) {
        "" => UNKNOWN,
        text => text,
    };
    let average = json::text(target, "averageValue");
    if matches!(kind, "Resource" | "ContainerResource") {
        let name = json::text(source, "name");
        if !average.is_empty() {
            return format!("{name}: {}/{average}", now_text("averageValue"));
        }
        let share = |o| json::int(o, "averageUtilization").map(|n| format!("{n}%"));
        let (is, wanted) = (share(now), share(target));
        return format!("{name}: {}/{}", is.as_deref().unwrap_or(UNKNOWN), wanted.as_deref().unwrap_or("<auto>"));
    }
    if !average.is_empty() {
        let mark = if kind == "Pods" { "" } else { " (avg)" };
        return format!("{}/{average}{mark}", now_text("averageValue"));
    }
    format!("{}/{}", now_text("value"), json::text(target, "value"))
}
