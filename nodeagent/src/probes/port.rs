//! The port of a container that is asked.

use k8s_openapi::{api::core::v1::Container, apimachinery::pkg::util::intstr::IntOrString};

/// By number, or by the name that the container gives it.
pub fn port_of(port: &IntOrString, wanted: &Container) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let named = wanted.ports.iter().flatten().find(|port| port.name.as_deref() == Some(name));
            named.map(|port| port.container_port).or_else(|| name.parse().ok())?
        }
    };
    u16::try_from(number).ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_numbers_or_the_containers_names_for_them() {
        let container: Container =
            serde_json::from_value(json!({"name":"c","ports":[{"name":"web","containerPort":8080}]})).expect("read");
        assert_eq!(port_of(&IntOrString::String("web".into()), &container), Some(8080));
        assert_eq!(port_of(&IntOrString::Int(80), &container), Some(80));
        assert_eq!(port_of(&IntOrString::String("other".into()), &container), None);
    }
}
