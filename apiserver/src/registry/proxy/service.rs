//! The pod that answers for a service: one of its endpoints that are ready, by chance.

use rand::seq::IndexedRandom;
use serde_json::Value;
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;
use timonier_store::Snapshot;

use super::target::Target;
use crate::kinds::{json as of, metadata};
use crate::object::Object;

const SERVICE_NAME: &str = "kubernetes.io/service-name";

#[derive(Debug)]
pub struct Backend {
    pub pod: Value,
    pub port: u16,
}

/// What the EndpointSlices of the service name; the pods of its selector while there are none.
pub fn backend(snapshot: &Snapshot, namespace: &str, target: &Target<'_>) -> Result<Backend, Status> {
    let service = object(snapshot, &format!("services/{namespace}/{}", target.name))?
        .ok_or_else(|| Status::not_found(&GroupResource::new("", "services"), target.name))?;
    let port = port_of(&service, target)?;
    let port_name = of::text(port, "name");
    let slices = objects(snapshot, &format!("endpointslices.discovery.k8s.io/{namespace}/"), |slice| {
        metadata::label(slice, SERVICE_NAME) == target.name
    })?;
    let mut found = vec![];
    if slices.is_empty() {
        let selector = of::get(of::get(&service, "spec"), "selector");
        let pods = objects(snapshot, &format!("pods/{namespace}/"), |pod| selects(selector, pod))?;
        let backends = pods.into_iter().filter(is_ready).filter_map(|pod| {
            let port = target_port(port, &pod)?;
            Some(Backend { pod, port })
        });
        found.extend(backends);
    }
    for (pod, port) in slices.iter().flat_map(|slice| endpoints(slice, port_name)) {
        // An endpoint is whatever somebody wrote down; what is reached is a pod that has this address.
        let pod = object(snapshot, &format!("pods/{namespace}/{}", pod.name))?
            .filter(|found| of::text(of::get(found, "status"), "podIP") == pod.address);
        found.extend(pod.map(|pod| Backend { pod, port }));
    }
    let none = || Status::service_unavailable(format!("no endpoints available for service {:?}", target.name));
    let chosen = (0..found.len()).collect::<Vec<_>>().choose(&mut rand::rng()).copied();
    chosen.map(|chosen| found.swap_remove(chosen)).ok_or_else(none)
}

/// The service's port that is asked for, by number or name; nothing asks for the one without a name.
fn port_of<'a>(service: &'a Value, target: &Target<'_>) -> Result<&'a Value, Status> {
    let name = target.name;
    let ports = of::list(of::get(service, "spec"), "ports");
    if let Ok(number) = target.port.parse::<i64>() {
        let unknown = || Status::service_unavailable(format!("no service port {number} found for service {name:?}"));
        return ports.iter().find(|port| of::int(port, "port") == Some(number)).ok_or_else(unknown);
    }
    let none = || Status::service_unavailable(format!("no endpoints available for service {name:?}"));
    ports.iter().find(|port| of::text(port, "name") == target.port).ok_or_else(none)
}

struct Endpoint<'a> {
    name: &'a str,
    address: &'a str,
}

/// The pods that a slice names and that are ready, each with the port of that name.
fn endpoints<'a>(slice: &'a Value, port_name: &str) -> Vec<(Endpoint<'a>, u16)> {
    let ports = of::list(slice, "ports");
    let port = ports.iter().find(|port| of::text(port, "name") == port_name).and_then(|port| number(&port["port"]));
    let Some(port) = port else { return vec![] };
    let ready = |endpoint: &&Value| endpoint["conditions"]["ready"] != false;
    let pod = |endpoint: &'a Value| {
        let reference = of::get(endpoint, "targetRef");
        let address = endpoint["addresses"].get(0)?.as_str()?;
        (of::text(reference, "kind") == "Pod").then(|| Endpoint { name: of::text(reference, "name"), address })
    };
    of::list(slice, "endpoints").iter().filter(ready).filter_map(pod).map(|endpoint| (endpoint, port)).collect()
}

fn selects(selector: &Value, pod: &Value) -> bool {
    let Some(wanted) = selector.as_object().filter(|wanted| !wanted.is_empty()) else { return false };
    wanted.iter().all(|(key, value)| metadata::label(pod, key) == value.as_str().unwrap_or_default())
}

fn is_ready(pod: &Value) -> bool {
    let conditions = of::list(of::get(pod, "status"), "conditions");
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Where a pod answers for a port of the service: a number, the name of one of its containers' ports, or the same number.
fn target_port(port: &Value, pod: &Value) -> Option<u16> {
    let Some(name) = port["targetPort"].as_str() else {
        return number(&port["targetPort"]).or_else(|| number(&port["port"]));
    };
    let containers = of::list(of::get(pod, "spec"), "containers").iter();
    let mut ports = containers.flat_map(|container| of::list(container, "ports"));
    ports.find(|port| of::text(port, "name") == name).and_then(|port| number(&port["containerPort"]))
}

fn number(value: &Value) -> Option<u16> {
    value.as_u64()?.try_into().ok().filter(|port| *port > 0)
}

fn object(snapshot: &Snapshot, key: &str) -> Result<Option<Value>, Status> {
    snapshot.get(key).map(|entry| Object::of(entry)?.stored_value()).transpose()
}

fn objects(snapshot: &Snapshot, prefix: &str, wanted: impl Fn(&Value) -> bool) -> Result<Vec<Value>, Status> {
    let mut found = vec![];
    for entry in snapshot.range(prefix, None) {
        let object = Object::of(entry)?.stored_value()?;
        if wanted(&object) {
            found.push(object);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_port_is_asked_for_by_number_or_name() {
        let service = json!({"spec": {"ports": [{"name": "web", "port": 80}, {"name": "admin", "port": 81}]}});
        let of = |id: &str| port_of(&service, &Target::parse(id).expect("a target")).map_err(|status| status.message);
        assert_eq!(of("s:81").map(|port| &port["name"]), Ok(&json!("admin")));
        assert_eq!(of("s:web").map(|port| &port["port"]), Ok(&json!(80)));
        assert_eq!(of("s:82"), Err("no service port 82 found for service \"s\"".into()));
        assert_eq!(of("s"), Err("no endpoints available for service \"s\"".into()));
        let service = json!({"spec": {"ports": [{"port": 80}]}});
        assert!(port_of(&service, &Target::parse("s").expect("a target")).is_ok());
    }

    #[test]
    fn a_slice_names_pods_that_are_ready() {
        let slice = json!({
            "ports": [{"name": "web", "port": 8080}],
            "endpoints": [
                {"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "a"}},
                {"addresses": ["10.0.0.2"], "conditions": {"ready": false}, "targetRef": {"kind": "Pod", "name": "b"}},
                {"addresses": ["10.0.0.3"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "c"}},
                {"addresses": ["10.0.0.4"]},
            ],
        });
        let names = |port| endpoints(&slice, port).iter().map(|(pod, port)| (pod.name, *port)).collect::<Vec<_>>();
        assert_eq!(names("web"), [("a", 8080), ("c", 8080)]);
        assert_eq!(names(""), []);
    }

    #[test]
    fn a_target_port_may_be_a_name_in_the_pod() {
        let pod = json!({"spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]}});
        let cases = [
            (json!({"port": 80, "targetPort": "http"}), Some(8080)),
            (json!({"port": 80, "targetPort": 81}), Some(81)),
            (json!({"port": 80}), Some(80)),
            (json!({"port": 80, "targetPort": "none"}), None),
        ];
        for (port, expected) in cases {
            assert_eq!(target_port(&port, &pod), expected, "{port}");
        }
        assert!(selects(&json!({"a": "b"}), &json!({"metadata": {"labels": {"a": "b", "c": "d"}}})));
        assert!(!selects(&json!({"a": "c"}), &json!({"metadata": {"labels": {"a": "b"}}})));
        assert!(!selects(&json!({}), &json!({})), "an empty selector selects nothing");
    }
}
