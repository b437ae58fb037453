//! The pod fields that an environment variable or a downward API file may show.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use super::{ConfigError, Surroundings, spec};

/// The value of a `fieldRef.fieldPath`.
pub fn value(pod: &Pod, path: &str, around: Surroundings<'_>) -> Result<String, ConfigError> {
    let meta = &pod.metadata;
    if let Some((map, key)) = subscript(path) {
        let values = match map {
            "metadata.labels" => &meta.labels,
            "metadata.annotations" => &meta.annotations,
            _ => return Err(unsupported(path)),
        };
        return Ok(values.as_ref().and_then(|values| values.get(key)).cloned().unwrap_or_default());
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let pod_ip = around.pod_ip.map(|ip| ip.to_string()).unwrap_or_default();
    Ok(match path {
        "metadata.name" => text(&meta.name),
        "metadata.namespace" => text(&meta.namespace),
        "metadata.uid" => text(&meta.uid),
        "metadata.labels" => lines(&meta.labels),
        "metadata.annotations" => lines(&meta.annotations),
        "spec.nodeName" => around.node_name.to_owned(),
        "spec.serviceAccountName" => text(&spec(pod).service_account_name),
        "status.hostIP" | "status.hostIPs" => around.host_ip.to_string(),
        "status.podIP" | "status.podIPs" => pod_ip,
        _ => return Err(unsupported(path)),
    })
}

fn unsupported(path: &str) -> ConfigError {
    ConfigError(format!("unsupported fieldPath: {path}"))
}

/// `metadata.labels['key']` → (`metadata.labels`, `key`)
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (map, rest) = path.split_once("['")?;
    Some((map, rest.strip_suffix("']")?))
}

/// `key="value"` a line, as downward API files show maps.
fn lines(map: &Option<BTreeMap<String, String>>) -> String {
    let lines: Vec<String> = map.iter().flatten().map(|(key, value)| format!("{key}={value:?}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::HostFacts;

    #[test]
    fn each_field_shows_its_value() {
        let mut pod = Pod::default();
        pod.metadata.name = Some("web-1".into());
        pod.metadata.labels = Some([("a/b".to_owned(), "c".to_owned())].into());
        let node = HostFacts::default();
        let around = Surroundings {
            node_name: "node-1",
            host_ip: [127, 0, 0, 9].into(),
            pod_ip: Some([10, 0, 0, 2].into()),
            node: &node,
        };
        for (path, expected) in [
            ("metadata.name", "web-1"),
            ("metadata.labels['a/b']", "c"),
            ("metadata.labels['none']", ""),
            ("metadata.labels", "a/b=\"c\""),
            ("spec.nodeName", "node-1"),
            ("status.hostIP", "127.0.0.9"),
            ("status.podIP", "10.0.0.2"),
        ] {
            assert_eq!(value(&pod, path, around).as_deref(), Ok(expected), "{path}");
        }
        assert_eq!(
            value(&pod, "spec.hostname", around).map_err(|error| error.to_string()),
            Err("unsupported fieldPath: spec.hostname".to_owned())
        );
    }
}
