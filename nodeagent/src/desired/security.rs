//! Who a container runs as and what it may do.

use k8s_openapi::api::core::v1::{AppArmorProfile, Container, Pod, PodSpec, SeccompProfile};

use super::{ConfigError, identity, spec};
use crate::runtime::{Profile, Security};

/// The container's own context wins over the pod's, field by field.
pub fn security(pod: &PodSpec, container: &Container) -> Security {
    let shared = pod.security_context.as_ref();
    let own = container.security_context.as_ref();
    let user = own.and_then(|own| own.run_as_user).or(shared.and_then(|shared| shared.run_as_user));
    let mut groups: Vec<String> = shared
        .and_then(|shared| shared.supplemental_groups.as_ref())
        .into_iter()
        .flatten()
        .map(i64::to_string)
        .collect();
    groups.extend(shared.and_then(|shared| shared.fs_group).map(|group| group.to_string()));
    let capabilities = own.and_then(|own| own.capabilities.as_ref());
    let seccomp = own.and_then(|own| own.seccomp_profile.as_ref());
    let seccomp = seccomp.or(shared.and_then(|shared| shared.seccomp_profile.as_ref()));
    let app_armor = own.and_then(|own| own.app_armor_profile.as_ref());
    let app_armor = app_armor.or(shared.and_then(|shared| shared.app_armor_profile.as_ref()));
    let selinux = own.and_then(|own| own.se_linux_options.as_ref());
    let selinux = selinux.or(shared.and_then(|shared| shared.se_linux_options.as_ref()));
    let labels = selinux.into_iter().flat_map(|options| {
        let parts =
            [("user", &options.user), ("role", &options.role), ("type", &options.type_), ("level", &options.level)];
        parts.map(|(part, value)| Some((part, value.clone().filter(|value| !value.is_empty())?)))
    });
    Security {
        user: match (user, group(pod, container)) {
            (Some(user), Some(group)) => Some(format!("{user}:{group}")),
            (Some(user), None) => Some(user.to_string()),
            // Whose group it is, the image says: see `user_of_image`.
            (None, _) => None,
        },
        groups,
        privileged: own.and_then(|own| own.privileged).unwrap_or(false),
        read_only_root: own.and_then(|own| own.read_only_root_filesystem).unwrap_or(false),
        no_new_privileges: own.and_then(|own| own.allow_privilege_escalation) == Some(false),
        add_capabilities: capabilities.and_then(|all| all.add.clone()).unwrap_or_default(),
        drop_capabilities: capabilities.and_then(|all| all.drop.clone()).unwrap_or_default(),
        seccomp: seccomp
            .map(|SeccompProfile { type_, localhost_profile }| profile(type_, localhost_profile))
            .unwrap_or_default(),
        app_armor: app_armor
            .map(|AppArmorProfile { type_, localhost_profile }| profile(type_, localhost_profile))
            .unwrap_or_default(),
        selinux: labels.flatten().collect(),
    }
}

fn profile(kind: &str, local: &Option<String>) -> Profile {
    match kind {
        "Unconfined" => Profile::Unconfined,
        "Localhost" => Profile::Local(local.clone().unwrap_or_default()),
        _ => Profile::Default,
    }
}

fn group(pod: &PodSpec, container: &Container) -> Option<i64> {
    let own = container.security_context.as_ref().and_then(|own| own.run_as_group);
    own.or(pod.security_context.as_ref().and_then(|shared| shared.run_as_group))
}

/// Whether who the container runs as can't be told from its spec alone.
pub fn asks_the_image(pod: &Pod, container: &Container) -> bool {
    not_root(spec(pod), container) || group(spec(pod), container).is_some()
}

fn not_root(pod: &PodSpec, container: &Container) -> bool {
    let own = container.security_context.as_ref().and_then(|own| own.run_as_non_root);
    own.or(pod.security_context.as_ref().and_then(|shared| shared.run_as_non_root)).unwrap_or(false)
}

/// Completes the user by what the image says (`USER`, empty for root), and refuses root where it is not wanted.
pub fn user_of_image(
    pod: &Pod,
    container: &Container,
    security: &mut Security,
    image_user: &str,
) -> Result<(), ConfigError> {
    let name = image_user.split(':').next().unwrap_or_default();
    let asked = security.user.is_some();
    if !asked && let Some(group) = group(spec(pod), container) {
        security.user = Some(format!("{}:{group}", if name.is_empty() { "0" } else { name }));
    }
    if !not_root(spec(pod), container) {
        return Ok(());
    }
    let whose = {
        let identity = identity(pod);
        let pod = format!("{}_{}({})", identity.name, identity.namespace, identity.uid);
        format!("(pod: {pod:?}, container: {})", container.name)
    };
    let runs_as = security.user.as_deref().unwrap_or(name).split(':').next().unwrap_or_default();
    let refusal = match (asked, runs_as.parse::<i64>()) {
        (true, Ok(0)) => "container's runAsUser breaks non-root policy".to_owned(),
        (false, Ok(0)) => "container has runAsNonRoot and image will run as root".to_owned(),
        (_, Ok(_)) => return Ok(()),
        (_, Err(_)) if name.is_empty() => "container has runAsNonRoot and image will run as root".to_owned(),
        (_, Err(_)) => {
            format!(
                "container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root"
            )
        }
    };
    Err(ConfigError(format!("{refusal} {whose}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(pod: serde_json::Value, container: serde_json::Value) -> (Pod, Security) {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": {"securityContext": pod, "containers": [{"name": "c", "securityContext": container}]}}))
        .expect("a pod");
        let security = security(spec(&pod), &spec(&pod).containers[0]);
        (pod, security)
    }

    #[test]
    fn a_container_overrules_its_pod_field_by_field() {
        let pod = json!({"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4],
            "seccompProfile": {"type": "Unconfined"}, "seLinuxOptions": {"level": "s0"}});
        let (_, inherited) = made(pod.clone(), json!({}));
        assert_eq!(inherited.user.as_deref(), Some("1:2"));
        assert_eq!(inherited.groups, ["4", "3"]);
        assert_eq!(inherited.seccomp, Profile::Unconfined);
        assert_eq!(inherited.selinux, [("level", "s0".to_owned())]);
        let own = json!({"runAsUser": 9, "seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"},
            "appArmorProfile": {"type": "RuntimeDefault"}, "allowPrivilegeEscalation": false});
        let (_, own) = made(pod, own);
        assert_eq!(own.user.as_deref(), Some("9:2"));
        assert_eq!(own.seccomp, Profile::Local("a.json".into()));
        assert_eq!(own.app_armor, Profile::Default);
        assert!(own.no_new_privileges);
    }

    #[test]
    fn root_is_refused_where_it_is_not_wanted() {
        let whose = "(pod: \"p_n(u)\", container: c)";
        for (context, image, expected) in [
            (json!({"runAsNonRoot": true, "runAsUser": 0}), "7", Some("container's runAsUser breaks non-root policy")),
            (json!({"runAsNonRoot": true, "runAsUser": 5}), "", None),
            (json!({"runAsNonRoot": true}), "", Some("container has runAsNonRoot and image will run as root")),
            (json!({"runAsNonRoot": true}), "0:5", Some("container has runAsNonRoot and image will run as root")),
            (json!({"runAsNonRoot": true}), "7:0", None),
            (
                json!({"runAsNonRoot": true}),
                "web",
                Some("container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root"),
            ),
            (
                json!({"runAsNonRoot": true, "runAsGroup": 3}),
                "",
                Some("container has runAsNonRoot and image will run as root"),
            ),
            (json!({"runAsNonRoot": false}), "", None),
        ] {
            let (pod, mut security) = made(json!({}), context.clone());
            let refused = user_of_image(&pod, &spec(&pod).containers[0], &mut security, image);
            let expected = expected.map_or(Ok(()), |message| Err(ConfigError(format!("{message} {whose}"))));
            assert_eq!(refused, expected, "{context} {image}");
        }
    }

    #[test]
    fn a_group_alone_joins_the_images_user() {
        for (image, expected) in [("", "0:5"), ("web", "web:5"), ("7:8", "7:5")] {
            let (pod, mut security) = made(json!({"runAsGroup": 5}), json!({}));
            user_of_image(&pod, &spec(&pod).containers[0], &mut security, image).expect("no root asked for");
            assert_eq!(security.user.as_deref(), Some(expected));
        }
    }
}
