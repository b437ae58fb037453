//! A container's environment variables.

use k8s_openapi::api::core::v1::{Container, EnvVarSource, Pod};

use super::{ConfigError, Surroundings, expand::expand, fields, resources, sources::Sources};

/// What tells of Services first, then `envFrom`, then `env`, later mentions replacing earlier ones; `$(NAME)` sees what came before.
pub fn environment(
    pod: &Pod,
    container: &Container,
    sources: &Sources,
    around: Surroundings<'_>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let mut env = sources.service_links.clone();
    for from in container.env_from.iter().flatten() {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        let data = match (&from.config_map_ref, &from.secret_ref) {
            (Some(from), _) => sources.config_map(&from.name, from.optional.unwrap_or(false))?,
            (None, Some(from)) => sources.secret(&from.name, from.optional.unwrap_or(false))?,
            (None, None) => None,
        };
        for (key, value) in data.into_iter().flatten() {
            let name = format!("{prefix}{key}");
            // Such a name can't be passed to a process.
            if !name.is_empty() && !name.contains('=') {
                set(&mut env, name, String::from_utf8_lossy(&value).into_owned());
            }
        }
    }
    for variable in container.env.iter().flatten() {
        let value = match &variable.value_from {
            None => Some(expand(variable.value.as_deref().unwrap_or_default(), &env)),
            Some(from) => referred(pod, container, from, sources, around)?,
        };
        if let Some(value) = value {
            set(&mut env, variable.name.clone(), value);
        }
    }
    Ok(env)
}

fn set(env: &mut Vec<(String, String)>, name: String, value: String) {
    match env.iter_mut().find(|(known, _)| *known == name) {
        Some(known) => known.1 = value,
        None => env.push((name, value)),
    }
}

/// `None`: it may be absent, and is.
fn referred(
    pod: &Pod,
    container: &Container,
    from: &EnvVarSource,
    sources: &Sources,
    around: Surroundings<'_>,
) -> Result<Option<String>, ConfigError> {
    if let Some(field) = &from.field_ref {
        return fields::value(pod, &field.field_path, around).map(Some);
    }
    if let Some(field) = &from.resource_field_ref {
        return resources::field(pod, Some(container), field, around.node).map(Some);
    }
    let (data, key, optional, kind, name) = if let Some(key) = &from.config_map_key_ref {
        let optional = key.optional.unwrap_or(false);
        (sources.config_map(&key.name, optional)?, &key.key, optional, "ConfigMap", &key.name)
    } else if let Some(key) = &from.secret_key_ref {
        let optional = key.optional.unwrap_or(false);
        (sources.secret(&key.name, optional)?, &key.key, optional, "Secret", &key.name)
    } else {
        return Err(ConfigError("valueFrom names no source that this version knows".to_owned()));
    };
    match data.and_then(|mut data| data.remove(key)) {
        Some(value) => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
        None if optional => Ok(None),
        None => Err(ConfigError(format!("couldn't find key {key} in {kind} {}/{name}", sources.namespace))),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;
    use crate::runtime::HostFacts;

    fn check(container: serde_json::Value, expected: Result<&[(&str, &str)], &str>) {
        let container: Container = serde_json::from_value(container).expect("a container");
        let settings = ConfigMap {
            data: Some([("color", "blue"), ("size", "$(color)")].map(|(k, v)| (k.into(), v.into())).into()),
            ..ConfigMap::default()
        };
        let sources = Sources {
            namespace: "default".into(),
            config_maps: [("settings".to_owned(), Some(settings)), ("gone".to_owned(), None)].into(),
            ..Sources::default()
        };
        let node = HostFacts::default();
        let around = Surroundings {
            node_name: "n",
            host_ip: [127, 0, 0, 1].into(),
            pod_ip: Some([10, 0, 0, 2].into()),
            node: &node,
        };
        let made = environment(&Pod::default(), &container, &sources, around);
        let expected = expected
            .map(|pairs| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
            .map_err(|message| ConfigError(message.to_owned()));
        assert_eq!(made, expected);
    }

    #[test]
    fn variables_see_those_before_them() {
        check(
            json!({"name":"c","env":[{"name":"A","value":"1"},{"name":"B","value":"$(A)2$(C)"},{"name":"C","value":"3"}]}),
            Ok(&[("A", "1"), ("B", "12$(C)"), ("C", "3")]),
        );
    }

    #[test]
    fn env_overrides_env_from_and_its_values_are_not_expanded() {
        check(
            json!({"name":"c","envFrom":[{"prefix":"P_","configMapRef":{"name":"settings"}}],
                "env":[{"name":"P_color","value":"red"}]}),
            Ok(&[("P_color", "red"), ("P_size", "$(color)")]),
        );
    }

    #[test]
    fn what_is_missing_is_named_as_kubernetes_names_it() {
        let from = |name: &str, key: &str, optional: bool| {
            json!({"name":"c","env":[{"name":"A","valueFrom":
                {"configMapKeyRef":{"name":name,"key":key,"optional":optional}}}]})
        };
        check(from("gone", "x", false), Err("configmap \"gone\" not found"));
        check(from("settings", "x", false), Err("couldn't find key x in ConfigMap default/settings"));
        check(from("gone", "x", true), Ok(&[]));
        check(from("settings", "x", true), Ok(&[]));
        check(from("settings", "color", false), Ok(&[("A", "blue")]));
        check(json!({"name":"c","envFrom":[{"secretRef":{"name":"none"}}]}), Err("secret \"none\" not found"));
        check(json!({"name":"c","envFrom":[{"secretRef":{"name":"none","optional":true}}]}), Ok(&[]));
    }

    #[test]
    fn the_pods_own_address_can_be_read() {
        check(
            json!({"name":"c","env":[{"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}}]}),
            Ok(&[("IP", "10.0.0.2")]),
        );
    }
}
