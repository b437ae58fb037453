//! Having a container's image, as its pull policy says.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Container;

use super::{Worker, notices::Notices};
use crate::{
    desired::image_name,
    memory::{ImageState, Retry, go_duration, signed},
    runtime::{Runtime, RuntimeError},
};

/// An image that nobody pulls may be put there by hand any time.
const LOCAL_RETRY: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(2), SignedDuration::from_secs(10));

enum Missing {
    /// Nobody answered.
    Unavailable(String),
    /// A waiting reason, its message, and how to wait.
    Because { reason: &'static str, message: String, pulled: bool },
}

impl<R: Runtime> Worker<R> {
    pub(super) async fn ensure_image(&mut self, wanted: &Container, attempt: u32) {
        let found = have(&*self.shared.runtime, wanted, &self.notices).await;
        let now = Timestamp::now();
        let timings = &self.shared.timings;
        let pull_retry = (signed(timings.backoff_base), signed(timings.backoff_max));
        let memory = self.memory.container(&wanted.name);
        memory.image = match found {
            Ok(()) => ImageState::Present { attempt },
            Err(missing) => {
                let previous = match &memory.image {
                    ImageState::Failed(previous) => Some(previous),
                    _ => None,
                };
                let retry = match missing {
                    Missing::Unavailable(message) => {
                        Retry::after(previous, now, LOCAL_RETRY, "ImageInspectError", message)
                    }
                    Missing::Because { reason, message, pulled } => {
                        let pace = if pulled { pull_retry } else { LOCAL_RETRY };
                        Retry::after(previous, now, pace, reason, message)
                    }
                };
                ImageState::Failed(retry)
            }
        };
    }
}

/// A failed pull waits for the next.
pub fn becomes_back_off(retry: &mut Retry, image: &str) {
    retry.message = format!("Back-off pulling image {image:?}: ErrImagePull: {}", retry.message);
    retry.reason = "ImagePullBackOff".to_owned();
}

async fn have<R: Runtime>(runtime: &R, wanted: &Container, notices: &Notices) -> Result<(), Missing> {
    let image = wanted.image.as_deref().unwrap_or_default();
    let name = wanted.name.as_str();
    if let Some(message) = image_name::problem(image) {
        notices.container_warning(name, "InspectFailed", message.clone());
        notices.container_warning(name, "Failed", "Error: InvalidImageName");
        return Err(Missing::Because { reason: "InvalidImageName", message, pulled: false });
    }
    let present = runtime.image(image).await.map_err(|error| {
        let message = format!("Failed to inspect image {image:?}: {error}");
        notices.container_warning(name, "InspectFailed", message.clone());
        Missing::Unavailable(message)
    })?;
    match (wanted.image_pull_policy.as_deref(), present) {
        (Some("Always"), _) | (Some("IfNotPresent") | None, None) => pull(runtime, name, image, notices).await,
        (_, Some(_)) => {
            let message =
                format!("Container image {image:?} already present on machine and can be accessed by the pod");
            notices.container_normal(name, "Pulled", message);
            Ok(())
        }
        (_, None) => {
            let message = format!("Container image {image:?} is not present with pull policy of Never");
            notices.container_warning(name, "ErrImageNeverPull", message.clone());
            notices.container_warning(name, "Failed", "Error: ErrImageNeverPull");
            Err(Missing::Because { reason: "ErrImageNeverPull", message, pulled: false })
        }
    }
}

async fn pull<R: Runtime>(runtime: &R, name: &str, image: &str, notices: &Notices) -> Result<(), Missing> {
    notices.container_normal(name, "Pulling", format!("Pulling image {image:?}"));
    let begun = std::time::Instant::now();
    match runtime.pull(image).await {
        Ok(pulled) => {
            let took = go_duration(SignedDuration::from_millis(begun.elapsed().as_millis() as i64));
            let message = format!(
                "Successfully pulled image {image:?} in {took} ({took} including waiting). Image size: {} bytes.",
                pulled.size_bytes
            );
            notices.container_normal(name, "Pulled", message);
            Ok(())
        }
        Err(error) => {
            notices.container_warning(name, "Failed", format!("Failed to pull image {image:?}: {error}"));
            notices.container_warning(name, "Failed", "Error: ErrImagePull");
            let message = match error {
                RuntimeError::Unavailable(message) => format!("failed to pull image {image:?}: {message}"),
                other => other.to_string(),
            };
            Err(Missing::Because { reason: "ErrImagePull", message, pulled: true })
        }
    }
}
