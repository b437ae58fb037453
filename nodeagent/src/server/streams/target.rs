//! Which container or sandbox a request means.

use std::sync::Arc;

use axum::http::StatusCode;
use k8s_openapi::api::core::v1::Pod;

use crate::{
    desired,
    observed::{ObservedPod, State},
    runtime::{Runtime, RuntimeError},
    server::{Server, logs::Refusal},
};

/// A pod and what the runtime has of it.
pub struct Target {
    pub pod: Arc<Pod>,
    pub observed: ObservedPod,
}

impl Target {
    pub async fn find<R: Runtime>(server: &Server<R>, namespace: &str, name: &str) -> Result<Target, Refusal> {
        let pod = server.pod(namespace, name, || "pod does not exist".to_owned()).await?;
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let observed = server.runtime.observe(&uid).await.map_err(refusal)?;
        Ok(Target { pod, observed })
    }

    /// The runtime's id of a container that runs.
    pub fn container(&self, name: &str) -> Result<String, Refusal> {
        let newest = self.observed.container(name);
        let missing = || (StatusCode::NOT_FOUND, format!("container not found ({name:?})"));
        let newest = newest.ok_or_else(missing)?;
        match newest.state {
            State::Running { .. } => Ok(newest.id.clone()),
            _ => Err((StatusCode::CONFLICT, format!("container {name:?} is not running"))),
        }
    }

    pub fn sandbox(&self) -> Result<String, Refusal> {
        let running = self.observed.sandbox().filter(|sandbox| matches!(sandbox.state, State::Running { .. }));
        let pod = &self.pod.metadata.name;
        let refused = || (StatusCode::CONFLICT, format!("pod {:?} is not running", pod.as_deref().unwrap_or_default()));
        running.map(|sandbox| sandbox.id.clone()).ok_or_else(refused)
    }

    /// As errors name the pod.
    pub fn pod_name(&self) -> String {
        let identity = desired::identity(&self.pod);
        format!("pod {}, uid {}", identity.name, identity.uid)
    }
}

pub fn refusal(error: RuntimeError) -> Refusal {
    let status = match error {
        RuntimeError::NotFound(_) => StatusCode::NOT_FOUND,
        RuntimeError::Conflict(_) => StatusCode::CONFLICT,
        RuntimeError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, error.to_string())
}
