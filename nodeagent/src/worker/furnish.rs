//! What a container gets beside what its spec says: who its image runs as, and its seccomp profile's content.

use k8s_openapi::api::core::v1::{Container, Pod};

use super::Worker;
use crate::{
    desired::{self, ConfigError},
    runtime::{ContainerSpec, Profile, Runtime},
};

/// Profiles are looked up in this directory below the agent's own.
const SECCOMP: &str = "seccomp";

impl<R: Runtime> Worker<R> {
    pub(super) async fn furnish(
        &self,
        pod: &Pod,
        wanted: &Container,
        spec: &mut ContainerSpec,
    ) -> Result<(), ConfigError> {
        if desired::asks_the_image(pod, wanted) {
            let image = self.shared.runtime.image(&spec.image).await;
            let image = image.map_err(|error| ConfigError(error.to_string()))?;
            let user = image.map(|image| image.user).unwrap_or_default();
            desired::user_of_image(pod, wanted, &mut spec.security, &user)?;
        }
        if let Profile::Local(name) = &spec.security.seccomp {
            let path = self.shared.state_dir.join(SECCOMP).join(name);
            let content = tokio::fs::read_to_string(&path).await;
            let content = content.map_err(|error| {
                ConfigError(format!("cannot load seccomp profile {:?}: {error}", path.display().to_string()))
            })?;
            spec.security.seccomp = Profile::Local(content);
        }
        Ok(())
    }
}
