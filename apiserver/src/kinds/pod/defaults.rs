//! What Kubernetes fills into a pod, and into the pod template of a workload.

use crate::kinds::amounts::{canonical_amount, canonical_amounts};
use serde_json::{Map, Value};

use crate::kinds::{claims, json};

/// Permission bits of files in a volume: 0644.
const FILE_MODE: i64 = 0o644;
/// Lifetime of a projected service account token, in seconds.
const TOKEN_SECONDS: i64 = 3600;

/// Defaults of a pod of its own: a template's and a few that only a pod gets.
pub fn default_pod(o: &mut Value) {
    let Some(spec) = json::object_mut(o, "spec") else {
        return;
    };
    default_spec(spec);
    json::fill(spec, "enableServiceLinks", true);
    let host_network = json::flag(spec, "hostNetwork");
    for key in ["containers", "initContainers"] {
        for container in json::list_mut(spec, key) {
            requests_from_limits(container);
            if host_network {
                host_ports(container);
            }
        }
    }
}

/// Defaults of a workload's `spec.template`.
pub fn default_template(template: &mut Value) {
    if let Some(spec) = json::object_mut(template, "spec") {
        default_spec(spec);
    }
}

fn default_spec(spec: &mut Value) {
    json::fill_text(spec, "restartPolicy", "Always");
    json::fill_text(spec, "dnsPolicy", "ClusterFirst");
    json::fill(spec, "terminationGracePeriodSeconds", 30);
    json::fill_text(spec, "schedulerName", "default-scheduler");
    json::fill(spec, "securityContext", Map::new());
    both_account_names(spec);
    for key in ["containers", "initContainers", "ephemeralContainers"] {
        json::list_mut(spec, key).for_each(default_container);
    }
    json::list_mut(spec, "volumes").for_each(default_volume);
}

/// `serviceAccount` is the old name of `serviceAccountName`: both say the same.
pub fn both_account_names(spec: &mut Value) {
    let old = json::text(spec, "serviceAccount").to_owned();
    if !old.is_empty() {
        json::fill_text(spec, "serviceAccountName", &old);
    }
    let name = json::text(spec, "serviceAccountName").to_owned();
    if !name.is_empty() {
        json::set(spec, "serviceAccount", name);
    }
}

fn default_container(container: &mut Value) {
    let policy = pull_policy(json::text(container, "image"));
    json::fill_text(container, "imagePullPolicy", policy);
    json::fill_text(container, "terminationMessagePath", "/dev/termination-log");
    json::fill_text(container, "terminationMessagePolicy", "File");
    json::fill(container, "resources", Map::new());
    if let Some(resources) = container.get_mut("resources") {
        for key in ["requests", "limits"] {
            if let Some(amounts) = resources.get_mut(key) {
                canonical_amounts(amounts);
            }
        }
    }
    for port in json::list_mut(container, "ports") {
        json::fill_text(port, "protocol", "TCP");
    }
    for variable in json::list_mut(container, "env") {
        if let Some(source) = variable.get_mut("valueFrom") {
            default_field_source(source);
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe).filter(|p| p.is_object()) {
            default_probe(probe);
        }
    }
    for hook in ["postStart", "preStop"] {
        let hook = container.get_mut("lifecycle").and_then(|lifecycle| lifecycle.get_mut(hook));
        if let Some(hook) = hook {
            default_http(hook);
        }
    }
}

/// `Always` for `latest` (also when it is only implied), else `IfNotPresent`.
fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, digest),
        None => (image, ""),
    };
    let last = name.rsplit('/').next().unwrap_or(name);
    let tag = last.rsplit_once(':').map(|(_, tag)| tag);
    let implied = tag.is_none() && digest.is_empty() && !name.is_empty();
    if implied || tag == Some("latest") { "Always" } else { "IfNotPresent" }
}

fn default_probe(probe: &mut Value) {
    json::fill_int(probe, "timeoutSeconds", 1);
    json::fill_int(probe, "periodSeconds", 10);
    json::fill_int(probe, "successThreshold", 1);
    json::fill_int(probe, "failureThreshold", 3);
    default_http(probe);
    if let Some(grpc) = probe.get_mut("grpc").filter(|grpc| grpc.is_object()) {
        json::fill(grpc, "service", "");
    }
}

fn default_http(handler: &mut Value) {
    if let Some(http) = handler.get_mut("httpGet").filter(|http| http.is_object()) {
        json::fill_text(http, "path", "/");
        json::fill_text(http, "scheme", "HTTP");
    }
}

fn default_field_source(source: &mut Value) {
    if let Some(field) = source.get_mut("fieldRef").filter(|f| f.is_object()) {
        json::fill_text(field, "apiVersion", "v1");
    }
    if let Some(field) = source.get_mut("resourceFieldRef").filter(|f| f.is_object()) {
        json::fill_text(field, "divisor", "0");
    }
}

fn default_volume(volume: &mut Value) {
    let Some(fields) = volume.as_object_mut() else {
        return;
    };
    if !fields.iter().any(|(k, v)| k != "name" && !v.is_null()) {
        fields.insert("emptyDir".to_owned(), Map::new().into());
    }
    for (source, value) in fields.iter_mut().filter(|(_, value)| value.is_object()) {
        match source.as_str() {
            "secret" | "configMap" => json::fill(value, "defaultMode", FILE_MODE),
            "downwardAPI" => {
                json::fill(value, "defaultMode", FILE_MODE);
                json::list_mut(value, "items").for_each(default_field_source);
            }
            "projected" => default_projected(value),
            "hostPath" => json::fill(value, "type", ""),
            "emptyDir" => {
                if let Some(limit) = value.get_mut("sizeLimit") {
                    canonical_amount(limit);
                }
            }
            "image" => {
                let policy = pull_policy(json::text(value, "reference"));
                json::fill_text(value, "pullPolicy", policy);
            }
            "ephemeral" => default_ephemeral(value),
            _ => {}
        }
    }
}

fn default_projected(value: &mut Value) {
    json::fill(value, "defaultMode", FILE_MODE);
    for source in json::list_mut(value, "sources") {
        if let Some(token) = source.get_mut("serviceAccountToken") {
            json::fill(token, "expirationSeconds", TOKEN_SECONDS);
        }
        if let Some(downward) = source.get_mut("downwardAPI") {
            json::list_mut(downward, "items").for_each(default_field_source);
        }
    }
}

fn default_ephemeral(value: &mut Value) {
    let spec = value.get_mut("volumeClaimTemplate").and_then(|template| template.get_mut("spec"));
    if let Some(spec) = spec {
        claims::default_spec(spec);
    }
}

fn requests_from_limits(container: &mut Value) {
    let Some(resources) = container.get_mut("resources") else {
        return;
    };
    let Some(limits) = json::map(resources, "limits").cloned() else {
        return;
    };
    if let Some(requests) = json::object_mut(resources, "requests") {
        for (name, amount) in limits {
            json::fill(requests, &name, amount);
        }
    }
}

/// On the host's network a port is a host port.
fn host_ports(container: &mut Value) {
    for port in json::list_mut(container, "ports") {
        if let Some(number) = json::int(port, "containerPort") {
            json::fill_int(port, "hostPort", number);
        }
    }
}
