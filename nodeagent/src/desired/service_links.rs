//! The environment variables that tell containers of the Services around them, as the kubelet makes them.

use serde::Deserialize;
use timonier_client::{Meta, Object, Resource};

/// Of Services, what the variables tell.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Service {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: ServiceSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<String>,
    pub ports: Vec<Port>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Port {
    pub name: Option<String>,
    pub protocol: Option<String>,
    pub port: i32,
}

impl Object for Service {
    const KIND: &'static str = "Service";
    const RESOURCE: Resource = Resource::of("", "v1", "services");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// Every pod is told of this one, in namespace `default`.
const API_SERVER: &str = "kubernetes";

/// Whether a pod in `namespace` is told of it. `links`: its `enableServiceLinks`.
pub fn concerns(service: &Service, namespace: &str, links: bool) -> bool {
    let own = service.metadata.namespace.as_deref().unwrap_or_default();
    let is_api_server = own == "default" && &*service.metadata.name == API_SERVER;
    is_api_server || (links && own == namespace)
}

/// A Service's variables; none without an address.
pub fn variables(service: &Service) -> Vec<(String, String)> {
    let address = service.spec.cluster_ip.as_deref().unwrap_or_default();
    let Some(first) = service.spec.ports.first() else { return Vec::new() };
    if address.is_empty() || address == "None" {
        return Vec::new();
    }
    let upper = |text: &str| text.to_uppercase().replace('-', "_");
    let name = upper(&service.metadata.name);
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let url = |port: &Port| format!("{}://{host}:{}", protocol(port).to_lowercase(), port.port);
    let mut made = vec![
        (format!("{name}_SERVICE_HOST"), address.to_owned()),
        (format!("{name}_SERVICE_PORT"), first.port.to_string()),
    ];
    for port in &service.spec.ports {
        if let Some(known) = port.name.as_deref().filter(|known| !known.is_empty()) {
            made.push((format!("{name}_SERVICE_PORT_{}", upper(known)), port.port.to_string()));
        }
    }
    made.push((format!("{name}_PORT"), url(first)));
    for port in &service.spec.ports {
        let prefix = format!("{name}_PORT_{}_{}", port.port, protocol(port).to_uppercase());
        made.extend([
            (prefix.clone(), url(port)),
            (format!("{prefix}_PROTO"), protocol(port).to_lowercase()),
            (format!("{prefix}_PORT"), port.port.to_string()),
            (format!("{prefix}_ADDR"), address.to_owned()),
        ]);
    }
    made
}

fn protocol(port: &Port) -> &str {
    port.protocol.as_deref().filter(|protocol| !protocol.is_empty()).unwrap_or("TCP")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(namespace: &str, name: &str, address: &str) -> Service {
        serde_json::from_value(
            json!({"metadata": {"name": name, "namespace": namespace, "uid": "u", "resourceVersion": "1"},
            "spec": {"clusterIP": address, "ports": [
                {"name": "http-main", "port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}}),
        )
        .expect("a service")
    }

    #[test]
    fn a_service_is_told_of_as_links_between_containers_once_were() {
        let made: Vec<_> = variables(&service("shop", "my-db", "10.1.2.3"));
        let made: Vec<_> = made.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = [
            "MY_DB_SERVICE_HOST=10.1.2.3",
            "MY_DB_SERVICE_PORT=80",
            "MY_DB_SERVICE_PORT_HTTP_MAIN=80",
            "MY_DB_PORT=tcp://10.1.2.3:80",
            "MY_DB_PORT_80_TCP=tcp://10.1.2.3:80",
            "MY_DB_PORT_80_TCP_PROTO=tcp",
            "MY_DB_PORT_80_TCP_PORT=80",
            "MY_DB_PORT_80_TCP_ADDR=10.1.2.3",
            "MY_DB_PORT_53_UDP=udp://10.1.2.3:53",
            "MY_DB_PORT_53_UDP_PROTO=udp",
            "MY_DB_PORT_53_UDP_PORT=53",
            "MY_DB_PORT_53_UDP_ADDR=10.1.2.3",
        ];
        assert_eq!(made, expected);
        assert!(variables(&service("shop", "my-db", "None")).is_empty());
        assert!(variables(&service("shop", "my-db", "")).is_empty());
        assert_eq!(variables(&service("shop", "six", "fd00::1"))[3].1, "tcp://[fd00::1]:80");
    }

    #[test]
    fn a_pod_is_told_of_its_namespace_if_it_likes_and_of_the_api_server_always() {
        assert!(concerns(&service("shop", "db", "10.1.2.3"), "shop", true));
        assert!(!concerns(&service("shop", "db", "10.1.2.3"), "shop", false));
        assert!(!concerns(&service("shop", "db", "10.1.2.3"), "other", true));
        assert!(concerns(&service("default", "kubernetes", "10.0.0.1"), "shop", false));
    }
}
