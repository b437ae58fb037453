//! From the older face of an autoscaler to the newer one, which is kept, and back.
//!
//! Version 1 has a field for the CPU alone. All else of version 2 is shown in annotations, in the words of that time, so
//! that a client of version 1 loses nothing by writing back what it read.

use serde_json::{Map, Value, json};

use crate::kinds::json;

pub const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const PERCENTAGE: &str = "targetCPUUtilizationPercentage";
const CURRENT_PERCENTAGE: &str = "currentCPUUtilizationPercentage";

/// A source, and for each of its fields in version 1 where version 2 has it.
type Source = (&'static str, &'static [(&'static str, &'static [&'static str])]);

const TARGETS: [Source; 5] = [
    (
        "resource",
        &[
            ("name", &["name"]),
            ("targetAverageUtilization", &["target", "averageUtilization"]),
            ("targetAverageValue", &["target", "averageValue"]),
        ],
    ),
    (
        "containerResource",
        &[
            ("name", &["name"]),
            ("container", &["container"]),
            ("targetAverageUtilization", &["target", "averageUtilization"]),
            ("targetAverageValue", &["target", "averageValue"]),
        ],
    ),
    (
        "pods",
        &[
            ("metricName", &["metric", "name"]),
            ("selector", &["metric", "selector"]),
            ("targetAverageValue", &["target", "averageValue"]),
        ],
    ),
    (
        "object",
        &[
            ("target", &["describedObject"]),
            ("metricName", &["metric", "name"]),
            ("selector", &["metric", "selector"]),
            ("targetValue", &["target", "value"]),
            ("averageValue", &["target", "averageValue"]),
        ],
    ),
    (
        "external",
        &[
            ("metricName", &["metric", "name"]),
            ("metricSelector", &["metric", "selector"]),
            ("targetValue", &["target", "value"]),
            ("targetAverageValue", &["target", "averageValue"]),
        ],
    ),
];

const CURRENTS: [Source; 5] = [
    (
        "resource",
        &[
            ("name", &["name"]),
            ("currentAverageUtilization", &["current", "averageUtilization"]),
            ("currentAverageValue", &["current", "averageValue"]),
        ],
    ),
    (
        "containerResource",
        &[
            ("name", &["name"]),
            ("container", &["container"]),
            ("currentAverageUtilization", &["current", "averageUtilization"]),
            ("currentAverageValue", &["current", "averageValue"]),
        ],
    ),
    (
        "pods",
        &[
            ("metricName", &["metric", "name"]),
            ("selector", &["metric", "selector"]),
            ("currentAverageValue", &["current", "averageValue"]),
        ],
    ),
    (
        "object",
        &[
            ("target", &["describedObject"]),
            ("metricName", &["metric", "name"]),
            ("selector", &["metric", "selector"]),
            ("currentValue", &["current", "value"]),
            ("averageValue", &["current", "averageValue"]),
        ],
    ),
    (
        "external",
        &[
            ("metricName", &["metric", "name"]),
            ("metricSelector", &["metric", "selector"]),
            ("currentValue", &["current", "value"]),
            ("currentAverageValue", &["current", "averageValue"]),
        ],
    ),
];

/// From the kept form to version 1.
pub fn to_v1(o: &mut Value) {
    json::set(o, "apiVersion", "autoscaling/v1");
    let mut notes = vec![];
    if let Some(spec) = o.get_mut("spec") {
        let metrics = taken(spec, "metrics");
        let (cpu, others) = split_cpu(metrics, "target");
        if let Some(cpu) = cpu {
            json::set(spec, PERCENTAGE, cpu);
        }
        notes.push((METRICS, others.iter().map(|metric| older(metric, &TARGETS)).collect()));
        notes.push((BEHAVIOR, json::remove(spec, "behavior").into_iter().collect()));
    }
    if let Some(status) = o.get_mut("status") {
        // Version 1 shows this number also when it is 0.
        json::fill(status, "currentReplicas", 0);
        let (cpu, others) = split_cpu(taken(status, "currentMetrics"), "current");
        if let Some(cpu) = cpu {
            json::set(status, CURRENT_PERCENTAGE, cpu);
        }
        notes.push((CURRENT_METRICS, others.iter().map(|metric| older(metric, &CURRENTS)).collect()));
        notes.push((CONDITIONS, taken(status, "conditions")));
    }
    for (name, values) in notes {
        let values: Vec<Value> = values.into_iter().filter(|value: &Value| !value.is_null()).collect();
        let text = match (name, values.as_slice()) {
            (_, []) => continue,
            (BEHAVIOR, [behavior]) => behavior.to_string(),
            _ => Value::from(values).to_string(),
        };
        let annotations =
            json::object_mut(o, "metadata").and_then(|metadata| json::object_mut(metadata, "annotations"));
        if let Some(annotations) = annotations {
            json::set(annotations, name, text);
        }
    }
}

/// From version 1 to the kept form.
pub fn to_v2(o: &mut Value) {
    json::set(o, "apiVersion", "autoscaling/v2");
    let mut note = |name| {
        let annotations = o.get_mut("metadata")?.get_mut("annotations")?;
        let text = json::remove(annotations, name)?;
        // A note that nobody can read says nothing.
        serde_json::from_str::<Value>(text.as_str()?).ok()
    };
    let listed = |value: Option<Value>| value.and_then(|value| value.as_array().cloned()).unwrap_or_default();
    let (metrics, behavior) = (listed(note(METRICS)), note(BEHAVIOR));
    let (current, conditions) = (listed(note(CURRENT_METRICS)), listed(note(CONDITIONS)));
    if json::same(json::get(o, "metadata"), &Value::Null, "annotations")
        && let Some(metadata) = o.get_mut("metadata")
    {
        json::remove(metadata, "annotations");
    }
    if let Some(spec) = o.get_mut("spec") {
        let cpu = json::remove(spec, PERCENTAGE).filter(|cpu| !cpu.is_null()).map(|cpu| {
            let target = json!({"type": "Utilization", "averageUtilization": cpu});
            json!({"type": "Resource", "resource": {"name": "cpu", "target": target}})
        });
        fill_list(spec, "metrics", cpu.into_iter().chain(metrics.iter().map(|metric| newer(metric, &TARGETS))));
        if let Some(behavior) = behavior {
            json::set(spec, "behavior", behavior);
        }
    }
    if let Some(status) = o.get_mut("status") {
        if json::int(status, "currentReplicas") == Some(0) {
            json::remove(status, "currentReplicas");
        }
        let cpu = json::remove(status, CURRENT_PERCENTAGE).filter(|cpu| !cpu.is_null()).map(
            |cpu| json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": cpu}}}),
        );
        fill_list(
            status,
            "currentMetrics",
            cpu.into_iter().chain(current.iter().map(|metric| newer(metric, &CURRENTS))),
        );
        fill_list(status, "conditions", conditions.into_iter());
    }
}

fn taken(o: &mut Value, field: &str) -> Vec<Value> {
    match json::remove(o, field) {
        Some(Value::Array(list)) => list,
        _ => vec![],
    }
}

fn fill_list(o: &mut Value, field: &str, items: impl Iterator<Item = Value>) {
    let items: Vec<Value> = items.collect();
    if !items.is_empty() {
        json::set(o, field, items);
    }
}

/// The first metric that is about the CPU's utilization, which has a field of its own, and all others.
fn split_cpu(metrics: Vec<Value>, of: &str) -> (Option<Value>, Vec<Value>) {
    let (mut cpu, mut others) = (None, vec![]);
    for metric in metrics {
        let share = json::at(&metric, &["resource", of, "averageUtilization"]);
        if cpu.is_none() && json::text(json::get(&metric, "resource"), "name") == "cpu" && share.is_number() {
            cpu = Some(share.clone());
        } else {
            others.push(metric);
        }
    }
    (cpu, others)
}

/// A metric of version 2 in the words of version 1.
fn older(metric: &Value, sources: &[Source]) -> Value {
    let mut out = json!({"type": json::text(metric, "type")});
    for (source, fields) in sources.iter().filter(|(source, _)| json::has(metric, source)) {
        let mut flat = Map::new();
        for (name, place) in *fields {
            let value = json::at(json::get(metric, source), place);
            if !value.is_null() {
                flat.insert((*name).to_owned(), value.clone());
            }
        }
        json::set(&mut out, source, flat);
    }
    out
}

/// The same the other way; what sort of target it is follows from which value it has.
fn newer(metric: &Value, sources: &[Source]) -> Value {
    let mut out = json!({"type": json::text(metric, "type")});
    for (source, fields) in sources.iter().filter(|(source, _)| json::has(metric, source)) {
        let mut deep = Value::Object(Map::new());
        for (name, place) in *fields {
            let value = json::get(json::get(metric, source), name).clone();
            match (place, value) {
                (_, Value::Null) => {}
                ([field], value) => json::set(&mut deep, field, value),
                ([parent, field], value) => {
                    if let Some(parent) = json::object_mut(&mut deep, parent) {
                        json::set(parent, field, value);
                    }
                }
                _ => {}
            }
        }
        if let Some(target) = deep.get_mut("target").filter(|target| target.is_object()) {
            let kinds = [("averageUtilization", "Utilization"), ("averageValue", "AverageValue"), ("value", "Value")];
            if let Some((_, kind)) = kinds.iter().find(|(field, _)| json::has(target, field)) {
                json::set(target, "type", *kind);
            }
        }
        json::set(&mut out, source, deep);
    }
    out
}
