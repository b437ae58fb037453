//! Probes and lifecycle hooks: how a container is asked how it fares, and told that it starts or ends.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::of::Errors;
use crate::kinds::checks::port_number;
use crate::kinds::checks::{choice, grammar, not_negative, required_text};
use crate::kinds::json;

const PROBE_HANDLERS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];
const HOOK_HANDLERS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "sleep"];

/// Checks the three probes of the container at `path`.
pub fn probes(container: &Value, path: &Path, errors: &mut Errors) {
    for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if !json::has(container, field) {
            continue;
        }
        let (probe, path) = (json::get(container, field), path.child(field));
        self::probe(probe, &path, errors);
        if field == "readinessProbe" {
            if json::has(probe, "terminationGracePeriodSeconds") {
                let value = json::get(probe, "terminationGracePeriodSeconds").clone();
                let path = path.child("terminationGracePeriodSeconds");
                let detail = "must not be set for readinessProbes";
                errors.push(FieldError::invalid(&path, value, detail));
            }
        } else if let Some(n) = json::int(probe, "successThreshold").filter(|n| *n != 1) {
            errors.push(FieldError::invalid(&path.child("successThreshold"), n, "must be 1"));
        }
    }
}

fn probe(probe: &Value, path: &Path, errors: &mut Errors) {
    handler(probe, &PROBE_HANDLERS, path, errors);
    let numbers = ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];
    not_negative(probe, &numbers, path, errors);
    if let Some(n) = json::int(probe, "terminationGracePeriodSeconds").filter(|n| *n <= 0) {
        let path = path.child("terminationGracePeriodSeconds");
        errors.push(FieldError::invalid(&path, n, "must be greater than 0"));
    }
}

/// Checks `lifecycle` of the container at `path`; the pod ends within `grace` seconds.
pub fn lifecycle(container: &Value, path: &Path, grace: i64, errors: &mut Errors) {
    let hooks = json::get(container, "lifecycle");
    for field in ["postStart", "preStop"] {
        if !json::has(hooks, field) {
            continue;
        }
        let (hook, path) = (json::get(hooks, field), path.child("lifecycle").child(field));
        handler(hook, &HOOK_HANDLERS, &path, errors);
        if let Some(seconds) = json::int(json::get(hook, "sleep"), "seconds")
            && (seconds < 0 || seconds > grace)
        {
            let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
            errors.push(FieldError::invalid(&path.child("sleep"), seconds, detail));
        }
    }
}

/// Exactly one of `known`, and that one in order.
fn handler(o: &Value, known: &'static [&'static str], path: &Path, errors: &mut Errors) {
    let mut given = known.iter().filter(|name| json::has(o, name));
    let Some(first) = given.next() else {
        errors.push(FieldError::required(path, "must specify a handler type"));
        return;
    };
    for more in given {
        let detail = "may not specify more than 1 handler type";
        errors.push(FieldError::forbidden(&path.child(more), detail));
    }
    let (action, path) = (json::get(o, first), path.child(first));
    match *first {
        "exec" if json::list(action, "command").is_empty() => {
            errors.push(FieldError::required(&path.child("command"), ""));
        }
        "httpGet" => http_get(action, &path, errors),
        "tcpSocket" => port(action, &path, errors),
        "grpc" => port_number(json::int(action, "port").unwrap_or(0), &path.child("port"), errors),
        _ => {}
    }
}

fn http_get(action: &Value, path: &Path, errors: &mut Errors) {
    required_text(action, "path", path, errors);
    port(action, path, errors);
    choice(action, "scheme", &["HTTP", "HTTPS"], path, errors);
    for (i, header) in json::list(action, "httpHeaders").iter().enumerate() {
        let name = json::text(header, "name");
        let path = path.child("httpHeaders").index(i).child("name");
        grammar(name, names::http_header_name(name), &path, errors);
    }
}

/// A port's number or name.
fn port(action: &Value, path: &Path, errors: &mut Errors) {
    let path = path.child("port");
    match json::get(action, "port") {
        Value::String(name) => grammar(name, names::port_name(name), &path, errors),
        number => port_number(number.as_i64().unwrap_or(0), &path, errors),
    }
}
