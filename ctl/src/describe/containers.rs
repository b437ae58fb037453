//! Containers of a pod or of a pod template.

use super::page::Page;
use super::parts::{annotations_at, list, map, or_none, scalar, text, time};
use super::place::{Place, optional};
use super::{tolerations, volumes};
use serde_json::Value;
use timonier_api::quantity::Quantity;

/// `Pod Template:` and everything in it.
pub fn describe_template(page: &mut Page, template: &Value) {
    let place = Place { pod: None, indent: "  " };
    let spec = &template["spec"];
    page.line(0, "Pod Template:");
    map(page, 1, "Labels", &template["metadata"]["labels"]);
    if template["metadata"]["annotations"].as_object().is_some_and(|map| !map.is_empty()) {
        annotations_at(page, 1, &template["metadata"]["annotations"]);
    }
    if let Some(account) = spec["serviceAccountName"].as_str().filter(|name| !name.is_empty()) {
        page.field(1, "Service Account", account);
    }
    describe(page, "Init Containers", &spec["initContainers"], &Value::Null, place);
    describe(page, "Containers", &spec["containers"], &Value::Null, place);
    volumes::describe(page, &spec["volumes"], place);
    if let Some(class) = spec["priorityClassName"].as_str().filter(|name| !name.is_empty()) {
        page.field(1, "Priority Class Name", class);
    }
    map(page, 1, "Node-Selectors", &spec["nodeSelector"]);
    tolerations::describe(page, 1, &spec["tolerations"]);
}

pub fn describe(page: &mut Page, title: &str, containers: &Value, statuses: &Value, place: Place<'_>) {
    let containers = list(containers);
    if containers.is_empty() {
        // A pod always has containers; a list of other containers is left out.
        return;
    }
    page.line(0, format!("{}{title}:", place.indent));
    for container in containers {
        let status = list(statuses).iter().find(|status| status["name"] == container["name"]);
        describe_one(page, container, status, place);
    }
}

fn describe_one(page: &mut Page, container: &Value, status: Option<&Value>, place: Place<'_>) {
    page.line(1, format!("{}{}:", place.name_indent(), text(&container["name"])));
    if let Some(status) = status {
        page.field(2, "Container ID", text(&status["containerID"]));
    }
    page.field(2, "Image", text(&container["image"]));
    if let Some(status) = status {
        page.field(2, "Image ID", text(&status["imageID"]));
    }
    ports(page, &container["ports"]);
    words(page, "Command", &container["command"]);
    words(page, "Args", &container["args"]);
    if let Some(status) = status {
        state(page, "State", &status["state"]);
        if status["lastState"]["terminated"].is_object() {
            state(page, "Last State", &status["lastState"]);
        }
        page.field(2, "Ready", super::parts::capitalized(&status["ready"]));
        page.field(2, "Restart Count", status["restartCount"].as_i64().unwrap_or(0).to_string());
    }
    quantities(page, "Limits", &container["resources"]["limits"]);
    quantities(page, "Requests", &container["resources"]["requests"]);
    for (label, field) in [("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")]
    {
        if container[field].is_object() {
            page.field(2, label, probe(&container[field]));
        }
    }
    environment_from(page, &container["envFrom"]);
    environment(page, container, place.pod);
    mounts(page, &container["volumeMounts"]);
}

fn ports(page: &mut Page, ports: &Value) {
    let ports = list(ports);
    let plural = if ports.len() > 1 { "s" } else { "" };
    let join = |field: &str| {
        let shown = ports.iter().map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            format!("{}/{protocol}", port[field].as_i64().unwrap_or(0))
        });
        or_none(shown.collect::<Vec<_>>().join(", "))
    };
    page.field(2, &format!("Port{plural}"), join("containerPort"));
    page.field(2, &format!("Host Port{plural}"), join("hostPort"));
}

fn words(page: &mut Page, label: &str, words: &Value) {
    if list(words).is_empty() {
        return;
    }
    page.line(2, format!("{label}:"));
    for line in list(words).iter().flat_map(|word| text(word).split('\n')) {
        page.line(3, line);
    }
}

fn state(page: &mut Page, label: &str, state: &Value) {
    if let Some(running) = state.get("running").filter(|running| running.is_object()) {
        page.field(2, label, "Running");
        page.field(3, "Started", time(&running["startedAt"]));
        return;
    }
    let Some(ended) = state.get("terminated").filter(|ended| ended.is_object()) else {
        page.field(2, label, "Waiting");
        if let Some(reason) = state["waiting"]["reason"].as_str().filter(|reason| !reason.is_empty()) {
            page.field(3, "Reason", reason);
        }
        return;
    };
    page.field(2, label, "Terminated");
    for (label, field) in [("Reason", "reason"), ("Message", "message")] {
        if let Some(words) = ended[field].as_str().filter(|words| !words.is_empty()) {
            page.field(3, label, words);
        }
    }
    page.field(3, "Exit Code", ended["exitCode"].as_i64().unwrap_or(0).to_string());
    if let Some(signal) = ended["signal"].as_i64().filter(|signal| *signal > 0) {
        page.field(3, "Signal", signal.to_string());
    }
    page.field(3, "Started", time(&ended["startedAt"]));
    page.field(3, "Finished", time(&ended["finishedAt"]));
}

fn quantities(page: &mut Page, label: &str, quantities: &Value) {
    let Some(map) = quantities.as_object().filter(|map| !map.is_empty()) else { return };
    page.line(2, format!("{label}:"));
    for (name, quantity) in map {
        page.field(3, name, scalar(quantity));
    }
}

fn probe(probe: &Value) -> String {
    let number = |field: &str, default: i64| probe[field].as_i64().unwrap_or(default);
    let attributes = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        number("initialDelaySeconds", 0),
        number("timeoutSeconds", 1),
        number("periodSeconds", 10),
        number("successThreshold", 1),
        number("failureThreshold", 3),
    );
    let action = if probe["exec"].is_object() {
        format!("exec [{}]", list(&probe["exec"]["command"]).iter().map(text).collect::<Vec<_>>().join(" "))
    } else if let Some(http) = probe.get("httpGet").filter(|http| http.is_object()) {
        let scheme = http["scheme"].as_str().unwrap_or("HTTP").to_lowercase();
        let path = text(&http["path"]);
        let slash = if path.starts_with('/') || path.is_empty() { "" } else { "/" };
        format!("http-get {scheme}://{}:{}{slash}{path}", text(&http["host"]), scalar(&http["port"]))
    } else if let Some(tcp) = probe.get("tcpSocket").filter(|tcp| tcp.is_object()) {
        format!("tcp-socket {}:{}", text(&tcp["host"]), scalar(&tcp["port"]))
    } else if let Some(grpc) = probe.get("grpc").filter(|grpc| grpc.is_object()) {
        format!("grpc <pid>:{} {}", scalar(&grpc["port"]), text(&grpc["service"]))
    } else {
        "unknown".into()
    };
    format!("{action} {attributes}")
}

fn environment_from(page: &mut Page, sources: &Value) {
    if list(sources).is_empty() {
        return;
    }
    page.line(2, "Environment Variables from:");
    for source in list(sources) {
        let (kind, reference) = match source.get("configMapRef").filter(|reference| reference.is_object()) {
            Some(reference) => ("ConfigMap", reference),
            None => ("Secret", &source["secretRef"]),
        };
        let prefix = match source["prefix"].as_str() {
            Some(prefix) if !prefix.is_empty() => format!(" with prefix '{prefix}'"),
            _ => String::new(),
        };
        page.line(3, format!("{}\t{kind}{prefix}\tOptional: {}", text(&reference["name"]), optional(reference)));
    }
}

fn environment(page: &mut Page, container: &Value, pod: Option<&Value>) {
    let variables = &container["env"];
    if list(variables).is_empty() {
        return page.field(2, "Environment", "<none>");
    }
    page.line(2, "Environment:");
    for variable in list(variables) {
        let name = text(&variable["name"]);
        let from = &variable["valueFrom"];
        if !from.is_object() {
            let mut lines = text(&variable["value"]).split('\n');
            page.field(3, name, lines.next().unwrap_or_default());
            lines.for_each(|line| page.line(3, format!("\t{line}")));
            continue;
        }
        let key_of = |field: &str, noun: &str| {
            let reference = &from[field];
            let (key, object) = (text(&reference["key"]), text(&reference["name"]));
            format!("<set to the key '{key}' {noun} '{object}'>\tOptional: {}", optional(reference))
        };
        let value = if from["fieldRef"].is_object() {
            let path = text(&from["fieldRef"]["fieldPath"]);
            let version = from["fieldRef"]["apiVersion"].as_str().unwrap_or("v1");
            format!("{} ({version}:{path})", pod.map(|pod| field_of(pod, path)).unwrap_or_default())
        } else if from["resourceFieldRef"].is_object() {
            format!("{} ({})", amount_of(container, from), text(&from["resourceFieldRef"]["resource"]))
        } else if from["secretKeyRef"].is_object() {
            key_of("secretKeyRef", "in secret")
        } else {
            key_of("configMapKeyRef", "of config map")
        };
        page.field(3, name, value);
    }
}

/// What a `resourceFieldRef` comes to: the container's amount in units of the divisor, rounded up.
fn amount_of(container: &Value, from: &Value) -> String {
    let reference = &from["resourceFieldRef"];
    let quantity = |value: &Value| value.as_str().and_then(|text| text.parse::<Quantity>().ok());
    let (kind, resource) = text(&reference["resource"]).split_once('.').unwrap_or_default();
    let amount = quantity(&container["resources"][kind][resource]).unwrap_or(Quantity::ZERO);
    let divisor =
        quantity(&reference["divisor"]).filter(|divisor| !divisor.is_zero()).unwrap_or(Quantity::from_value(1));
    let (amount, unit) = match divisor.is_integer() {
        true => (amount.value(), divisor.value()),
        false => (amount.milli(), divisor.milli()),
    };
    (amount / unit + i64::from(amount % unit > 0)).to_string()
}

/// What a `fieldRef` reads of this pod.
fn field_of(pod: &Value, path: &str) -> String {
    if let Some((map, key)) = path.split_once('[') {
        let key = key.trim_end_matches(']').trim_matches(['\'', '"']);
        return pod.pointer(&format!("/{}", map.replace('.', "/"))).map(|map| scalar(&map[key])).unwrap_or_default();
    }
    pod.pointer(&format!("/{}", path.replace('.', "/"))).map(scalar).unwrap_or_default()
}

fn mounts(page: &mut Page, mounts: &Value) {
    if list(mounts).is_empty() {
        return page.field(2, "Mounts", "<none>");
    }
    let mut mounts: Vec<&Value> = list(mounts).iter().collect();
    mounts.sort_by_key(|mount| text(&mount["mountPath"]));
    page.line(2, "Mounts:");
    for mount in mounts {
        let mut flags = String::from(if mount["readOnly"] == true { "ro" } else { "rw" });
        for field in ["subPath", "subPathExpr"] {
            if let Some(path) = mount[field].as_str().filter(|path| !path.is_empty()) {
                flags.push_str(&format!(",path={path:?}"));
            }
        }
        page.line(3, format!("{} from {} ({flags})", text(&mount["mountPath"]), text(&mount["name"])));
    }
}
