//! Services, claims, and what is merely counted.

use serde_json::Value;

use super::Amounts;
use crate::quantity::Quantity;

const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

pub fn one(name: &str) -> Amounts {
    Amounts::from([(name.to_owned(), Quantity::from_value(1))])
}

pub fn service(o: &Value) -> Amounts {
    let spec = &o["spec"];
    let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
    let (mut balancers, mut node_ports) = (0, 0);
    match spec["type"].as_str() {
        Some("NodePort") => node_ports = ports.len(),
        Some("LoadBalancer") => {
            balancers = 1;
            node_ports = match spec["allocateLoadBalancerNodePorts"].as_bool() {
                Some(false) => ports.iter().filter(|port| port["nodePort"].as_i64().unwrap_or(0) != 0).count(),
                _ => ports.len(),
            };
        }
        _ => {}
    }
    let mut amounts = one("services");
    for (name, count) in [("services.loadbalancers", balancers), ("services.nodeports", node_ports)] {
        amounts.insert(name.to_owned(), Quantity::from_value(count as i64));
    }
    amounts
}

pub fn claim(o: &Value) -> Amounts {
    let mut amounts = one("persistentvolumeclaims");
    let annotation = o["metadata"]["annotations"][CLASS_ANNOTATION].as_str();
    let class = annotation.or(o["spec"]["storageClassName"].as_str()).unwrap_or("");
    let of_class = |name: &str| format!("{class}.storageclass.storage.k8s.io/{name}");
    if !class.is_empty() {
        amounts.insert(of_class("persistentvolumeclaims"), Quantity::from_value(1));
    }
    if let Some(size) = o["spec"]["resources"]["requests"]["storage"].as_str().and_then(|size| size.parse().ok()) {
        amounts.insert("requests.storage".to_owned(), size);
        if !class.is_empty() {
            amounts.insert(of_class("requests.storage"), size);
        }
    }
    amounts
}
