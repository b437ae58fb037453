//! Who a container runs as and what it may do.

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::ConfigError;
use crate::runtime::Security;

/// The container's own context wins over the pod's, field by field.
pub fn security(pod: &PodSpec, container: &Container) -> Result<Security, ConfigError> {
    let shared = pod.security_context.as_ref();
    let own = container.security_context.as_ref();
    let user = own.and_then(|own| own.run_as_user).or(shared.and_then(|shared| shared.run_as_user));
    let group = own.and_then(|own| own.run_as_group).or(shared.and_then(|shared| shared.run_as_group));
    let not_root = own.and_then(|own| own.run_as_non_root).or(shared.and_then(|shared| shared.run_as_non_root));
    if not_root == Some(true) && user == Some(0) {
        return Err(ConfigError(format!(
            "container's runAsUser breaks non-root policy (container: {})",
            container.name
        )));
    }
    let mut groups: Vec<String> = shared
        .and_then(|shared| shared.supplemental_groups.as_ref())
        .into_iter()
        .flatten()
        .map(i64::to_string)
        .collect();
    groups.extend(shared.and_then(|shared| shared.fs_group).map(|group| group.to_string()));
    let capabilities = own.and_then(|own| own.capabilities.as_ref());
    Ok(Security {
        user: match (user, group) {
            (Some(user), Some(group)) => Some(format!("{user}:{group}")),
            (Some(user), None) => Some(user.to_string()),
            (None, Some(group)) => Some(format!("0:{group}")),
            (None, None) => None,
        },
        groups,
        privileged: own.and_then(|own| own.privileged).unwrap_or(false),
        read_only_root: own.and_then(|own| own.read_only_root_filesystem).unwrap_or(false),
        no_new_privileges: own.and_then(|own| own.allow_privilege_escalation) == Some(false),
        add_capabilities: capabilities.and_then(|all| all.add.clone()).unwrap_or_default(),
        drop_capabilities: capabilities.and_then(|all| all.drop.clone()).unwrap_or_default(),
    })
}
